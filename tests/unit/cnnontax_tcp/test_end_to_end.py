"""Service, adapter, listener and simulator together on real sockets, under the numbered faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.kit.conformance.world import free_port
from adapters.sandbox.runner import started
from adapters.upstreams.cnnontax_tcp import simulator
from adapters.upstreams.cnnontax_tcp.listener import PushListener
from kernel.clock import SystemClock
from kernel.db.errors import DatabaseUnavailable
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamUnavailable,
)
from kernel.ids import RandomIds
from kernel.money import Fen
from payments import (
    STEPS,
    AttemptState,
    Bill,
    BillException,
    BillItem,
    NoFeeDue,
    PayState,
    UpstreamState,
)
from tests.unit.cnnontax_tcp.support import Street, service_for, street
from tests.unit.payments.fakes import order
from tests.unit.payments.memory import MemoryWorks


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Street]:
    async with street(tmp_path) as town:
        yield town


async def raised(here: Street, reference: str = "case-1", code: str = "103043211") -> Bill:
    items = (BillItem(code, "不动产登记费", Fen(8000)),)
    bill = await here.service.raise_bill(order(reference, items=items))
    assert not isinstance(bill, NoFeeDue)
    return bill


async def pending(here: Street, reference: str = "case-1") -> Bill:
    bill = await here.service.issue((await raised(here, reference)).bill_id)
    assert bill.pay is PayState.PENDING
    return bill


async def pay_of(here: Street, bill: Bill) -> PayState:
    return (await here.service.get(bill.bill_id)).pay


async def test_a_citizen_pays_on_the_page(here: Street) -> None:
    bill = await pending(here)
    url = await here.service.open(bill.bill_id)
    page = await here.world.browser.get(url)
    assert "确认支付" in page.text
    assert "80.00 元" in page.text
    assert "张明轩" not in page.text
    paid = await here.world.browser.post("/qr/pay", data={"billId": bill.pay_code})
    assert "缴款成功" in paid.text
    assert await here.push_now() == 0
    after = await here.service.get(bill.bill_id)
    assert after.pay is PayState.PAID
    (attempt,) = await here.service.attempts(bill.bill_id)
    assert (attempt.state, attempt.channel_raw) == (AttemptState.SUCCEEDED, "51")


async def test_01_a_push_delivered_three_times(here: Street) -> None:
    bill = await pending(here)
    await here.knob("duplicate", value=2)
    await here.pay(bill.pay_code)
    assert await here.push_now() == 0
    assert here.answers == 3
    assert await pay_of(here, bill) is PayState.PAID
    assert here.memory.paid_events() == 1


async def test_03_the_push_comes_before_the_answer(here: Street) -> None:
    await here.knob("push_before_response")
    bill = await here.service.issue((await raised(here)).bill_id)
    assert (bill.pay, bool(bill.pay_url)) == (PayState.PAID, True)
    assert here.memory.paid_events() == 1


@pytest.mark.parametrize("action", ["truncated", "malformed", "timeout_after", "timeout_before"])
async def test_04_the_answer_to_an_issue_is_lost(here: Street, action: str) -> None:
    bill = await raised(here)
    await here.world.faults.set(action, operation="issue", times=1, delay_ms=50)
    issued = await here.service.issue(bill.bill_id)
    if issued.pay is PayState.ISSUING:
        await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    after = await here.service.get(bill.bill_id)
    assert (after.pay, after.pay_code) == (PayState.PENDING, bill.pay_code)
    assert await here.bills_upstream() == 1


async def test_05_everything_is_down_after_the_issue(here: Street) -> None:
    bill = await raised(here)
    await here.world.faults.set("truncated", operation="issue", times=0)
    await here.world.faults.set("refuse", operation="query", times=0)
    assert (await here.service.issue(bill.bill_id)).pay is PayState.ISSUING
    with pytest.raises(UpstreamUnavailable):
        await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    assert await pay_of(here, bill) is PayState.ISSUING
    await here.world.faults.clear()
    here.world.reconnect()
    here.service = service_for(
        here.world, here.works, here.world.clock, RandomIds(here.world.clock)
    )
    await STEPS["payments.issue"](here.service, {"bill_id": bill.bill_id})
    assert await pay_of(here, bill) is PayState.PENDING
    assert await here.bills_upstream() == 1


async def test_06_the_agency_is_not_entitled(here: Street) -> None:
    bill = await raised(here, code="103999999")
    failed = await here.service.issue(bill.bill_id)
    assert (failed.pay, failed.failure_code) == (PayState.ISSUE_FAILED, "18012")
    assert await here.bills_upstream() == 0


async def test_10_two_tills_take_the_money(here: Street) -> None:
    bill = await pending(here)
    await here.pay(bill.pay_code)
    await here.pay(bill.pay_code, force=True, payMode="01")
    assert await here.push_now() == 0
    after = await here.service.get(bill.bill_id)
    assert (after.pay, after.exceptions) == (
        PayState.PAID,
        frozenset({BillException.EXCESS_PAYMENT}),
    )
    assert here.memory.paid_events() == 1


async def test_12_the_money_comes_after_the_void(here: Street) -> None:
    bill = await pending(here)
    assert (await here.service.void(bill.bill_id)).pay is PayState.VOIDED
    await here.pay(bill.pay_code, force=True)
    assert await here.push_now() == 0
    after = await here.service.get(bill.bill_id)
    assert after.pay is PayState.PAID
    assert after.exceptions == frozenset({BillException.LATE_PAYMENT})


async def test_13_the_void_meets_a_payment_that_nobody_told_of(here: Street) -> None:
    bill = await pending(here)
    await here.knob("no_push")
    await here.pay(bill.pay_code)
    await here.knob("stale_status")
    after = await here.service.void(bill.bill_id)
    assert after.pay is PayState.PAID
    assert "payments.void_started" in here.memory.topics()


@pytest.mark.parametrize("action", ["timeout_before", "truncated"])
async def test_14_the_answer_to_a_void_is_lost(here: Street, action: str) -> None:
    bill = await pending(here)
    await here.world.faults.set(action, operation="void", times=0, delay_ms=20)
    assert (await here.service.void(bill.bill_id)).pay is PayState.VOIDING
    await here.world.faults.clear()
    here.world.reconnect()
    here.service = service_for(
        here.world, here.works, here.world.clock, RandomIds(here.world.clock)
    )
    await STEPS["payments.void"](here.service, {"bill_id": bill.bill_id})
    assert await pay_of(here, bill) is PayState.VOIDED


@pytest.mark.parametrize("off", [-1, 1, 792000])
async def test_15_the_pushed_amount_is_wrong(here: Street, off: int) -> None:
    bill = await pending(here)
    await here.knob("wrong_amount", value=off)
    await here.pay(bill.pay_code)
    assert await here.push_now() == 0
    after = await here.service.get(bill.bill_id)
    assert (after.pay, after.exceptions) == (
        PayState.PENDING,
        frozenset({BillException.AMOUNT_MISMATCH}),
    )


async def test_15_the_pushed_account_is_wrong(here: Street) -> None:
    bill = await pending(here)
    await here.knob("wrong_account")
    await here.pay(bill.pay_code)
    assert await here.push_now() == 0
    after = await here.service.get(bill.bill_id)
    assert (after.pay, after.exceptions) == (
        PayState.PENDING,
        frozenset({BillException.ACCOUNT_MISMATCH}),
    )


async def test_16_a_late_fee_has_grown(here: Street) -> None:
    bill = await pending(here)
    fee = {"payCode": bill.pay_code, "delayFen": 40}
    assert (await here.world.browser.post("/sim/late-fee", json=fee)).status_code == 204
    await here.pay(bill.pay_code)
    assert await here.push_now() == 0
    after = await here.service.get(bill.bill_id)
    assert (after.pay, after.delay_fen) == (PayState.PAID, 40)


@pytest.mark.parametrize("action", ["wrong_mac", "stranger"])
async def test_18_19_forged_pushes_change_nothing(here: Street, action: str) -> None:
    bill = await pending(here)
    await here.knob(action, times=0)
    await here.pay(bill.pay_code)
    assert await here.push_now() == 1
    assert await pay_of(here, bill) is PayState.PENDING
    assert here.kept == []
    await here.world.browser.delete("/sim/faults")
    assert await here.push_now() == 0
    assert await pay_of(here, bill) is PayState.PAID


async def test_18_another_token_is_told_apart_from_a_broken_line(here: Street) -> None:
    here.world.onboarding = replace(
        here.world.onboarding, secrets={**here.world.onboarding.secrets, "token": "stolen"}
    )
    here.world.reconnect()
    bill = await raised(here)
    with pytest.raises(UpstreamAuthFailed):
        await here.world.provider.query(bill.pay_code)
    with pytest.raises(UpstreamOutcomeUnknown):
        await here.world.provider.issue(bill)
    assert await here.bills_upstream() == 0


async def test_20_a_push_that_is_replayed(here: Street) -> None:
    bill = await pending(here)
    await here.pay(bill.pay_code)
    await here.push_now()
    before = await here.service.get(bill.bill_id)
    await here.on_push(here.kept[0])
    assert await here.service.get(bill.bill_id) == before


async def test_21_a_push_for_a_bill_that_we_do_not_know(here: Street) -> None:
    bill = await pending(here)
    here.works.memory.bills.clear()
    await here.pay(bill.pay_code)
    assert await here.push_now() == 1
    (noted,) = (await here.service.discrepancies()).unmatched
    assert noted.pay_code == bill.pay_code
    here.works.memory.bills[bill.bill_id] = bill
    assert await here.push_now() == 0
    assert await pay_of(here, bill) is PayState.PAID
    assert (await here.service.discrepancies()).unmatched == ()


async def test_27_the_database_is_down_when_the_push_comes(here: Street) -> None:
    bill = await pending(here)
    here.works.down = DatabaseUnavailable()
    await here.pay(bill.pay_code)
    assert await here.push_now() == 1
    here.works.down = None
    assert await here.push_now() == 0
    assert await pay_of(here, bill) is PayState.PAID


async def test_28_a_crash_after_the_commit(here: Street) -> None:
    bill = await pending(here)
    whole = here.service.accept_push
    crashes = iter([ConnectionResetError()])

    async def crash(raw: bytes) -> bytes:
        answer = await whole(raw, here.keep)
        for error in crashes:
            raise error
        return answer

    listener = PushListener(crash)
    here.world.on_push = listener.handle
    await here.pay(bill.pay_code)
    await here.push_now()
    assert await here.push_now() == 0
    assert await pay_of(here, bill) is PayState.PAID
    assert here.memory.paid_events() == 1


async def test_31_a_stale_query_after_the_push(here: Street) -> None:
    bill = await pending(here)
    await here.pay(bill.pay_code)
    await here.push_now()
    await here.knob("stale_status", times=0)
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.PAID
    seen = await here.world.provider.query(bill.pay_code)
    assert seen.state is UpstreamState.UNPAID


async def test_48_a_web_page_is_not_an_answer(here: Street) -> None:
    bill = await raised(here)
    await here.world.faults.set("html", operation="issue", times=0)
    assert (await here.service.issue(bill.bill_id)).pay is PayState.ISSUING
    await here.world.faults.clear()
    await here.world.faults.set("html", operation="query", times=0)
    with pytest.raises((UpstreamProtocolError, UpstreamUnavailable)):
        await here.world.provider.query(bill.pay_code)


async def test_08_without_a_push_only_the_poll_finds_the_payment(here: Street) -> None:
    bill = await pending(here)
    await here.service.open(bill.bill_id)
    await here.knob("no_push")
    await here.pay(bill.pay_code)
    assert await here.push_now() == 0
    ((_, (payload, _)),) = [t for t in here.memory.tasks.items() if t[0][0] == "payments.poll"]
    await STEPS["payments.poll"](here.service, payload)
    assert await pay_of(here, bill) is PayState.PAID


async def test_a_restart_of_the_simulator_forgets_nothing(tmp_path: Path) -> None:
    port = free_port()
    async with street(tmp_path) as here:
        bill = await pending(here)
        here.world.on_push = _nobody
        await here.pay(bill.pay_code)
        assert await here.push_now() == 1
        place = replace(
            here.world.place,
            http_port=free_port(),
            tcp_port=free_port(),
            push_port=port,
            clock=SystemClock(),
        )
    works = MemoryWorks()
    works.memory.bills[bill.bill_id] = bill
    service = service_for(here.world, works, place.clock, RandomIds(place.clock))
    paid = asyncio.Event()

    async def on_push(raw: bytes) -> bytes:
        again = Street(here.world, works, service)
        answer = await again.on_push(raw)
        paid.set()
        return answer

    listener = PushListener(on_push)
    await listener.start("127.0.0.1", port)
    try:
        async with started(place, simulator) as again:
            assert again.onboarding.secrets == here.world.onboarding.secrets
            async with asyncio.timeout(10):
                await paid.wait()
    finally:
        await listener.close()
    assert works.memory.bills[bill.bill_id].pay is PayState.PAID


async def _nobody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read(1)


async def test_the_simulator_refuses_what_it_must(here: Street) -> None:
    bill = await pending(here)
    assert (await here.pay("3" * 20))["result"] == "20004"
    assert (await here.pay(bill.pay_code, amountFen=1))["result"] == "20005"
    assert (await here.world.browser.post("/sim/pay", json={})).status_code == 422
    assert (await here.world.browser.post("/sim/faults", json={"action": "x"})).status_code == 422
    assert (await here.world.browser.get("/qr?billId=<script>")).status_code == 404
    await here.pay(bill.pay_code)
    assert (await here.pay(bill.pay_code))["result"] == "20001"
    assert (await here.world.browser.get("/sim/bills/3")).status_code == 404
