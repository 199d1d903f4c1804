"""Drills 34 to 41: receipts that will not come, and money that goes back."""

from __future__ import annotations

import asyncio

import pytest

from kernel.money import fen
from payments import (
    AlreadyReconciled,
    Bill,
    NotRefundable,
    PayState,
    ReceiptNotFound,
    ReceiptState,
    Refund,
    RefundState,
)
from payments import tables as pt
from tests.contract.payments.drill import FEE, Drill


async def ask(drill: Drill, bill: Bill, number: str, amount: int, expected: int) -> Refund:
    return await drill.service.refunds.request(
        bill.bill_id,
        refund_no=number,
        amount_fen=fen(amount),
        expected_refundable_fen=fen(expected),
        reason="申请人撤回",
        actor="citizen:x",
    )


async def approved(drill: Drill, bill: Bill, number: str, amount: int, expected: int) -> Refund:
    refund = await ask(drill, bill, number, amount, expected)
    return await drill.service.refunds.approve(refund.refund_id, "staff:finance")


async def step_of(drill: Drill, refund: Refund) -> str:
    return str((await drill.service.refunds.get(refund.refund_id)).step)


async def test_fault34_the_answer_to_the_receipt_is_lost(drill: Drill):
    bill = await drill.pending()
    await drill.knob("drop_response_after_commit", msg_no="8981", times=0)
    await drill.pay(bill.pay_code)
    await drill.deliver()
    await drill.calm()
    for _ in range(6):
        await drill.later(minutes=10)
    assert (await drill.get(bill)).receipt is ReceiptState.ISSUED
    assert len((await drill.upstream(bill.pay_code))["receipts"]) == 1
    assert await drill.count(pt.receipt, pt.receipt.c.bill_id == bill.bill_id) == 1
    receipt, content = await drill.service.receipts.document(bill.bill_id)
    assert content.startswith(b"%PDF-")
    assert receipt.number is not None


async def test_fault35_no_receipt_for_hours(drill: Drill):
    bill = await drill.pending()
    await drill.knob("receipt_fail", times=0)
    await drill.pay(bill.pay_code)
    await drill.deliver()
    for _ in range(5):
        await drill.later(hours=1)
    after = await drill.get(bill)
    assert (after.pay, after.receipt) != (PayState.PAID, ReceiptState.ISSUED)
    assert after.pay is PayState.PAID
    assert (await drill.read_case(bill.reference)).fee_paid is True
    with pytest.raises(ReceiptNotFound):
        await drill.service.receipts.document(bill.bill_id)
    stats = await drill.world.engine.stats()
    assert stats["payments.receipt"].ready + stats["payments.receipt"].dead == 1
    await drill.calm()
    for _ in range(3):
        await drill.later(hours=1)
    assert (await drill.get(bill)).receipt is ReceiptState.ISSUED


async def test_fault36_the_whole_twice_at_the_same_moment(pg_drill: Drill):
    drill = pg_drill
    bill = await drill.paid()
    answers = await asyncio.gather(
        *(ask(drill, bill, f"R{n}", FEE, FEE) for n in range(8)), return_exceptions=True
    )
    refunds = [one for one in answers if isinstance(one, Refund)]
    refused = [one for one in answers if isinstance(one, NotRefundable)]
    assert (len(refunds), len(refused)) == (1, 7)
    await drill.service.refunds.approve(refunds[0].refund_id, "staff:finance")
    await drill.settle()
    assert await step_of(drill, refunds[0]) == "done"
    assert (await drill.get(bill)).refund is RefundState.FULL


async def test_fault37_partial_refunds(drill: Drill):
    bill = await drill.paid()
    await approved(drill, bill, "R1", 3000, 8000)
    await approved(drill, bill, "R2", 3000, 5000)
    with pytest.raises(NotRefundable) as refused:
        await ask(drill, bill, "R3", 3000, 2000)
    assert refused.value.extras["refundable_fen"] == 2000
    await drill.settle()
    after = await drill.get(bill)
    assert (after.pay, after.refund) == (PayState.PAID, RefundState.PARTIAL)
    assert await drill.booked_here(bill.pay_code) == 2000


async def test_fault38_accepted_but_the_answer_is_lost(drill: Drill):
    bill = await drill.paid()
    await drill.knob("drop_response_after_commit", msg_no="8801", times=0)
    refund = await approved(drill, bill, "R1", FEE, FEE)
    await drill.work()
    await drill.calm()
    await drill.settle()
    assert await step_of(drill, refund) == "done"
    upstream = (await drill.upstream(bill.pay_code))["refunds"]
    assert [one["refundNo"] for one in upstream] == ["R1"]


async def test_fault39_the_news_overtakes_the_answer(drill: Drill):
    bill = await drill.paid()
    await drill.knob("push_before_response", msg_no="8801")
    refund = await approved(drill, bill, "R1", FEE, FEE)
    await drill.work()
    await drill.settle()
    assert await step_of(drill, refund) == "done"
    assert (await drill.get(bill)).refund is RefundState.FULL


@pytest.mark.parametrize(("value", "end"), [(3, "rejected"), (4, "failed")])
async def test_fault39_the_refund_fails_after_it_was_sent(drill: Drill, value: int, end: str):
    bill = await drill.paid()
    await drill.knob("refund_fail", value=value)
    refund = await approved(drill, bill, "R1", FEE, FEE)
    await drill.settle()
    assert await step_of(drill, refund) == end
    assert await drill.service.refunds.refundable(bill.bill_id) == FEE
    again = await approved(drill, bill, "R2", FEE, FEE)
    await drill.settle()
    assert await step_of(drill, again) == "done"


async def test_fault40_the_receipt_is_red_before_the_money_goes(drill: Drill):
    bill = await drill.paid()
    assert (await drill.get(bill)).receipt is ReceiptState.ISSUED
    refund = await approved(drill, bill, "R1", FEE, FEE)
    await drill.knob("receipt_fail", msg_no="8981", times=0)
    await drill.work()
    # The red receipt will not come: then the money does not go either.
    assert await step_of(drill, refund) == "approved"
    assert (await drill.upstream(bill.pay_code))["refunds"] == []
    await drill.calm()
    await drill.later(hours=1)
    await drill.settle()
    after = await drill.get(bill)
    assert (after.receipt, after.refund) == (ReceiptState.RED, RefundState.FULL)
    with pytest.raises(ReceiptNotFound):
        await drill.service.receipts.document(bill.bill_id)


async def test_fault41_reversal_of_today(drill: Drill):
    bill = await drill.paid()
    undone = await drill.service.reversals.reverse(
        bill.bill_id, actor="staff:finance", reason="重复收费"
    )
    await drill.later(minutes=5)
    undone = await drill.get(undone)
    assert (undone.pay, undone.receipt) == (PayState.REVERSED, ReceiptState.RED)
    # It can be paid again only under a new code.
    again = await drill.world.container.fees.bill(bill.reference)
    assert again is None or again.pay_code != bill.pay_code


async def test_fault41_reversal_after_the_reconciliation(drill: Drill):
    bill = await drill.paid()
    day = drill.day(bill)
    await drill.tomorrow()
    assert await drill.service.recon.reconcile(day)
    with pytest.raises(AlreadyReconciled):
        await drill.service.reversals.reverse(bill.bill_id, actor="staff:f", reason="重复收费")
    assert await drill.state(bill) is PayState.PAID
