"""The component interface over HTTP: its simulator's refusals, and answers nobody should give."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance import e_seal as suite
from adapters.kit.kit import Answer, Kit
from adapters.kit.registry import Registry
from adapters.upstreams.oes_http import adapter, mapping
from adapters.upstreams.oes_http.options import CODES, STATES, Meaning, Options
from adapters.upstreams.oes_http.wire import Code, Function, Status
from e_seal import SealState, SignatureForm
from e_seal.ses.read import read_seal
from kernel.clock import FrozenClock
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import SequentialIds
from tests.conftest import START

REGISTRY = Registry.discover()


@pytest.fixture
async def world(tmp_path: Path, frozen_clock: FrozenClock) -> AsyncIterator[World]:
    """The simulator under way and the adapter connected to it."""
    async with running("oes_http", tmp_path, registry=REGISTRY, clock=frozen_clock) as made:
        yield made


async def ask(world: World, function: str, key: str | None = None, **fields: str) -> Any:
    secret = key or world.onboarding.secrets["access_key"]
    answer = await world.browser.post(
        f"/oes/{function}",
        json={"user": "onewindow-sandbox", **fields},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200
    return answer.json()


def right(**changed: str) -> dict[str, str]:
    digest = suite.digest_of("1")
    fields = mapping.sign_fields("request-1", suite.SEAL, suite.PATH, digest, START)
    return fields | changed


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"sealId": suite.NO_SEAL}, Code.SEAL_UNKNOWN),
        ({"sealId": suite.FROZEN_SEAL}, Code.SEAL_FROZEN),
        ({"sealId": suite.REVOKED_SEAL}, Code.SEAL_REVOKED),
        ({"digest": ""}, Code.PARAMETER),
        ({"digest": "!"}, Code.PARAMETER),
        ({"signMethod": "1.2.840.113549.1.1.1"}, Code.PARAMETER),
        ({"signDateTime": "2026-03-02"}, Code.PARAMETER),
        ({"docProperty": "Signature.xml"}, Code.PARAMETER),
        ({"requestId": ""}, Code.PARAMETER),
        ({"user": "nobody"}, Code.KEY_WRONG),
    ],
)
async def test_what_it_refuses(world: World, changed: dict[str, str], code: Code) -> None:
    assert await ask(world, "Sign", **right(**changed)) == {"code": code, "data": None}
    assert await suite.acts(world) == []


async def test_only_the_key_s_owner_is_answered(world: World) -> None:
    assert (await ask(world, "GetSealList", key="x" * 20))["code"] == Code.KEY_WRONG
    answer = await world.browser.post("/oes/Nothing", json={})
    assert answer.status_code == 404


async def test_the_picture_is_the_one_in_the_seal(world: World) -> None:
    seal = read_seal((await world.provider.get_seal(suite.SEAL)).data)
    assert await world.provider.seal_image(suite.SEAL) == seal.picture.data


async def test_a_renewed_seal_comes_as_another_issue(world: World) -> None:
    before = (await world.provider.get_seal(suite.SEAL)).data
    (await world.browser.post(f"/sim/seals/{suite.SEAL}/reissue")).raise_for_status()
    after = (await world.provider.get_seal(suite.SEAL)).data
    assert after != before
    assert read_seal(after).code == suite.SEAL
    assert (await world.browser.post(f"/sim/seals/{suite.NO_SEAL}/reissue")).status_code == 404


async def test_a_lock_is_not_offered(world: World) -> None:
    order = replace(suite.request(world), form=SignatureForm.CMS)
    with pytest.raises(UpstreamRejected) as told:
        await world.provider.sign_digest(order)
    assert told.value.upstream_code == "unsupported"
    assert world.calls == []


async def test_error_texts_are_the_component_s(world: World) -> None:
    assert await world.provider.error_text(Code.CANCEL) == "CANCEL"
    with pytest.raises(UpstreamRejected):
        await world.provider.error_text(0xFF)


def test_every_code_and_state_has_a_meaning() -> None:
    assert set(CODES) == set(Code) - {Code.OK}
    assert set(CODES.values()) == set(Meaning)
    assert set(STATES) == set(Status)
    assert set(STATES.values()) == set(SealState) - {SealState.UNKNOWN, SealState.REVOKED_LATER}


class Canned:
    """Answers every question with the same body."""

    def __init__(self, body: Any) -> None:
        self.body = body

    async def request_json(self, *_args: Any, **_parts: Any) -> Any:
        return self.body

    async def request(self, *_args: Any, **_parts: Any) -> Answer:
        raise AssertionError("every answer is JSON")

    async def exchange(self, *_args: Any) -> bytes:
        raise AssertionError("no TCP here")


def connect(body: Any, clock: FrozenClock) -> tuple[adapter.OesSeals, list[tuple[str, str]]]:
    unknown: list[tuple[str, str]] = []
    kit = Kit(
        manifest=REGISTRY.manifest("oes_http"),
        client=Canned(body),
        secrets={"access_key": "k"},
        clock=clock,
        ids=SequentialIds(),
        unknown=lambda field, code: unknown.append((field, code)),
    )
    return adapter.create(Options(base_url="http://127.0.0.1", user="u"), kit), unknown


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.CANCEL, UpstreamRejected),
        (Code.KEY_WRONG, UpstreamAuthFailed),
        (Code.SEAL_UNKNOWN, UpstreamRejected),
        (Code.BUSY, UpstreamUnavailable),
        (Code.INTERNAL, UpstreamOutcomeUnknown),
        (0x77, UpstreamOutcomeUnknown),
    ],
)
async def test_what_a_code_means_for_a_signature(
    world: World, frozen_clock: FrozenClock, code: int, kind: type[Exception]
) -> None:
    provider, unknown = connect({"code": code, "data": None}, frozen_clock)
    with pytest.raises(kind):
        await provider.sign_digest(suite.request(world))
    assert unknown == ([("code", "0x77")] if code == 0x77 else [])


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"code": "x"}, {"code": 0}, {"code": 0, "data": {"id": 1, "status": "0"}}],
)
async def test_answers_against_the_protocol(frozen_clock: FrozenClock, body: Any) -> None:
    provider, _ = connect(body, frozen_clock)
    with pytest.raises(UpstreamProtocolError):
        await provider.status(suite.SEAL)


async def test_an_unknown_state_is_counted(frozen_clock: FrozenClock) -> None:
    data = {"id": suite.SEAL, "name": "n", "status": "9"}
    provider, unknown = connect({"code": 0, "data": data}, frozen_clock)
    with pytest.raises(UpstreamProtocolError):
        await provider.status(suite.SEAL)
    assert unknown == [("status", "9")]


async def test_a_find_that_finds_what_nobody_made_fails_the_self_check(
    frozen_clock: FrozenClock,
) -> None:
    provider, _ = connect({"code": 0, "data": {"signValue": "MIIB"}}, frozen_clock)
    checks = {check.operation: check for check in provider.checks()}
    with pytest.raises(UpstreamProtocolError):
        await checks[Function.FIND_SIGN_VALUE].run()


@pytest.mark.parametrize("text", ["AAAA=", "AAAA====", "QQ=", "Q", "QQ==\n", "章", ""])
def test_base64_that_is_not_padded_as_it_must_be_is_refused(text: str) -> None:
    with pytest.raises(mapping.Malformed):
        mapping.decoded(text)


def test_base64_is_read() -> None:
    assert mapping.decoded("QQ==") == b"A"
