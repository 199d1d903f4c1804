"""Faults of issuing, paying and voiding, each by its number in the fault list."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.errors import UpstreamRejected, UpstreamUnavailable
from kernel.money import Fen
from payments import (
    STEPS,
    AttemptState,
    BillClosed,
    BillDiffers,
    BillException,
    BillItem,
    BillNotReady,
    Outcome,
    PayState,
    PublicStatus,
    public_status,
)
from tests.unit.payments.fakes import (
    order,
    push_of,
    town,
    unavailable,
    unknown,
)


async def test_01_a_push_delivered_twice_is_one_payment() -> None:
    here = town()
    bill = await here.pending()
    assert await here.service.handle_fact(push_of(bill)) is Outcome.PAID
    assert await here.service.handle_fact(push_of(bill)) is Outcome.DUPLICATE
    assert Outcome.DUPLICATE.acknowledged
    assert (await here.now(bill)).pay is PayState.PAID
    assert here.memory.paid_events() == 1
    assert len(here.memory.facts) == 1


async def test_02_a_push_delivered_fifty_times_at_once_is_one_payment() -> None:
    here = town()
    bill = await here.pending()
    outcomes = await asyncio.gather(*(here.service.handle_fact(push_of(bill)) for _ in range(50)))
    assert sorted(outcomes) == [Outcome.DUPLICATE] * 49 + [Outcome.PAID]
    assert here.memory.paid_events() == 1


async def test_03_a_push_that_overtakes_the_answer_to_the_issue() -> None:
    here = town()
    bill = await here.raised()

    async def overtake() -> None:
        fact = here.finance.pay(bill.pay_code)
        assert fact is not None
        assert await here.service.handle_fact(fact) is Outcome.PAID

    here.finance.before_answer.append(overtake)
    issued = await here.service.issue(bill.bill_id)
    assert issued.pay is PayState.PAID
    assert issued.pay_url
    assert "payments.issued" not in here.memory.topics()


async def test_04_an_accepted_issue_whose_answer_is_lost() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", unknown(), after=True)
    assert (await here.service.issue(bill.bill_id)).pay is PayState.ISSUING
    assert ("payments.confirm", f"{bill.bill_id}:1") in here.memory.tasks
    await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    after = await here.now(bill)
    assert (after.pay, after.pay_code) == (PayState.PENDING, bill.pay_code)
    assert after.pay_url
    assert list(here.finance.kept) == [bill.pay_code]
    assert [name for name, _ in here.finance.calls] == ["issue", "query", "issue"]


async def test_05_the_answer_is_lost_and_the_query_is_down_too() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", unknown(), after=True)
    here.finance.fail("query", unavailable())
    await here.service.issue(bill.bill_id)
    with pytest.raises(UpstreamUnavailable):
        await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    stuck = await here.now(bill)
    assert (stuck.pay, public_status(stuck)) == (PayState.ISSUING, PublicStatus.ISSUING)
    with pytest.raises(BillNotReady):
        await here.service.open(bill.bill_id)
    assert (await here.raised()).pay_code == bill.pay_code
    assert {code for _, code in here.finance.calls} == {bill.pay_code}


async def test_05_nothing_was_reached_and_the_worker_sends_the_same_code() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", unavailable())
    assert (await here.service.issue(bill.bill_id)).pay is PayState.ISSUING
    await STEPS["payments.issue"](here.service, {"bill_id": bill.bill_id})
    assert (await here.now(bill)).pay is PayState.PENDING
    assert list(here.finance.kept) == [bill.pay_code]


async def test_06_a_refused_issue_has_no_pay_page_and_its_code_is_not_used_again() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", UpstreamRejected("no", upstream_code="18012"))
    failed = await here.service.issue(bill.bill_id)
    assert (failed.pay, failed.failure_code, failed.pay_url) == (
        PayState.ISSUE_FAILED,
        "18012",
        "",
    )
    with pytest.raises(BillClosed):
        await here.service.open(bill.bill_id)
    other = await here.raised(fee_version="2")
    assert other.pay_code != bill.pay_code


async def test_07_a_double_click_is_one_bill_and_one_attempt() -> None:
    here = town()
    first, second = await asyncio.gather(here.raised(), here.raised())
    assert first.bill_id == second.bill_id
    await asyncio.gather(*(here.service.issue(first.bill_id) for _ in range(2)))
    urls = await asyncio.gather(*(here.service.open(first.bill_id) for _ in range(2)))
    assert len(set(urls)) == 1
    assert len(here.memory.attempts) == 1
    assert here.memory.topics().count("payments.issued") == 1


async def test_09_the_business_key_returns_the_existing_bill() -> None:
    here = town()
    assert (await here.raised()).bill_id == (await here.raised()).bill_id
    dearer = (BillItem("103043211", "不动产登记费", Fen(9000)),)
    with pytest.raises(BillDiffers):
        await here.service.raise_bill(order(items=dearer))
    assert len(here.memory.bills) == 1


async def test_10_two_channels_pay_the_same_code() -> None:
    here = town()
    bill = await here.pending()
    await here.service.open(bill.bill_id)
    assert await here.service.handle_fact(push_of(bill, "T1")) is Outcome.PAID
    assert await here.service.handle_fact(push_of(bill, "T2")) is Outcome.EXCESS
    assert await here.service.handle_fact(push_of(bill, "T2")) is Outcome.DUPLICATE
    after = await here.now(bill)
    assert after.exceptions == frozenset({BillException.EXCESS_PAYMENT})
    states = [a.state for a in await here.service.attempts(bill.bill_id)]
    assert states == [AttemptState.SUCCEEDED, AttemptState.EXCESS_SUCCESS]
    assert [topic for topic, _, _ in here.memory.emitted] == ["payments.exception_raised"]
    assert (await here.service.discrepancies()).bills == (after,)


async def test_11_money_after_the_deadline_but_before_the_upstream_void() -> None:
    here = town()
    bill = await here.pending()
    here.clock.advance(timedelta(days=16))
    here.finance.pay(bill.pay_code)
    expired = await here.service.expire(bill.bill_id)
    assert expired.pay is PayState.PAID
    assert ("void", bill.pay_code) not in here.finance.calls


async def test_12_money_for_a_voided_bill_is_never_ignored() -> None:
    here = town()
    bill = await here.pending()
    voided = await here.service.void(bill.bill_id)
    assert voided.pay is PayState.VOIDED
    fact = here.finance.pay(bill.pay_code, force=True)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID_LATE
    after = await here.now(bill)
    assert after.pay is PayState.PAID
    assert after.exceptions == frozenset({BillException.LATE_PAYMENT})
    assert here.memory.topics()[-1] == "payments.paid_late"


async def test_13_already_paid_abandons_the_void() -> None:
    here = town()
    bill = await here.pending()
    here.finance.pay(bill.pay_code)
    here.finance.stale = 1
    after = await here.service.void(bill.bill_id)
    assert after.pay is PayState.PAID
    assert here.memory.topics()[-2:] == ["payments.void_started", "payments.paid"]


async def test_13_a_void_that_is_refused_for_another_reason_leaves_the_bill_payable() -> None:
    here = town()
    bill = await here.pending()
    here.finance.fail("void", UpstreamRejected("busy", upstream_code="20007"))
    after = await here.service.void(bill.bill_id)
    assert (after.pay, after.closing) == (PayState.PENDING, None)


@pytest.mark.parametrize(
    ("after", "paid", "end"),
    [
        (True, False, PayState.VOIDED),
        (False, False, PayState.VOIDED),
        (False, True, PayState.PAID),
    ],
)
async def test_14_a_void_without_an_answer(*, after: bool, paid: bool, end: PayState) -> None:
    here = town()
    bill = await here.pending()
    here.finance.fail("void", unknown(), after=after)
    assert (await here.service.void(bill.bill_id)).pay is PayState.VOIDING
    assert any(kind == "payments.void" for kind, _ in here.memory.tasks)
    if paid:
        here.finance.pay(bill.pay_code)
    await STEPS["payments.void"](here.service, {"bill_id": bill.bill_id})
    assert (await here.now(bill)).pay is end
    voids = [name for name, _ in here.finance.calls].count("void")
    assert voids == (1 if after or paid else 2)


@pytest.mark.parametrize("amount", [7999, 8001, 800000])
async def test_15_a_wrong_amount_is_kept_but_not_paid(amount: int) -> None:
    here = town()
    bill = await here.pending()
    outcome = await here.service.handle_fact(push_of(bill, amount=amount))
    assert outcome is Outcome.AMOUNT_MISMATCH
    assert outcome.acknowledged
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (
        PayState.PENDING,
        frozenset({BillException.AMOUNT_MISMATCH}),
    )
    assert (await here.service.discrepancies()).bills == (after,)
    # A query repeats what is due, so it must not settle the contradiction.
    here.finance.pay(bill.pay_code)
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.PENDING
    # The same transaction with the right amount does.
    assert await here.service.handle_fact(push_of(bill)) is Outcome.PAID
    assert (await here.now(bill)).exceptions == frozenset()


async def test_15_a_foreign_account_is_kept_but_not_paid() -> None:
    here = town()
    bill = await here.pending()
    foreign = replace(push_of(bill), account="999")
    assert await here.service.handle_fact(foreign) is Outcome.ACCOUNT_MISMATCH
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (
        PayState.PENDING,
        frozenset({BillException.ACCOUNT_MISMATCH}),
    )


async def test_16_a_late_fee_explains_a_higher_amount() -> None:
    here = town()
    bill = await here.pending()
    here.finance.kept[bill.pay_code].delay = Fen(40)
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID
    after = await here.now(bill)
    assert (after.original_fen, after.delay_fen, after.amount_fen) == (8000, 40, 8040)


async def test_16_the_upstream_cannot_be_asked_about_the_late_fee() -> None:
    here = town()
    bill = await here.pending()
    here.finance.fail("query", unavailable())
    with pytest.raises(UpstreamUnavailable):
        await here.service.handle_fact(push_of(bill, amount=8040))
    assert not here.memory.facts
