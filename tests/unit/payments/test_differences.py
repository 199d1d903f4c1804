"""Differences of reconciliation: work for two people, and never decided by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.money import Fen
from payments import (
    AttemptState,
    BillException,
    Decision,
    DecisionNotPossible,
    DifferenceKind,
    DifferenceState,
    FourEyes,
    PayState,
    ReceiptState,
    ReconState,
    RefundProgress,
    RefundStep,
    RulingNotFound,
    RulingOpen,
    Subject,
    UpstreamState,
)
from tests.unit.payments.fakes import START, push_of, unavailable
from tests.unit.payments.full_finance import full_town
from tests.unit.payments.recon_support import decide, differences, reconcile, ties_out


async def test_long_money_that_finance_itself_does_not_confirm_is_decided_by_two() -> None:
    here = full_town()
    bill = await here.pending()
    fact = push_of(bill, "T9")
    day = here.next_day()
    here.full.publish(day, facts=[fact])
    report = await reconcile(here, day)
    assert report.differences == {"long": 1}
    assert (await here.now(bill)).recon is ReconState.LONG
    (long,) = await differences(here)
    assert (long.kind, long.theirs_fen, long.owner) == (DifferenceKind.LONG, 8000, "finance")
    ruling = await here.service.rulings.propose(
        Subject.DIFFERENCE, long.difference_id, Decision.ADOPT, actor="staff:a", note="银行回单"
    )
    with pytest.raises(RulingOpen):
        await here.service.rulings.propose(
            Subject.DIFFERENCE, long.difference_id, Decision.ACCEPT, actor="staff:c", note="x"
        )
    with pytest.raises(FourEyes):
        await here.service.rulings.confirm(ruling.ruling_id, "staff:a")
    assert (await here.now(bill)).pay is PayState.PENDING
    await here.service.rulings.confirm(ruling.ruling_id, "staff:b")
    with pytest.raises(RulingNotFound):
        await here.service.rulings.confirm(ruling.ruling_id, "staff:b")
    after = await here.now(bill)
    assert (after.pay, after.recon) == (PayState.PAID, ReconState.RESOLVED)
    assert (await reconcile(here, day)).agrees
    assert (await here.now(bill)).recon is ReconState.MATCHED


async def test_44_money_that_finance_lacks_freezes_and_is_never_unpaid_by_itself() -> None:
    here = full_town()
    bill, fact = await here.paid()
    here.full.kept[bill.pay_code].state = UpstreamState.UNPAID
    day = here.next_day()
    here.full.publish(day, facts=[])
    await here.service.recon.reconcile(day)
    assert await differences(here) == [], "its window is not over yet"
    second = here.next_day()
    here.full.publish(second, facts=[])
    await here.service.recon.reconcile(second)
    (short,) = await differences(here)
    assert (short.kind, short.day, short.tra_no) == (DifferenceKind.SHORT, day, fact.tra_no)
    after = await here.now(bill)
    assert (after.pay, after.recon) == (PayState.PAID, ReconState.SHORT)
    await here.service.receipts.advance(bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.NONE, "a receipt for money in doubt"
    await decide(here, short, Decision.ADOPT)
    assert (await here.now(bill)).pay is PayState.REVERSED
    assert await ties_out(here)


async def test_short_money_that_finance_confirms_waits_for_one_more_file() -> None:
    here = full_town()
    bill, fact = await here.paid()
    days = [here.next_day() for _ in range(3)]
    for day in days[:2]:
        here.full.publish(day, facts=[])
        await here.service.recon.reconcile(day)
    assert await differences(here) == []
    here.full.publish(days[2], facts=[])
    await here.service.recon.reconcile(days[2])
    (short,) = await differences(here)
    # The missing line comes with a revision: the difference goes away by itself.
    here.full.publish(days[0], revision=2, facts=[fact])
    await here.service.recon.reconcile(days[0])
    assert await differences(here) == []
    gone = (await here.service.recon.differences(only_open=False))[0]
    assert (gone.difference_id, gone.state) == (short.difference_id, DifferenceState.GONE)
    assert (await here.now(bill)).recon is ReconState.MATCHED


async def test_the_same_payment_far_from_its_day_is_shown() -> None:
    here = full_town()
    _, fact = await here.paid()
    day = [here.next_day() for _ in range(4)][-1]
    here.full.publish(day, facts=[fact])
    await here.service.recon.reconcile(day)
    (found,) = await differences(here)
    assert found.kind is DifferenceKind.DATE


async def test_an_amount_that_differs_is_never_adjusted() -> None:
    here = full_town()
    bill, fact = await here.paid()
    day = here.next_day()
    here.full.publish(day, facts=[replace(fact, amount_fen=Fen(7000))])
    await here.service.recon.reconcile(day)
    (found,) = await differences(here)
    assert (found.kind, found.ours_fen, found.theirs_fen) == (DifferenceKind.AMOUNT, 8000, 7000)
    after = await here.now(bill)
    assert (after.recon, after.paid_fen) == (ReconState.AMOUNT_DIFF, 8000)
    with pytest.raises(DecisionNotPossible):
        await decide(here, found, Decision.ADOPT)
    await decide(here, found, Decision.ACCEPT)
    assert (await here.now(bill)).recon is ReconState.RESOLVED
    await here.service.recon.reconcile(day)
    assert await differences(here) == [], "a resolved difference came back"
    # A corrected revision matches after all.
    here.full.publish(day, revision=2, facts=[fact])
    assert (await reconcile(here, day)).agrees
    assert (await here.now(bill)).recon is ReconState.MATCHED


async def test_an_unknown_code_is_noted_once_and_can_be_claimed() -> None:
    here = full_town()
    bill = await here.pending()
    stranger = replace(push_of(bill, "T9"), pay_code="9" * 20)
    await here.service.handle_fact(stranger)
    day = here.next_day()
    here.full.publish(day, facts=[stranger])
    for _ in range(2):
        await here.service.recon.reconcile(day)
    (found,) = await differences(here)
    assert found.kind is DifferenceKind.UNKNOWN_CODE
    (money,) = (await here.service.discrepancies()).unmatched
    ruling = await here.service.rulings.propose(
        Subject.UNMATCHED,
        money.key,
        Decision.CLAIM,
        actor="staff:a",
        note="缴款人来电",
        bill_id=bill.bill_id,
    )
    await here.service.rulings.confirm(ruling.ruling_id, "staff:b")
    after = await here.now(bill)
    assert after.pay is PayState.PAID
    assert (await here.service.discrepancies()).unmatched == ()


async def test_refunds_on_one_side_only() -> None:
    here = full_town(refund_four_eyes=False)
    bill, fact = await here.paid()
    for number in ("R1", "R2"):
        left = await here.service.refunds.refundable(bill.bill_id)
        refund = await here.service.refunds.request(
            bill.bill_id,
            refund_no=number,
            amount_fen=Fen(500),
            expected_refundable_fen=left,
            reason="多收",
            actor="staff:a",
        )
        await here.service.refunds.advance(refund.refund_id)
        here.full.settle_refund(number, RefundProgress.PAID)
        here.clock.advance(timedelta(minutes=10))
    # R1 was told to us; of R2 we learn from the list; R3 nobody knows.
    await here.service.refunds.handle_news(here.full.news("R1"))
    _, r2 = here.full.refunds.values()
    r3 = replace(r2, order=replace(r2.order, refund_no="R3"))
    day = here.next_day()
    here.full.publish(day, facts=[fact], refunds=[r2, r3])
    await here.service.recon.reconcile(day)
    kinds = [(d.kind, d.refund_no) for d in await differences(here)]
    assert kinds == [(DifferenceKind.REFUND_UNKNOWN, "R3")]
    assert [r.step for r in await here.service.refunds.of_bill(bill.bill_id)] == [
        RefundStep.DONE
    ] * 2
    here.full.publish(here.next_day(), facts=[], refunds=[])
    await here.service.recon.reconcile(here.today - timedelta(days=1))
    kinds = [(d.kind, d.refund_no) for d in await differences(here)]
    assert kinds[1:] == [(DifferenceKind.REFUND_SHORT, "R1")]
    assert await ties_out(here)


async def test_while_finance_cannot_be_asked_long_money_is_only_shown() -> None:
    here = full_town()
    bill = await here.pending()
    here.full.pay(bill.pay_code)
    day = here.next_day()
    here.full.publish(day)
    here.full.fail("query", unavailable())
    await here.service.recon.reconcile(day)
    assert [d.kind for d in await differences(here)] == [DifferenceKind.LONG]
    assert (await reconcile(here, day)).agrees
    assert (await here.now(bill)).pay is PayState.PAID
    assert await differences(here) == []


async def test_somebody_takes_a_difference_over() -> None:
    here = full_town()
    bill = await here.pending()
    day = here.next_day()
    here.full.publish(day, facts=[push_of(bill, "T9")])
    await here.service.recon.reconcile(day)
    (found,) = await differences(here)
    await here.service.recon.take_over(found.difference_id, "staff:li")
    (mine,) = await differences(here)
    assert (mine.owner, mine.opened_at) == ("staff:li", here.clock.now())
    await decide(here, mine, Decision.DISMISS)
    with pytest.raises(RulingNotFound):
        await here.service.recon.take_over(found.difference_id, "staff:li")
    assert here.clock.now() > START
    assert AttemptState.SUCCEEDED not in {a.state for a in here.memory.attempts.values()}
    assert BillException.EXCESS_PAYMENT not in (await here.now(bill)).exceptions
