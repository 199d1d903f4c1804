"""Registers that are down, refused, forged or talk nonsense: never an exception, never a match."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import adapters.upstreams.data_share as package
from adapters.kit.checks import probe
from adapters.kit.checks.layers import Layer
from adapters.kit.conformance import World, running
from adapters.kit.conformance import data_check as suite
from adapters.kit.conformance.e_license_hands import purpose
from adapters.kit.kit import Kit
from adapters.kit.registry import Registry
from adapters.upstreams.data_share import adapter
from adapters.upstreams.data_share.options import Options
from adapters.upstreams.data_share.signature import answer_sign
from e_license.check_ports import CheckStatus, CreditClaim
from kernel.clock import FrozenClock, SystemClock
from kernel.ids import SequentialIds


@pytest.fixture
def registry() -> Registry:
    found = Registry()
    found.add(Path(package.__path__[0]) / "manifest.toml", package.__name__)
    return found


@pytest.fixture
async def world(
    tmp_path: Path, registry: Registry, frozen_clock: FrozenClock
) -> AsyncIterator[World]:
    async with running("data_share", tmp_path, registry=registry, clock=frozen_clock) as made:
        yield made


async def knobs(world: World, **set_to: Any) -> None:
    (await world.browser.post("/sim/registers", json=set_to)).raise_for_status()


@pytest.mark.parametrize(
    ("set_to", "reason"),
    [
        ({"down": ["population"]}, "upstream_unavailable"),
        ({"unapproved": ["population"]}, "licence_denied"),
        ({"forged": True}, "upstream_protocol_error"),
    ],
)
async def test_a_register_that_fails_is_unavailable(world, set_to, reason):
    await knobs(world, **set_to)
    answer = await world.provider.check(suite.PERSON, purpose())
    assert (answer.status, answer.reason) == (CheckStatus.UNAVAILABLE, reason)
    assert answer.checked_at == world.clock.now()


async def test_a_register_that_is_not_offered_is_not_asked(world):
    world.reconnect(population_path="")
    answer = await world.provider.check(suite.PERSON, purpose())
    assert (answer.status, answer.reason) == (CheckStatus.UNAVAILABLE, "licence_not_supported")
    assert not world.calls


async def test_an_organisation_in_the_list_of_discredit(world):
    listed = CreditClaim("91370100MA3YCH048H", "济南龙洞示例建材有限公司")
    assert (await world.provider.check(listed, purpose())).status is CheckStatus.MISMATCH
    unknown = CreditClaim("91370100MA3YCH048H", "另一家公司")
    assert (await world.provider.check(unknown, purpose())).status is CheckStatus.NOT_FOUND


async def test_a_clock_that_is_wrong_is_told_by_the_self_check(tmp_path, registry, frozen_clock):
    async with running("data_share", tmp_path, registry=registry, clock=frozen_clock) as world:
        late = FrozenClock(frozen_clock.now() + timedelta(minutes=6))
        connected = registry.connect(
            "data_share",
            world.onboarding.options,
            world.onboarding.secrets,
            clock=late,
            ids=world.ids,
            telemetry=world.telemetry,
        )
        try:
            found = await probe(connected, frozen_clock)
        finally:
            await connected.close()
    assert found.fault is Layer.AUTHENTICATION


class Canned:
    """Answers with what a test makes of the request."""

    def __init__(self, make: Any) -> None:
        self._make = make

    async def request_json(self, operation: str, method: str, url: str, **parts: Any) -> Any:
        return self._make(parts["json"])

    async def request(self, *_args: Any, **_parts: Any) -> Any:
        raise AssertionError("only JSON here")

    async def exchange(self, *_args: Any) -> bytes:
        raise AssertionError("no TCP here")


def signed(request: Any, *, code: str = "0", **data: str) -> dict[str, Any]:
    number = request["requestId"]
    sign = answer_sign("s", number, code, data.get("result", ""), data.get("serialNo", ""))
    return {"code": code, "requestId": number, "data": data or None, "sign": sign}


@pytest.mark.parametrize(
    ("make", "unknown"),
    [
        (lambda _request: None, []),
        (lambda _request: "<html>", []),
        (lambda _request: [], []),
        (signed, []),
        (lambda request: signed(request) | {"requestId": "another"}, []),
        (lambda request: signed(request, result="1"), []),
        (lambda request: signed(request, result="1", serialNo="1") | {"sign": "0" * 64}, []),
        (lambda request: signed(request, code="7", result="1", serialNo="1"), [("code", "7")]),
        (lambda request: signed(request, result="9", serialNo="1"), [("result", "9")]),
    ],
)
async def test_nonsense_never_matches(registry, make, unknown):
    told: list[tuple[str, str]] = []
    kit = Kit(
        manifest=registry.manifest("data_share"),
        client=Canned(make),
        secrets={"app_secret": "s"},
        clock=SystemClock(),
        ids=SequentialIds(),
        unknown=lambda field, code: told.append((field, code)),
    )
    share = adapter.create(Options(base_url="http://127.0.0.1", app_id="a"), kit)
    answer = await share.check(suite.PERSON, purpose())
    assert (answer.status, answer.reason) == (CheckStatus.UNAVAILABLE, "upstream_protocol_error")
    assert told == unknown


async def test_a_right_answer_matches(registry):
    kit = Kit(
        manifest=registry.manifest("data_share"),
        client=Canned(lambda request: signed(request, result="1", serialNo="n-1")),
        secrets={"app_secret": "s"},
        clock=SystemClock(),
        ids=SequentialIds(),
        unknown=lambda _field, _code: None,
    )
    share = adapter.create(Options(base_url="http://127.0.0.1", app_id="a"), kit)
    answer = await share.check(suite.PERSON, purpose())
    assert (answer.status, answer.receipt) == (CheckStatus.MATCH, "n-1")
