"""Drills 1, 2, 10 to 14, 30 to 32, 45: money that comes twice, late, early or for nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.clock import beijing_day
from payments import BillException, Decision, PayState, RefundState, Subject
from payments import tables as pt
from tests.contract.payments.drill import FEE, Drill


async def test_fault01_push_twice_in_sequence(drill: Drill):
    bill = await drill.pending()
    await drill.knob("duplicate", value=1)
    await drill.pay(bill.pay_code)
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.paid") == 1
    assert await drill.count(pt.fact, pt.fact.c.pay_code == bill.pay_code) == 1


async def test_fault02_push_fifty_times_at_once(pg_drill: Drill):
    drill = pg_drill
    bill = await drill.pending()
    drill.codes.clear()
    frame = drill.confirmation(bill.pay_code)
    answers = await asyncio.gather(*(drill.result(frame) for _ in range(50)))
    assert set(answers) == {"00000"}
    # The same news again, in other words: other bytes, the same fact.
    others = await asyncio.gather(
        *(drill.result(drill.confirmation(bill.pay_code)) for _ in range(10))
    )
    assert set(others) == {"00000"}
    await drill.work()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.paid") == 1
    assert await drill.count(pt.fact, pt.fact.c.pay_code == bill.pay_code) == 1


async def test_fault10_two_tills_at_the_same_moment(drill: Drill):
    bill = await drill.pending()
    await drill.knob("double_pay")
    await drill.pay(bill.pay_code, channel="wechat")
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.exceptions(bill) == {"excess_payment"}
    assert [r.cause for r in await drill.service.refunds.of_bill(bill.bill_id)] == ["excess"]
    # The second money goes back by itself; the first one stays.
    await drill.settle()
    (refund,) = await drill.service.refunds.of_bill(bill.bill_id)
    assert (refund.step, refund.amount_fen) == ("done", FEE)
    after = await drill.get(bill)
    assert (after.pay, after.refund) == (PayState.PAID, RefundState.NONE)
    assert await drill.exceptions(bill) == set()


async def test_fault11_paid_after_the_deadline_before_the_void(drill: Drill):
    deadline = drill.world.clock.now() + timedelta(days=1)
    bill = await drill.pending(deadline=deadline)
    await drill.knob("no_push")
    await drill.pay(bill.pay_code)
    await drill.later(days=1, minutes=1)
    assert await drill.state(bill) is PayState.PAID
    assert (await drill.upstream(bill.pay_code))["status"] == "1"


async def test_fault12_paid_after_the_void_while_the_case_is_open(drill: Drill):
    bill = await drill.pending()
    assert (await drill.service.void(bill.bill_id)).pay is PayState.VOIDED
    await drill.pay(bill.pay_code, force=True)
    await drill.deliver()
    after = await drill.get(bill)
    assert (after.pay, after.refund) == (PayState.PAID, RefundState.NONE)
    assert await drill.events(bill, "payments.paid_late") == 1
    assert (await drill.read_case(bill.reference)).fee_paid is True


async def test_fault12_paid_after_the_void_when_the_case_is_over(drill: Drill):
    bill = await drill.pending()
    await drill.service.void(bill.bill_id)
    await drill.work()
    other = await drill.paid(reference=bill.reference, fee_version="2")
    await drill.pay(bill.pay_code, force=True)
    await drill.deliver()
    await drill.settle()
    after = await drill.get(bill)
    assert (after.pay, after.refund) == (PayState.PAID, RefundState.FULL)
    assert (await drill.get(other)).refund is RefundState.NONE


async def test_fault13_void_meets_a_payment(drill: Drill):
    bill = await drill.pending()
    await drill.knob("void_race")
    await drill.service.void(bill.bill_id)
    await drill.push()
    await drill.later(minutes=1)
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.voided") == 0


@pytest.mark.parametrize(
    ("fault", "end"),
    [("drop_response_after_commit", PayState.VOIDED), ("drop_before_commit", PayState.VOIDED)],
)
async def test_fault14_void_without_an_answer(drill: Drill, fault: str, end: PayState):
    bill = await drill.pending()
    await drill.knob(fault, msg_no="8994", times=0)
    assert (await drill.service.void(bill.bill_id)).pay is PayState.VOIDING
    await drill.calm()
    await drill.later(minutes=1)
    assert await drill.state(bill) is end
    assert (await drill.upstream(bill.pay_code))["status"] == "2"


async def test_fault14_void_without_an_answer_and_paid_meanwhile(drill: Drill):
    bill = await drill.pending()
    await drill.knob("drop_before_commit", msg_no="8994", times=0)
    assert (await drill.service.void(bill.bill_id)).pay is PayState.VOIDING
    await drill.calm()
    await drill.knob("no_push")
    await drill.pay(bill.pay_code)
    await drill.later(minutes=1)
    assert await drill.state(bill) is PayState.PAID


async def test_fault30_push_and_poll_at_once(pg_drill: Drill):
    drill = pg_drill
    bill = await drill.pending()
    await drill.service.open(bill.bill_id)
    await drill.pay(bill.pay_code)
    await asyncio.gather(
        drill.push(), *(drill.service.refresh(bill.bill_id) for _ in range(8)), drill.work()
    )
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.paid") == 1


async def test_fault31_stale_query_after_the_push(drill: Drill):
    bill = await drill.paid()
    await drill.knob("stale_status", times=0)
    assert (await drill.service.refresh(bill.bill_id)).pay is PayState.PAID
    await drill.later(days=1)
    assert await drill.state(bill) is PayState.PAID


async def test_fault32_transaction_of_another_bill(drill: Drill):
    one, other = await drill.paid(), await drill.pending()
    tra_no = (await drill.upstream(one.pay_code))["payments"][0]["tra_no"]
    frame = drill.confirmation(other.pay_code, TraNoBus=tra_no)
    await drill.result(frame)
    await drill.work()
    assert await drill.state(other) is PayState.PENDING
    assert await drill.state(one) is PayState.PAID
    assert await drill.exceptions(other) == {"transaction_reused"}


async def test_fault45_merged_code_pays_all_or_none(drill: Drill):
    orders = [await drill.order(amount=amount) for amount in (1000, 2000, 3000)]
    carrier = await drill.service.issue((await drill.service.raise_merged(orders)).bill_id)
    assert carrier.amount_fen == 6000
    members = await drill.service.members(carrier.bill_id)
    assert {m.pay_code for m in members} == {carrier.pay_code}
    await drill.knob("wrong_amount", value=-1000)
    await drill.pay(carrier.pay_code)
    await drill.deliver()
    assert {await drill.state(m) for m in members} == {PayState.PENDING}
    assert await drill.exceptions(carrier) == {"amount_mismatch"}
    # Two people find the missing money elsewhere and accept it: all three are paid at once.
    key = f"{carrier.bill_id}:{BillException.AMOUNT_MISMATCH}"
    ruling = await drill.service.rulings.propose(
        Subject.EXCEPTION, key, Decision.ACCEPT, actor="staff:a", note="银行已补足"
    )
    await drill.service.rulings.confirm(ruling.ruling_id, "staff:b")
    assert {await drill.state(m) for m in members} == {PayState.PAID}


async def test_fault45_merged_code_in_the_usual_way(drill: Drill):
    orders = [await drill.order(amount=amount) for amount in (1000, 2000, 3000)]
    carrier = await drill.service.issue((await drill.service.raise_merged(orders)).bill_id)
    drill.codes.add(carrier.pay_code)
    await drill.pay(carrier.pay_code)
    await drill.deliver()
    members = await drill.service.members(carrier.bill_id)
    assert {await drill.state(m) for m in members} == {PayState.PAID}
    for member in members:
        assert (await drill.read_case(member.reference)).fee_paid is True
    assert beijing_day(drill.world.clock.now()) == beijing_day(
        replace(await drill.get(carrier)).paid_at or drill.world.clock.now()
    )
