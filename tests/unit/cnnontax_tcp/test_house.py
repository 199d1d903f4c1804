"""The simulated finance system under each of its faults, with the adapter on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.payments_hands import (
    AMOUNT,
    Gateway,
    converse,
    issued,
    pay,
    provider_of,
    receipt_order,
    receipted,
    refund_order,
    settled,
    shown,
    waiting,
)
from adapters.kit.conformance.world import free_port
from adapters.sandbox.finance.faults import Act
from adapters.sandbox.runner import started
from adapters.upstreams.cnnontax_tcp import simulator
from kernel.clock import beijing_day
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.money import Fen
from payments import FundsFact, PaymentFact, RefundNews, RefundProgress, UpstreamState

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["cnnontax_tcp", "cnnontax_http"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with running(request.param, tmp_path) as town:
        quiet = {"autoRefundSeconds": 0}
        (await town.browser.post("/sim/settings", json=quiet)).raise_for_status()
        yield town


async def fault(world: World, action: str, msg_no: str = "", value: int | None = None) -> None:
    rule: dict[str, Any] = {"match": {"msgNo": msg_no}, "action": action, "value": value}
    (await world.browser.post("/sim/faults", json=rule)).raise_for_status()


async def push_now(world: World) -> int:
    left: int = (await world.browser.post("/sim/push")).json()["waiting"]
    return left


def test_every_fault_is_in_the_readme() -> None:
    text = (ROOT / "adapters/upstreams/cnnontax_tcp/README.md").read_text("utf-8")
    assert [act for act in Act if f'"action":"{act}"' not in text] == []


async def test_the_answer_is_dropped_before_or_after_the_commit(world: World) -> None:
    await fault(world, "drop_before_commit", "8994")
    await fault(world, "drop_response_after_commit", "8994")
    with pytest.raises(UpstreamOutcomeUnknown):
        await issued(world, "lost")
    bill = await issued(world, "lost")
    assert (await provider_of(world).query(bill.pay_code)).state is UpstreamState.UNPAID


@pytest.mark.parametrize("action", ["rst", "html_200", "wrong_mac", "oversize"])
async def test_answers_that_are_none(world: World, action: str) -> None:
    bill = await issued(world, "none")
    for _ in range(2):
        await fault(world, action, "8997", 70_000_000 if action == "oversize" else None)
    with pytest.raises(UpstreamError) as raised:
        await provider_of(world).query(bill.pay_code)
    kinds = {"wrong_mac": UpstreamAuthFailed, "rst": UpstreamUnavailable}
    assert type(raised.value) is kinds.get(action, UpstreamProtocolError)
    await world.faults.clear()
    assert (await provider_of(world).query(bill.pay_code)).state is UpstreamState.UNPAID


async def test_slow_and_split_answers_are_answers(world: World) -> None:
    await fault(world, "delay_ms", "8994", 50)
    await fault(world, "split_tcp", "8994")
    assert (await issued(world, "slow")).pay_code


async def test_an_empty_ok_is_no_success(world: World) -> None:
    await fault(world, "empty_information", "8994")
    await fault(world, "empty_information", "8999")
    with pytest.raises(UpstreamOutcomeUnknown):
        await issued(world, "empty")
    bill = await settled(world, "empty")
    with pytest.raises(UpstreamOutcomeUnknown):
        await converse(world).receipts.take_number(bill)


async def test_pushes_are_repeated_split_delayed_and_too_many(world: World) -> None:
    gateway = Gateway(world)
    bill = await issued(world, "many")
    await fault(world, "duplicate", "5996", 4)
    await fault(world, "delay_ms", "5996", 20)
    await pay(world, bill)
    assert await push_now(world) == 0
    assert len(gateway.pushed) == 5
    assert len({push.fact for push in gateway.pushed}) == 1


@pytest.mark.parametrize(
    "action", ["drop_before_commit", "drop_response_after_commit", "rst", "wrong_mac", "stranger"]
)
async def test_a_push_that_fails_comes_again(world: World, action: str) -> None:
    gateway = Gateway(world)
    bill = await issued(world, "again")
    await fault(world, action, "5996")
    await pay(world, bill)
    await push_now(world)
    await push_now(world)
    assert await waiting(world) == 0
    assert any(
        isinstance(p.fact, PaymentFact) and p.fact.pay_code == bill.pay_code for p in gateway.pushed
    )


async def test_a_push_is_overtaken(world: World) -> None:
    gateway = Gateway(world)
    gateway.ok = False
    first, second = await issued(world, "first"), await issued(world, "second")
    rule = {"match": {"payCode": first.pay_code, "msgNo": "5996"}, "action": "reorder"}
    (await world.browser.post("/sim/faults", json=rule)).raise_for_status()
    await pay(world, first)
    await pay(world, second)
    gateway.pushed.clear()
    gateway.ok = True
    await push_now(world)
    codes = [p.fact.pay_code for p in gateway.pushed if isinstance(p.fact, PaymentFact)]
    assert set(codes) == {first.pay_code, second.pay_code}


async def test_wrong_amounts_and_accounts(world: World) -> None:
    gateway = Gateway(world)
    bill = await issued(world, "wrong")
    await fault(world, "wrong_amount", "5996", -1)
    await fault(world, "wrong_account")
    await pay(world, bill)
    await push_now(world)
    fact = gateway.pushed[0].fact
    assert isinstance(fact, PaymentFact)
    assert (fact.amount_fen, fact.account) == (AMOUNT - 1, "6222000000000000")
    await fault(world, "wrong_amount", "5997", 100)
    assert (await provider_of(world).query(bill.pay_code)).amount_fen == AMOUNT + 100


async def test_paid_twice_and_never_told(world: World) -> None:
    gateway = Gateway(world)
    bill, quiet = await issued(world, "twice"), await issued(world, "quiet")
    await fault(world, "double_pay")
    await pay(world, bill)
    await push_now(world)
    numbers = {p.fact.tra_no for p in gateway.pushed if isinstance(p.fact, PaymentFact)}
    assert len(numbers) == 2
    await fault(world, "no_push")
    await pay(world, quiet)
    assert await push_now(world) == 0
    await fault(world, "stale_status")
    assert (await provider_of(world).query(quiet.pay_code)).state is UpstreamState.UNPAID
    assert (await provider_of(world).query(quiet.pay_code)).state is UpstreamState.PAID


async def test_money_around_a_void(world: World) -> None:
    raced, late = await issued(world, "raced"), await issued(world, "late")
    Gateway(world)
    await fault(world, "void_race")
    with pytest.raises(UpstreamRejected) as refused:
        await provider_of(world).void(raced)
    assert refused.value.upstream_code == "20001"
    await fault(world, "late_pay")
    await provider_of(world).void(late)
    assert (await provider_of(world).query(late.pay_code)).state is UpstreamState.PAID


async def test_the_push_overtakes_the_answer(world: World) -> None:
    gateway = Gateway(world)
    await fault(world, "push_before_response", "8994")
    bill = await issued(world, "early")
    assert isinstance(gateway.pushed[0].fact, PaymentFact)
    await fault(world, "push_before_response", "8801")
    order = await refund_order(world, bill, "R1", 8000, 8000)
    await converse(world).refunds.apply_refund(order)
    news = gateway.pushed[-1].fact
    assert isinstance(news, RefundNews)
    assert news.progress is RefundProgress.PAID


@pytest.mark.parametrize(("value", "end"), [(3, "rejected"), (4, "failed")])
async def test_a_refund_that_fails(world: World, value: int, end: str) -> None:
    Gateway(world)
    bill = await settled(world, "fails")
    await fault(world, "refund_fail", "", value)
    await world.browser.post("/sim/settings", json={"autoRefundSeconds": 1})
    provider = converse(world).refunds
    await provider.apply_refund(await refund_order(world, bill, "R1", 8000, 8000))
    for _ in range(2):
        await world.browser.post("/sim/clock", json={"advanceSeconds": 2})
    assert (await provider.query_refund("R1")).progress.value == end
    await provider.apply_refund(await refund_order(world, bill, "R2", 8000, 8000))


async def test_receipts_that_fail_for_hours(world: World) -> None:
    bill = await settled(world, "receipt")
    await fault(world, "receipt_fail", "8999")
    await fault(world, "receipt_fail", "8981")
    provider = converse(world).receipts
    with pytest.raises(UpstreamOutcomeUnknown):
        await provider.take_number(bill)
    number = await provider.take_number(bill)
    assert number == await provider.take_number(bill)
    with pytest.raises(UpstreamOutcomeUnknown):
        await provider.issue_receipt(receipt_order(bill, number))
    assert await provider.find_receipt(bill, number) is None
    made = await receipted(world, bill)
    assert made.number == number


async def test_a_receipt_needs_the_agencys_own_signature(world: World) -> None:
    bill = await settled(world, "forged")
    number = await converse(world).receipts.take_number(bill)
    secrets = {**world.onboarding.secrets, "sign_key": "1" * 64}
    world.onboarding = replace(world.onboarding, secrets=secrets)
    world.reconnect()
    with pytest.raises(UpstreamAuthFailed):
        await converse(world).receipts.issue_receipt(receipt_order(bill, number))


async def test_faults_of_the_reconciliation_file(world: World) -> None:
    Gateway(world)
    first, second = await settled(world, "one"), await settled(world, "two")
    day = (await shown(world, first.pay_code))["payments"][0]["acct_date"]
    await world.browser.post("/sim/clock", json={"advanceSeconds": 3 * 86_400})
    provider, division = converse(world).files, provider_of(world).terms().division
    wanted = beijing_day(world.clock.now())
    wanted += timedelta(days=0 if day == f"{wanted:%Y%m%d}" else 1)

    async def again(action: str, code: str = "", value: int | None = None) -> str:
        rule = {"match": {"payCode": code}, "action": action, "value": value}
        (await world.browser.post("/sim/faults", json=rule)).raise_for_status()
        await world.browser.post("/sim/recon", json={"fileDate": day})
        found = await provider.fetch_file(division, wanted)
        assert found is not None
        return found.content.decode("gb18030")

    assert first.pay_code not in await again("recon_omit", first.pay_code)
    assert "|T|" not in await again("recon_extra")
    assert (await again("recon_extra")).count("\nD|") == 3
    assert "|80.01|" in await again("recon_amount", second.pay_code, 1)
    assert not (await again("recon_truncate")).endswith("\n")


async def test_funds_move_by_themselves_when_told_to(world: World) -> None:
    gateway = Gateway(world)
    await settled(world, "funds")
    await world.browser.post("/sim/settings", json={"autoFundsSeconds": 60})
    await world.browser.post("/sim/clock", json={"advanceSeconds": 200})
    await push_now(world)
    stages = [p.fact.stage.value for p in gateway.pushed if isinstance(p.fact, FundsFact)]
    assert stages == ["received", "treasury"]


async def test_money_shortly_before_midnight_is_booked_on_the_next_day(world: World) -> None:
    Gateway(world)
    bill = await issued(world, "midnight")
    await world.browser.post("/sim/clock", json={"at": "2026-12-31T23:59:59+08:00"})
    await pay(world, bill)
    (payment,) = (await shown(world, bill.pay_code))["payments"]
    assert (payment["date"], payment["acct_date"]) == ("20261231", "20270101")


async def test_the_page_shows_a_qr_picture_until_it_is_paid(world: World) -> None:
    Gateway(world)
    bill = await issued(world, "page")
    page = await world.browser.get(f"/qr?billId={bill.pay_code}")
    assert "<svg" in page.text
    await world.browser.post("/qr/pay", data={"billId": bill.pay_code})
    assert "<svg" not in (await world.browser.get(f"/qr?billId={bill.pay_code}")).text


async def test_a_restart_keeps_clock_settings_receipts_and_refunds(tmp_path: Path) -> None:
    async with running("cnnontax_tcp", tmp_path) as world:
        await world.browser.post("/sim/settings", json={"autoRefundSeconds": 0, "strict": False})
        bill = await settled(world, "kept")
        made = await receipted(world, bill)
        order = await refund_order(world, bill, "R1", 100, 8000)
        await converse(world).refunds.apply_refund(order)
        await world.browser.post("/sim/clock", json={"advanceSeconds": 86_400})
        before = (await world.browser.get("/sim/clock")).json()["now"]
        place = replace(world.place, http_port=free_port(), tcp_port=free_port())
    async with started(place, simulator) as again:
        world = replace(world, onboarding=again.onboarding, place=place)
        connected = world.reconnect()
        try:
            halves = connected.provider
            assert await halves.find_receipt(bill, None) is not None
            assert await halves.verify_receipt(made)
            assert (await halves.query_refund("R1")).progress is RefundProgress.APPLIED
        finally:
            await connected.close()
    assert before > world.clock.now().isoformat()


async def test_strict_refuses_what_live_systems_take(world: World) -> None:
    bill = await issued(world, "strict")
    provider = provider_of(world)
    wrong = {
        "cnnontax_tcp": {"token": "x"},
        "cnnontax_http": {"keys": "k1=another key"},
    }[world.name]
    secrets = {**world.onboarding.secrets, **wrong}
    world.onboarding = replace(world.onboarding, secrets=secrets)
    for strict in (True, False):
        await world.browser.post("/sim/settings", json={"strict": strict})
        world.reconnect()
        with pytest.raises((UpstreamAuthFailed, UpstreamOutcomeUnknown)):
            await provider_of(world).void(bill)
    # Without strict it was believed, though its answer is not ours to believe.
    assert (await provider.query(bill.pay_code)).state is UpstreamState.VOIDED


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sim/pay", {}),
        ("/sim/pay", {"payCode": "1", "channel": "gold"}),
        ("/sim/faults", {"match": {}, "action": "unheard"}),
        ("/sim/faults", {"match": {"msgNo": "x"}, "action": "rst"}),
        ("/sim/clock", {"at": "2026-01-15T00:00:00"}),
        ("/sim/settings", {"strict": 3}),
        ("/sim/refunds", {"refundNo": "R", "stats": "9"}),
        ("/sim/recon", {"fileDate": "yesterday"}),
    ],
)
async def test_controls_refuse_what_they_do_not_know(
    world: World, path: str, body: dict[str, Any]
) -> None:
    assert (await world.browser.post(path, json=body)).status_code == 422


async def test_amounts_asked_back_by_hand(world: World) -> None:
    bill = await settled(world, "parts")
    provider = converse(world).refunds
    for number, left in (("R1", 8000), ("R2", 5000)):
        await provider.apply_refund(await refund_order(world, bill, number, 3000, left))
    with pytest.raises(UpstreamRejected) as refused:
        await provider.apply_refund(await refund_order(world, bill, "R3", 3000, 2000))
    assert refused.value.upstream_code == "20411"
    order = await refund_order(world, bill, "R1", 3000, 8000)
    with pytest.raises(UpstreamRejected) as refused:
        await provider.apply_refund(replace(order, amount_fen=Fen(2999)))
    assert refused.value.upstream_code == "20006"
