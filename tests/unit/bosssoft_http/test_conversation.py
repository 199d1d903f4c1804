"""The method gateway's simulator: codes that it makes, lost answers, what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.payments_hands import (
    bill_of,
    issued,
    order_number,
    pay,
    provider_of,
    waiting,
)
from kernel.errors import UpstreamAuthFailed, UpstreamOutcomeUnknown, UpstreamRejected
from payments import BillItem, OrderFinder, UpstreamState


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running("bosssoft_http", tmp_path) as town:
        yield town


async def test_a_lost_answer_leaves_one_bill_and_one_code(world: World) -> None:
    provider = provider_of(world)
    assert isinstance(provider, OrderFinder)
    for _ in range(2):
        rule = {"match": {"msgNo": "8994"}, "action": "drop_response_after_commit"}
        await world.browser.post("/sim/faults", json=rule)
    with pytest.raises(UpstreamOutcomeUnknown):
        await provider.issue(bill_of(world, "lost"))
    found = await provider.find_order(order_number(world, "lost"))
    assert found.state is UpstreamState.UNPAID
    again = await issued(world, "lost")
    assert again.pay_code == found.pay_code


async def test_nothing_is_pushed(world: World) -> None:
    bill = await issued(world, "quiet")
    await pay(world, bill)
    assert await waiting(world) == 0
    seen = await provider_of(world).query(bill.pay_code)
    assert seen.fact is not None
    assert seen.fact.tra_no
    assert seen.fact.paid_at is not None


async def test_a_charge_that_the_agency_may_not_levy(world: World) -> None:
    bill = bill_of(world, "foreign")
    items = (BillItem("103999999", "别人的收费", bill.items[0].amount_fen),)
    with pytest.raises(UpstreamRejected) as refused:
        await provider_of(world).issue(replace(bill, items=items))
    assert refused.value.upstream_code == "18012"


async def test_a_wrong_appkey_is_refused(world: World) -> None:
    secrets = {**world.onboarding.secrets, "appkey": "another"}
    world.onboarding = replace(world.onboarding, secrets=secrets)
    world.reconnect()
    with pytest.raises(UpstreamAuthFailed):
        await provider_of(world).query("3" * 20)


async def test_names_with_separators_reach_the_page(world: World) -> None:
    bill = bill_of(world, "names")
    items = (replace(bill.items[0], name="工本费|加急"),)
    made = await provider_of(world).issue(replace(bill, items=items))
    assert "工本费／加急" in (await world.browser.get(made.pay_url)).text
