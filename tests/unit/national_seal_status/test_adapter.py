"""The national seal status system: its token, its signed list, and what is not believed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.conformance import World, running
from adapters.kit.conformance import seal_status as suite
from adapters.kit.registry import Registry
from adapters.upstreams.national_seal_status import mapping
from adapters.upstreams.national_seal_status.mapping import Malformed
from adapters.upstreams.national_seal_status.options import CODES, STATES, Meaning
from adapters.upstreams.national_seal_status.wire import (
    Code,
    RevocationData,
    RevokedSeal,
    SealStatus,
)
from e_seal import SealState
from kernel.clock import FrozenClock
from kernel.crypto import sm2
from kernel.errors import UpstreamAuthFailed, UpstreamProtocolError, UpstreamRejected
from tests.conftest import START

REGISTRY = Registry.discover()
KEY = sm2.PrivateKey.from_scalar((0x4242).to_bytes(32))


@pytest.fixture
async def world(tmp_path: Path, frozen_clock: FrozenClock) -> AsyncIterator[World]:
    """The simulator under way and the adapter connected to it."""
    name = "national_seal_status"
    async with running(name, tmp_path, registry=REGISTRY, clock=frozen_clock) as made:
        yield made


async def test_one_token_serves_many_questions(world: World, frozen_clock: FrozenClock) -> None:
    for _ in range(3):
        await world.provider.status(suite.SEAL, suite.NAME, frozen_clock.now())
    asked = [record.operation for record in world.calls]
    assert asked == ["token", "sealStatus", "sealStatus", "sealStatus"]
    frozen_clock.advance(timedelta(hours=2))
    await world.provider.status(suite.SEAL, suite.NAME, frozen_clock.now())
    assert [record.operation for record in world.calls][4:] == ["token", "sealStatus"]


async def test_a_list_by_another_key_is_no_list(world: World, frozen_clock: FrozenClock) -> None:
    since = frozen_clock.now() - timedelta(days=30)
    for key in (KEY.public.point.hex(), None):
        world.reconnect(list_public_key=key)
        with pytest.raises(UpstreamProtocolError):
            await world.provider.revocations(since)
    world.reconnect(list_public_key=None, list_signature="unchecked")
    assert [one.code for one in await world.provider.revocations(since)] == [suite.DEAD_SEAL]


async def test_the_catalogue_is_a_setting(world: World, frozen_clock: FrozenClock) -> None:
    world.reconnect(status_catalogue="IK9999")
    with pytest.raises((UpstreamProtocolError, UpstreamRejected)):
        await world.provider.status(suite.SEAL, suite.NAME, frozen_clock.now())


async def test_the_sign_rule_is_a_setting(world: World, frozen_clock: FrozenClock) -> None:
    world.reconnect(sign_rule="none")
    with pytest.raises(UpstreamAuthFailed):
        await world.provider.status(suite.SEAL, suite.NAME, frozen_clock.now())


async def test_nothing_secret_is_logged(
    world: World, frozen_clock: FrozenClock, capsys: Any, caplog: Any
) -> None:
    caplog.set_level(0)
    await world.provider.status(suite.SEAL, suite.NAME, frozen_clock.now())
    said = capsys.readouterr().out + caplog.text
    assert "sealStatus" in said
    for secret in world.onboarding.secrets.values():
        assert secret not in said


def test_every_code_and_status_has_a_meaning() -> None:
    assert set(CODES) == set(Code)
    assert set(CODES.values()) == set(Meaning)
    assert set(STATES) == set(SealStatus)
    assert STATES[SealStatus.INVALID] is SealState.REVOKED


def page(**changed: Any) -> RevocationData:
    fields: dict[str, Any] = {
        "version": "1",
        "invalidEffectTime": "2026-03-02 12:00:00",
        "nextUpdateTime": "2026-04-02 12:00:00",
        "signature": "",
        "signAlgorithm": "SM2",
        "signHashAlgorithm": "SM3",
        "secretKey": "",
        "awardCompany": "发布系统",
        "revocationList": [
            {"sealCode": "1", "sealName": "甲局", "revocationTime": "2026-03-01 12:00:00"}
        ],
    }
    return RevocationData.model_validate(fields | changed)


def signed(one: RevocationData) -> RevocationData:
    value = base64.b64encode(sm2.sign(KEY, mapping.list_text(one))).decode()
    return one.model_copy(update={"signature": value})


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "2"},
        {"nextUpdateTime": "2027-04-02 12:00:00"},
        {"awardCompany": "别的系统"},
        {"revocationList": []},
        {"signature": "!"},
        {"signature": ""},
    ],
)
def test_a_changed_page_is_not_genuine(changed: dict[str, Any]) -> None:
    good = signed(page())
    assert mapping.list_is_genuine(good, KEY.public.point.hex())
    assert not mapping.list_is_genuine(good.model_copy(update=changed), KEY.public.point.hex())
    assert not mapping.list_is_genuine(good, "04" + "00" * 64)


def test_values_with_separators_are_refused() -> None:
    with pytest.raises(Malformed):
        mapping.list_text(page(awardCompany="甲|乙"))
    assert not mapping.list_is_genuine(page(awardCompany="甲\n乙"), KEY.public.point.hex())


@given(st.integers(-(10**9), 10**9))
def test_times_come_back(seconds: int) -> None:
    at = START + timedelta(seconds=seconds)
    assert mapping.parsed_time(mapping.time_text(at)) == at


def test_lines_are_put_in_order() -> None:
    lines = [
        RevokedSeal(sealCode=code, sealName="n", revocationTime=time)
        for code, time in (("b", "2026-03-02 12:00:00"), ("a", "2026-03-01 12:00:00"))
    ]
    assert [one.code for one in mapping.revocations(lines)] == ["a", "b"]
