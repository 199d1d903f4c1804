"""Raising, paying, polling and closing bills, where nothing goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from kernel.errors import IllegalTransition, InvalidInput
from kernel.money import Fen
from payments import (
    LABELS,
    PAY,
    STEPS,
    AttemptState,
    Bill,
    BillClosed,
    BillItem,
    BillNotFound,
    BillNotReady,
    FundState,
    InvalidBill,
    Outcome,
    PayState,
    PublicStatus,
    ReceiptState,
    RefundState,
    public_status,
)
from payments.polling import next_poll
from tests.unit.payments.fakes import START, Town, order, push_of, town, unavailable


async def test_a_bill_is_stored_with_its_code_before_anything_is_sent() -> None:
    here = town()
    bill = await here.raised()
    assert here.finance.calls == []
    assert bill.pay is PayState.ISSUING
    assert bill.pay_code.startswith("370000261")
    assert (bill.amount_fen, bill.deadline) == (8000, START + timedelta(days=15))
    assert here.memory.tasks["payments.issue", bill.bill_id][1] == START + timedelta(seconds=30)
    assert here.memory.tasks["payments.expire", bill.bill_id][1] == bill.deadline
    assert here.memory.topics() == ["payments.bill_raised"]


async def test_the_usual_way_to_paid() -> None:
    here = town()
    bill = await here.pending()
    url = await here.service.open(bill.bill_id)
    assert url.endswith(bill.pay_code)
    assert (await here.now(bill)).pay is PayState.PAYING
    assert await here.service.handle_fact(push_of(bill)) is Outcome.PAID
    after = await here.now(bill)
    assert (public_status(after), after.paid_at) == (
        PublicStatus.PAID,
        START + timedelta(minutes=1),
    )
    (attempt,) = await here.service.attempts(bill.bill_id)
    assert (attempt.state, attempt.opened_here, attempt.tra_no) == (
        AttemptState.SUCCEEDED,
        True,
        "T1",
    )
    assert here.memory.topics() == [
        "payments.bill_raised",
        "payments.issued",
        "payments.payment_started",
        "payments.paid",
    ]
    changed = {key: task for key, task in here.memory.tasks.items() if "changed" in key[0]}
    assert list(changed) == [("payments.changed", f"{bill.bill_id}:{n}") for n in (2, 3, 4)]
    assert all(payload["reference"] == "case-1" for payload, _ in changed.values())
    with pytest.raises(BillClosed):
        await here.service.open(bill.bill_id)


async def test_a_counter_payment_needs_no_attempt_of_ours() -> None:
    here = town()
    bill = await here.pending()
    await here.service.handle_fact(push_of(bill))
    (attempt,) = await here.service.attempts(bill.bill_id)
    assert (attempt.opened_here, attempt.state) == (False, AttemptState.SUCCEEDED)


async def test_a_payment_learned_from_a_query_gets_its_number_from_the_push() -> None:
    here = town()
    bill = await here.pending()
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    here.clock.advance(timedelta(minutes=5))
    assert (await here.service.refresh(bill.bill_id)).paid_at == here.clock.at
    assert await here.service.handle_fact(fact) is Outcome.CONFIRMED
    (attempt,) = await here.service.attempts(bill.bill_id)
    assert (attempt.tra_no, (await here.now(bill)).paid_at) == (fact.tra_no, fact.paid_at)
    assert await here.service.handle_fact(push_of(bill, "T9")) is Outcome.EXCESS


async def test_an_attempt_without_money_is_closed_and_another_may_follow() -> None:
    here = town()
    bill = await here.pending()
    await here.service.open(bill.bill_id)
    here.clock.advance(timedelta(minutes=29))
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.PAYING
    here.clock.advance(timedelta(minutes=2))
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.PENDING
    await here.service.open(bill.bill_id)
    states = [a.state for a in await here.service.attempts(bill.bill_id)]
    assert states == [AttemptState.CLOSED, AttemptState.REDIRECTED]


async def test_polls_follow_the_schedule_until_the_money_is_there() -> None:
    here = town()
    bill = await here.pending()
    await here.service.open(bill.bill_id)
    here.finance.fail("query", unavailable())
    for _ in range(3):
        await _due_poll(here)
    here.finance.pay(bill.pay_code)
    await _due_poll(here)
    assert (await here.now(bill)).pay is PayState.PAID
    assert not [key for key in here.memory.tasks if key[0] == "payments.poll"]
    assert here.clock.at == START + timedelta(seconds=5 + 10 + 20 + 40)


async def _due_poll(here: Town) -> None:
    ((key, (payload, due)),) = [
        task for task in here.memory.tasks.items() if task[0][0] == "payments.poll"
    ]
    assert due is not None
    here.clock.advance(due - here.clock.at)
    del here.memory.tasks[key]
    await STEPS["payments.poll"](here.service, payload)


def test_the_schedule_of_polls() -> None:
    deadline = START + timedelta(hours=1)
    at: datetime | None = START
    asked, times = 0, [START]
    while (at := next_poll(asked, times[-1], deadline)) is not None:
        asked += 1
        times.append(at)
    waits = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert waits == [5, 10, 20, 40, 60, 120, 300, 900, 900, 900, 345]
    assert times[-1] == deadline
    assert next_poll(3, deadline + timedelta(days=1), deadline) is None


async def test_a_deadline_voids_upstream_first() -> None:
    here = town()
    bill = await here.pending()
    assert (await here.service.expire(bill.bill_id)).pay is PayState.PENDING
    here.clock.advance(timedelta(days=15))
    with pytest.raises(BillClosed):
        await here.service.open(bill.bill_id)
    await STEPS["payments.expire"](here.service, {"bill_id": bill.bill_id})
    after = await here.now(bill)
    assert (after.pay, public_status(after)) == (PayState.EXPIRED, PublicStatus.EXPIRED)
    assert [name for name, _ in here.finance.calls] == ["issue", "query", "void"]


async def test_a_bill_that_is_being_issued_cannot_be_voided() -> None:
    here = town()
    bill = await here.raised()
    with pytest.raises(BillNotReady):
        await here.service.void(bill.bill_id)


async def test_voiding_twice_is_voiding_once() -> None:
    here = town()
    bill = await here.pending()
    await here.service.void(bill.bill_id)
    assert (await here.service.void(bill.bill_id)).pay is PayState.VOIDED
    assert [name for name, _ in here.finance.calls].count("void") == 1


async def test_the_sweep_asks_about_every_open_bill() -> None:
    here = town()
    issuing = await here.raised("case-1")
    paid, overdue, voiding = [await here.pending(f"case-{n}") for n in (2, 3, 4)]
    here.finance.pay(paid.pay_code)
    here.finance.fail("void", unavailable())
    assert (await here.service.void(voiding.bill_id)).pay is PayState.VOIDING
    here.clock.advance(timedelta(days=15))
    await STEPS["payments.sweep"](here.service, {})
    states = [(await here.now(bill)).pay for bill in (issuing, paid, overdue, voiding)]
    assert states == [PayState.EXPIRED, PayState.PAID, PayState.EXPIRED, PayState.VOIDED]


async def test_one_bill_that_fails_does_not_stop_the_sweep() -> None:
    here = town()
    first, second = await here.pending("case-1"), await here.pending("case-2")
    here.finance.pay(first.pay_code)
    here.finance.pay(second.pay_code)
    here.finance.fail("query", unavailable())
    await STEPS["payments.sweep"](here.service, {})
    assert (await here.now(first)).pay is PayState.PENDING
    assert (await here.now(second)).pay is PayState.PAID


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": ""},
        {"reference": "x" * 65},
        {"fee_version": ""},
        {"items": ()},
        {"items": (BillItem("1", "费", Fen(-1)), BillItem("2", "费", Fen(2)))},
        {"delay_fen": Fen(-1)},
    ],
)
async def test_orders_that_cannot_be_billed(changes: dict[str, Any]) -> None:
    here = town()
    with pytest.raises(InvalidBill):
        await here.service.raise_bill(order(**changes))
    assert here.memory.bills == {}


async def test_a_sum_beyond_the_range_is_refused() -> None:
    here = town()
    huge = (BillItem("1", "费", Fen(2**62)), BillItem("2", "费", Fen(2**62)))
    with pytest.raises(InvalidInput):
        await here.service.raise_bill(order(items=huge))


async def test_reading() -> None:
    here = town()
    first = await here.raised()
    second = await here.raised(fee_version="2")
    assert [b.bill_id for b in await here.service.by_reference("case-1")] == [
        first.bill_id,
        second.bill_id,
    ]
    assert not await here.service.by_reference("case-9")
    with pytest.raises(BillNotFound):
        await here.service.get("bill_0")


def test_every_status_has_a_label_and_a_state_that_leads_to_it() -> None:
    assert set(LABELS) == set(PublicStatus)
    seen = {public_status(_bill(pay=pay)) for pay in PayState}
    seen |= {
        public_status(_bill(pay=PayState.PAID, fund=FundState.RECEIVED)),
        public_status(_bill(pay=PayState.PAID, receipt=ReceiptState.ISSUED)),
        public_status(_bill(pay=PayState.PAID, refund=RefundState.FULL)),
    }
    assert seen == set(PublicStatus)
    # The first match wins.
    every = _bill(
        pay=PayState.REVERSED,
        fund=FundState.TREASURY,
        receipt=ReceiptState.ISSUED,
        refund=RefundState.FULL,
    )
    assert public_status(every) is PublicStatus.REFUNDED


def _bill(**changes: object) -> Bill:
    wanted = order()
    values: dict[str, object] = {
        "bill_id": "bill_1",
        "reference": "case-1",
        "fee_version": "1",
        "pay_code": "3" * 20,
        "division": "370000",
        "agency": "1",
        "account": "1",
        "payer": wanted.payer,
        "items": wanted.items,
        "original_fen": Fen(1),
        "delay_fen": Fen(0),
        "deadline": datetime(2026, 1, 1, tzinfo=UTC),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        **changes,
    }
    return Bill(**values)  # type: ignore[arg-type]


def test_paid_has_exactly_one_exit_and_can_be_reached_from_every_other_state() -> None:
    assert PAY.allowed(PayState.PAID) == (PayState.REVERSED,)
    for state in set(PayState) - {PayState.PAID, PayState.REVERSED}:
        assert PAY.event(state, PayState.PAID).startswith("payments.paid")
    with pytest.raises(IllegalTransition):
        PAY.event(PayState.PAID, PayState.PENDING)
