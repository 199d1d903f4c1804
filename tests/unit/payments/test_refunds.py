"""Refunds: never more than was paid, never twice, never under a second number."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kernel.errors import IllegalTransition, UpstreamError, UpstreamRejected
from kernel.money import Fen
from payments import (
    STEPS,
    Bill,
    BillException,
    Capability,
    FourEyes,
    NotRefundable,
    PayState,
    PublicStatus,
    Refund,
    RefundDiffers,
    RefundNews,
    RefundNotFound,
    RefundProgress,
    RefundState,
    RefundStep,
    public_status,
)
from tests.unit.payments.fakes import push_of, unavailable, unknown
from tests.unit.payments.full_finance import FullTown, full_town


async def ask(
    here: FullTown, bill: Bill, amount: int, expected: int = 8000, number: str = "R1", **other: Any
) -> Refund:
    return await here.service.refunds.request(
        bill.bill_id,
        refund_no=number,
        amount_fen=Fen(amount),
        expected_refundable_fen=Fen(expected),
        reason="办件撤回",
        actor=other.get("actor", "staff:a"),
    )


async def step(here: FullTown, refund: Refund) -> Refund:
    await STEPS["payments.refund"](here.service, {"refund_id": refund.refund_id})
    return await here.service.refunds.get(refund.refund_id)


async def test_a_refund_is_approved_by_another_person_sent_and_done() -> None:
    here = full_town()
    bill, fact = await here.paid()
    refund = await ask(here, bill, 8000)
    assert refund.step is RefundStep.REQUESTED
    assert (await here.now(bill)).refund is RefundState.REQUESTED
    assert (await step(here, refund)).step is RefundStep.REQUESTED, "sent without approval"
    with pytest.raises(FourEyes):
        await here.service.refunds.approve(refund.refund_id, "staff:a")
    await here.service.refunds.approve(refund.refund_id, "staff:b")
    assert (await step(here, refund)).step is RefundStep.SENT
    order = here.full.refunds["R1"].order
    assert (order.tra_no, order.paid_fen, order.expected_refundable_fen) == (
        fact.tra_no,
        8000,
        8000,
    )
    await here.service.refunds.handle_news(here.full.settle_refund("R1", RefundProgress.PAID))
    after = await here.now(bill)
    assert (after.refund, public_status(after)) == (RefundState.FULL, PublicStatus.REFUNDED)
    assert after.pay is PayState.PAID
    done = await here.service.refunds.get(refund.refund_id)
    assert (done.tra_ref, done.approved_by) == ("BR1", "staff:b")
    assert here.memory.topics().count("payments.refunded") == 1


async def test_36_two_whole_refunds_at_once_are_one() -> None:
    here = full_town()
    bill, _ = await here.paid()
    asked = await asyncio.gather(
        *(ask(here, bill, 8000, number=f"R{n}") for n in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, Refund) for one in asked) == 1
    assert sum(isinstance(one, NotRefundable) for one in asked) == 4


async def test_37_a_third_refund_of_thirty_of_eighty_is_refused() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    await ask(here, bill, 3000, 8000, "R1")
    await ask(here, bill, 3000, 5000, "R2")
    with pytest.raises(NotRefundable) as refused:
        await ask(here, bill, 3000, 2000, "R3")
    assert refused.value.extras["refundable_fen"] == 2000
    with pytest.raises(NotRefundable):
        await ask(here, bill, 2000, 5000, "R3")
    (money,) = await here.service.attempts(bill.bill_id)
    assert money.reserved_fen == 6000


async def test_the_same_request_again_is_the_same_refund() -> None:
    here = full_town()
    bill, _ = await here.paid()
    first = await ask(here, bill, 3000)
    assert await ask(here, bill, 3000) == first
    with pytest.raises(RefundDiffers):
        await ask(here, bill, 4000)
    with pytest.raises(NotRefundable):
        await ask(here, bill, 1, 5000, "with space")


async def test_38_a_lost_answer_is_asked_for_and_never_sent_under_a_new_number() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    refund = await ask(here, bill, 8000)
    here.full.fail("apply", unknown(), after=True)
    with pytest.raises(UpstreamError):
        await step(here, refund)
    assert (await step(here, refund)).step is RefundStep.SENT
    assert list(here.full.refunds) == ["R1"]
    assert [name for name, _ in here.full.calls].count("apply") == 1
    here.full.settle_refund("R1", RefundProgress.PAID)
    assert (await step(here, refund)).step is RefundStep.DONE


async def test_38_one_that_never_left_is_sent_again_under_its_number() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    refund = await ask(here, bill, 8000)
    here.full.fail("apply", unknown())
    with pytest.raises(UpstreamError):
        await step(here, refund)
    assert (await step(here, refund)).step is RefundStep.SENT
    assert list(here.full.refunds) == ["R1"]


@pytest.mark.parametrize("end", [RefundProgress.REJECTED, RefundProgress.FAILED])
async def test_39_a_refund_that_fails_after_it_was_sent_gives_the_amount_back(
    end: RefundProgress,
) -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    with pytest.raises(RefundNotFound):
        await here.service.refunds.handle_news(RefundNews("R1", RefundProgress.PAID))
    refund = await ask(here, bill, 8000)
    await step(here, refund)
    await here.service.refunds.handle_news(here.full.settle_refund("R1", end))
    assert await here.service.refunds.refundable(bill.bill_id) == 8000
    assert (await here.now(bill)).refund in {RefundState.REJECTED, RefundState.FAILED}
    assert (await ask(here, bill, 8000, number="R2")).step is RefundStep.APPROVED


async def test_money_that_went_back_after_all_is_booked_and_shown() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    first = await ask(here, bill, 8000)
    await step(here, first)
    await here.service.refunds.handle_news(here.full.settle_refund("R1", RefundProgress.FAILED))
    await ask(here, bill, 8000, number="R2")
    await here.service.refunds.handle_news(here.full.settle_refund("R1", RefundProgress.PAID))
    assert (await here.service.refunds.get(first.refund_id)).step is RefundStep.DONE
    after = await here.now(bill)
    assert BillException.OVER_REFUNDED in after.exceptions


async def test_a_refused_application_is_final_and_says_why() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    refund = await ask(here, bill, 8000)
    here.full.fail("apply", UpstreamRejected("no", upstream_code="20411"))
    refused = await step(here, refund)
    assert (refused.step, refused.failure_code) == (RefundStep.REJECTED, "20411")
    assert await here.service.refunds.refundable(bill.bill_id) == 8000


async def test_only_a_refund_that_was_not_sent_can_be_withdrawn() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    refund = await ask(here, bill, 3000)
    withdrawn = await here.service.refunds.withdraw(refund.refund_id, "staff:a")
    assert withdrawn.step is RefundStep.WITHDRAWN
    assert await here.service.refunds.refundable(bill.bill_id) == 8000
    sent = await step(here, await ask(here, bill, 3000, number="R2"))
    with pytest.raises(IllegalTransition):
        await here.service.refunds.withdraw(sent.refund_id, "staff:a")


async def test_finance_may_take_days_and_is_asked_ever_more_rarely() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    refund = await ask(here, bill, 8000)
    await here.service.refunds.advance(refund.refund_id)
    for asked in range(1, 8):
        await here.service.refunds.advance(refund.refund_id, asked)
    keys = [key for kind, key in here.memory.tasks if kind == "payments.refund"]
    assert sum(":ask:" in key for key in keys) == 8


async def test_10_what_was_paid_twice_goes_back_once() -> None:
    here = full_town()
    bill, _ = await here.paid()
    second = here.full.pay(bill.pay_code, force=True)
    assert second is not None
    for _ in range(3):
        await here.service.handle_fact(second)
    (refund,) = await here.service.refunds.of_bill(bill.bill_id)
    assert (refund.step, refund.tra_no, refund.amount_fen) == (
        RefundStep.APPROVED,
        second.tra_no,
        8000,
    )
    await step(here, refund)
    await here.service.refunds.handle_news(
        here.full.settle_refund(refund.refund_no, RefundProgress.PAID)
    )
    after = await here.now(bill)
    assert (after.refund, after.exceptions) == (RefundState.NONE, frozenset())
    assert await here.service.refunds.refundable(bill.bill_id) == 8000


async def test_12_late_money_stays_while_the_matter_is_open() -> None:
    here = full_town()
    bill = await here.pending()
    await here.service.void(bill.bill_id)
    await here.service.handle_fact(push_of(bill))
    assert BillException.LATE_PAYMENT in (await here.now(bill)).exceptions
    await STEPS["payments.late"](here.service, {"bill_id": bill.bill_id})
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (PayState.PAID, frozenset())
    assert ("payments.changed", f"{bill.bill_id}:{after.version}") in here.memory.tasks
    assert any(kind == "payments.receipt" for kind, _ in here.memory.tasks)


async def test_12_late_money_goes_back_when_the_matter_is_closed() -> None:
    here = full_town()
    here.matters.closed.add("case-1")
    bill = await here.pending()
    await here.service.void(bill.bill_id)
    await here.service.handle_fact(push_of(bill))
    for _ in range(2):
        await STEPS["payments.late"](here.service, {"bill_id": bill.bill_id})
    (refund,) = await here.service.refunds.of_bill(bill.bill_id)
    assert not any(kind == "payments.receipt" for kind, _ in here.memory.tasks)
    await step(here, refund)
    await here.service.refunds.handle_news(
        here.full.settle_refund(refund.refund_no, RefundProgress.PAID)
    )
    after = await here.now(bill)
    assert (after.refund, after.exceptions) == (RefundState.FULL, frozenset())


async def test_without_refunds_upstream_the_refund_waits_for_people() -> None:
    here = full_town(refund_four_eyes=False)
    here.full.offers = frozenset(Capability) - {Capability.REFUND}
    bill, _ = await here.paid()
    refund = await ask(here, bill, 8000)
    assert (await step(here, refund)).step is RefundStep.APPROVED


async def test_the_receipt_that_cannot_be_made_red_holds_the_money() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    await here.service.receipts.advance(bill.bill_id)
    refund = await ask(here, bill, 8000)
    here.full.fail("receipt", unavailable())
    with pytest.raises(UpstreamError):
        await step(here, refund)
    assert here.full.refunds == {}
    await step(here, refund)
    assert list(here.full.refunds) == ["R1"]
