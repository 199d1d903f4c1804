"""Adapter and simulator over HTTP: rotation of keys, forged answers, repeated nonces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.dialects.cfx import Head, read_xml, write_voucher, write_xml
from adapters.kit.conformance import World, running
from adapters.kit.conformance.payments_hands import Gateway, issued, pay, provider_of, waiting
from adapters.upstreams.cnnontax_http import signature, wire
from kernel.errors import UpstreamAuthFailed
from payments import UpstreamState


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running("cnnontax_http", tmp_path) as town:
        yield town


async def test_47_keys_rotate_without_a_lost_message(world: World) -> None:
    gateway = Gateway(world)
    bill = await issued(world, "rotated")
    answer = await world.browser.post("/sim/keys", json={"overlapSeconds": 600})
    keys = answer.json()["keys"]
    assert (await provider_of(world).query(bill.pay_code)).state is UpstreamState.UNPAID
    secrets = {**world.onboarding.secrets, "keys": keys}
    world.onboarding = replace(world.onboarding, secrets=secrets)
    end = (world.clock.now() + timedelta(seconds=600)).isoformat()
    world.reconnect(key_until={"k1": end})
    await pay(world, bill)
    await world.browser.post("/sim/push")
    assert await waiting(world) == 0
    assert gateway.pushed
    assert keys.startswith("k2=")


async def test_47_an_ended_key_is_refused(world: World) -> None:
    bill = await issued(world, "ended")
    await world.browser.post("/sim/keys", json={"overlapSeconds": 0})
    with pytest.raises(UpstreamAuthFailed):
        await provider_of(world).query(bill.pay_code)


async def test_46_an_answer_from_another_time_is_not_believed(world: World) -> None:
    bill = await issued(world, "skewed")
    for skew in (600, -600):
        rule = {"match": {"msgNo": "8997"}, "action": "clock_skew", "value": skew}
        await world.browser.post("/sim/faults", json=rule)
        with pytest.raises(UpstreamAuthFailed):
            await provider_of(world).query(bill.pay_code)


async def test_46_a_push_from_another_time_comes_again(world: World) -> None:
    gateway = Gateway(world)
    bill = await issued(world, "skewed")
    rule = {"match": {"msgNo": "5996"}, "action": "clock_skew", "value": 600}
    await world.browser.post("/sim/faults", json=rule)
    await pay(world, bill)
    await world.browser.post("/sim/push")
    await world.browser.post("/sim/push")
    assert await waiting(world) == 0
    assert [refused.upstream_code for refused in gateway.refused] == ["90005"]


def numbering(msg_id: str) -> bytes:
    head = Head("K3700000001", "F370000", "8999", msg_id, msg_id, "20260115")
    return write_xml(head, [write_voucher([("BillVerCode", "37010126")])])


async def test_the_same_message_is_answered_again_and_acted_on_once(world: World) -> None:
    key = signature.parse_keys(world.onboarding.secrets["keys"])[0]
    path = wire.message_path("8999")

    async def send(body: bytes, nonce: str) -> str:
        headers = signature.headers_of(key, "POST", path, world.clock.now(), nonce, body)
        answer = await world.browser.post(path, content=body, headers=headers)
        voucher = read_xml(answer.content).voucher
        return voucher["Result"] + voucher["Information"]

    first = await send(numbering("1"), "a" * 32)
    assert first == "000000000000001"
    assert await send(numbering("1"), "a" * 32) == first
    assert (await send(numbering("2"), "a" * 32))[:5] == "90005"
    assert await send(numbering("1"), "b" * 32) == "000000000000002"


async def test_an_unsigned_message_is_refused_unless_the_house_is_lenient(world: World) -> None:
    path = wire.message_path("8997")
    strict = await world.browser.post(path, content=b"<CFX></CFX>")
    await world.browser.post("/sim/settings", json={"strict": False})
    lenient = await world.browser.post(path, content=b"<CFX></CFX>")
    assert strict.content != lenient.content


@pytest.mark.parametrize("overlap", ["long", -1, 90_000])
async def test_a_rotation_that_makes_no_sense(world: World, overlap: object) -> None:
    answer = await world.browser.post("/sim/keys", json={"overlapSeconds": overlap})
    assert answer.status_code == 422
