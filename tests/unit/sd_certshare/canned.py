"""Answers that no specification allows, handed to the adapter without a simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from adapters.kit.kit import Answer, Kit
from adapters.upstreams.sd_certshare import adapter
from adapters.upstreams.sd_certshare.options import Options
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.ids import SequentialIds

# The example of GB/T 32918.5: known to everybody, it protects nothing.
KEY = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"


class Canned:
    """Answers every question with the same body; notes what was asked for."""

    def __init__(self, body: Any, file: Answer | None = None) -> None:
        self.body = body
        self.file = file
        self.urls: list[str] = []
        self.sent: list[Any] = []

    async def request_json(self, operation: str, method: str, url: str, **parts: Any) -> Any:
        self.urls.append(url)
        self.sent.append(parts.get("json"))
        return self.body

    async def request(self, operation: str, method: str, url: str, **_parts: Any) -> Answer:
        self.urls.append(url)
        assert self.file is not None
        return self.file

    async def exchange(self, *_args: Any) -> bytes:
        raise AssertionError("no TCP here")


def kit_of(
    client: Canned,
    manifest: Any,
    secrets: Mapping[str, str] | None = None,
    unknown: Callable[[str, str], None] = lambda _field, _code: None,
) -> Kit:
    return Kit(
        manifest=manifest,
        client=client,
        secrets=secrets or {"access_token": "t", "private_key": KEY},
        clock=SystemClock(),
        ids=SequentialIds(),
        unknown=unknown,
    )


def provider(
    client: Canned, manifest: Any, *, secrets: Mapping[str, str] | None = None, **options: Any
) -> tuple[adapter.CertShare, list[tuple[str, str]]]:
    unknown: list[tuple[str, str]] = []
    kit = kit_of(client, manifest, secrets, lambda field, code: unknown.append((field, code)))
    chosen = Options(base_url="http://127.0.0.1", access_id="a", system_name="一窗", **options)
    return adapter.create(chosen, kit), unknown


def sealed(value: Any, order: sm2.Order = sm2.Order.C1C2C3) -> str:
    plain = value if isinstance(value, bytes) else json.dumps(value).encode()
    return sm2.encrypt(sm2.PrivateKey.from_hex(KEY).public, plain, order).hex()


def ok(data: Any) -> dict[str, Any]:
    return {"head": {"status": 0, "message": ""}, "data": data}
