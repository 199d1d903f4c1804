"""Money that does not fit: kept in suspense until two people decide, whatever they decide."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import beijing_day
from kernel.money import Fen
from payments import (
    AttemptState,
    Bill,
    BillException,
    BillItem,
    Decision,
    DecisionNotPossible,
    FeeLine,
    InvalidBill,
    NoFeeDue,
    Outcome,
    PayState,
    ReceiptState,
    RefundCause,
    RefundProgress,
    Ruling,
    RulingNotFound,
    Subject,
    charge,
    late_fee,
)
from payments.fees import merge
from tests.unit.payments.fakes import START, order, push_of
from tests.unit.payments.full_finance import FullTown, full_town


async def decide(
    here: FullTown, subject: Subject, key: str, decision: Decision, bill_id: str = ""
) -> Ruling:
    ruling = await here.service.rulings.propose(
        subject, key, decision, actor="staff:a", note="已核实", bill_id=bill_id
    )
    assert ruling in await here.service.rulings.open()
    return await here.service.rulings.confirm(ruling.ruling_id, "staff:b")


async def mismatched(here: FullTown) -> Bill:
    bill = await here.pending()
    short = push_of(bill, amount=7999)
    assert await here.service.handle_fact(short) is Outcome.AMOUNT_MISMATCH
    return await here.now(bill)


async def test_15_money_of_another_amount_is_in_suspense_until_it_is_accepted() -> None:
    here = full_town()
    bill = await mismatched(here)
    (money,) = await here.service.attempts(bill.bill_id)
    assert (money.state, money.amount_fen) == (AttemptState.SUSPENDED, 7999)
    assert bill.pay is PayState.PENDING
    await decide(here, Subject.EXCEPTION, f"{bill.bill_id}:amount_mismatch", Decision.ACCEPT)
    paid = await here.now(bill)
    assert (paid.pay, paid.paid_fen, paid.amount_fen) == (PayState.PAID, 7999, 8000)
    assert paid.exceptions == frozenset()
    assert await here.service.refunds.refundable(bill.bill_id) == 7999
    # A receipt over an amount that is not the items' sum is a person's work.
    await here.service.receipts.advance(bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.NONE


async def test_15_money_of_another_amount_goes_back() -> None:
    here = full_town()
    bill = await mismatched(here)
    await decide(here, Subject.EXCEPTION, f"{bill.bill_id}:amount_mismatch", Decision.REFUND)
    (refund,) = await here.service.refunds.of_bill(bill.bill_id)
    assert (refund.cause, refund.amount_fen) == (RefundCause.SUSPENSE, 7999)
    await here.service.refunds.advance(refund.refund_id)
    await here.service.refunds.handle_news(
        here.full.settle_refund(refund.refund_no, RefundProgress.PAID)
    )
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (PayState.PENDING, frozenset())
    with pytest.raises(RulingNotFound):
        await decide(here, Subject.EXCEPTION, f"{bill.bill_id}:amount_mismatch", Decision.ACCEPT)


async def test_a_corrected_repeat_turns_suspended_money_into_the_payment() -> None:
    here = full_town()
    bill = await mismatched(here)
    assert await here.service.handle_fact(push_of(bill)) is Outcome.PAID
    (money,) = await here.service.attempts(bill.bill_id)
    assert (money.state, money.amount_fen) == (AttemptState.SUCCEEDED, 8000)


async def test_a_proposal_can_be_withdrawn_and_unfit_ones_are_refused() -> None:
    here = full_town()
    bill = await mismatched(here)
    key = f"{bill.bill_id}:amount_mismatch"
    for decision in (Decision.CLAIM, Decision.ADOPT):
        with pytest.raises(DecisionNotPossible):
            await decide(here, Subject.EXCEPTION, key, decision)
    with pytest.raises(RulingNotFound):
        await decide(here, Subject.EXCEPTION, f"{bill.bill_id}:late_payment", Decision.ACCEPT)
    with pytest.raises(DecisionNotPossible):
        await here.service.rulings.propose(
            Subject.EXCEPTION, key, Decision.DISMISS, actor="staff:a", note=""
        )
    ruling = await here.service.rulings.propose(
        Subject.EXCEPTION, key, Decision.DISMISS, actor="staff:a", note="x"
    )
    await here.service.rulings.withdraw(ruling.ruling_id, "staff:a")
    assert await here.service.rulings.open() == []
    await decide(here, Subject.EXCEPTION, key, Decision.DISMISS)
    assert (await here.now(bill)).exceptions == frozenset()


async def test_21_money_of_nobody_is_refunded_and_its_repeats_are_acknowledged() -> None:
    here = full_town()
    bill = await here.pending()
    stranger = replace(push_of(bill, "T9"), pay_code="9" * 20)
    for _ in range(3):
        assert await here.service.handle_fact(stranger) is Outcome.UNMATCHED
    (money,) = (await here.service.discrepancies()).unmatched
    assert money.times == 3
    await decide(here, Subject.UNMATCHED, money.key, Decision.REFUND)
    (refund,) = await here.service.refunds.of_bill("")
    assert (refund.tra_no, refund.cause) == ("T9", RefundCause.UNMATCHED)
    await here.service.refunds.advance(refund.refund_id)
    await here.service.refunds.handle_news(
        here.full.settle_refund(refund.refund_no, RefundProgress.PAID)
    )
    assert (await here.service.handle_fact(stranger)).acknowledged
    with pytest.raises(RulingNotFound):
        await decide(here, Subject.UNMATCHED, money.key, Decision.DISMISS)


async def test_a_claim_names_a_bill_and_money_belongs_to_one() -> None:
    here = full_town()
    bill, _ = await here.paid()
    other = await here.pending("case-2")
    stranger = replace(push_of(bill, "T9"), pay_code="9" * 20)
    await here.service.handle_fact(stranger)
    (money,) = (await here.service.discrepancies()).unmatched
    with pytest.raises(DecisionNotPossible):
        await decide(here, Subject.UNMATCHED, money.key, Decision.CLAIM)
    await decide(here, Subject.UNMATCHED, money.key, Decision.CLAIM, other.bill_id)
    assert (await here.now(other)).pay is PayState.PAID


async def test_late_money_decided_by_people() -> None:
    here = full_town()
    for reference, decision in (("case-1", Decision.ACCEPT), ("case-2", Decision.REFUND)):
        bill = await here.pending(reference)
        await here.service.void(bill.bill_id)
        await here.service.handle_fact(push_of(bill, f"T{reference}"))
        await decide(here, Subject.EXCEPTION, f"{bill.bill_id}:late_payment", decision)
        refunds = await here.service.refunds.of_bill(bill.bill_id)
        assert len(refunds) == int(decision is Decision.REFUND)
        after = await here.now(bill)
        assert after.pay is PayState.PAID
        # It stays up until the money is back.
        shown = BillException.LATE_PAYMENT in after.exceptions
        assert shown == (decision is Decision.REFUND)


# ---- what a fee comes to


def test_quantity_by_standard_is_rounded_half_up_per_line() -> None:
    item = charge(FeeLine("1", "测绘费", Fen(333), Decimal("1.5"), "亩"))
    assert (item.amount_fen, item.quantity, item.unit) == (Fen(500), Decimal("1.5"), "亩")
    assert charge(FeeLine("1", "测绘费", Fen(1), Decimal("0.5"))).amount_fen == 1
    assert charge(FeeLine("1", "测绘费", Fen(1), Decimal("0.49"))).amount_fen == 0


async def test_50_a_full_exemption_asks_for_no_code() -> None:
    here = full_town()
    free = charge(FeeLine("1", "登记费", Fen(8000), exempt_percent=100, exemption="小微企业"))
    assert (free.amount_fen, free.exempted_fen) == (0, 8000)
    due = await here.service.raise_bill(order(items=(free,)))
    assert isinstance(due, NoFeeDue)
    assert here.memory.numbers == {}
    half = charge(FeeLine("1", "登记费", Fen(8001), exempt_percent=50, exemption="减半"))
    assert half.amount_fen + half.exempted_fen == 8001
    for percent, reason in ((101, "x"), (-1, "x"), (50, ""), (0, "x")):
        with pytest.raises(InvalidBill):
            charge(FeeLine("1", "登记费", Fen(1), exempt_percent=percent, exemption=reason))


async def test_equal_codes_are_merged_before_they_are_billed() -> None:
    here = full_town()
    lines = (
        BillItem("1", "登记费", Fen(8000)),
        BillItem("2", "工本费", Fen(1000)),
        BillItem("1", "登记费", Fen(8000), Decimal(2)),
    )
    bill = await here.service.raise_bill(order(items=lines))
    assert isinstance(bill, Bill)
    assert [(i.item_code, i.amount_fen, i.quantity) for i in bill.items] == [
        ("1", 16000, Decimal(3)),
        ("2", 1000, Decimal(1)),
    ]
    assert await here.service.raise_bill(order(items=lines)) == bill
    for clash in (
        BillItem("1", "别名", Fen(1)),
        BillItem("1", "登记费", Fen(1), unit="件"),
        BillItem("1", "登记费", Fen(1), exempted_fen=Fen(1), exemption="减半"),
    ):
        with pytest.raises(InvalidBill):
            merge((*lines, clash))


async def test_a_late_fee_runs_by_the_day_and_never_beyond_the_fee() -> None:
    today = beijing_day(START)
    here = full_town(late_fee_per_million=500)
    since = today.replace(day=1)
    bill = await here.service.raise_bill(order(overdue_since=since))
    assert isinstance(bill, Bill)
    assert (bill.delay_fen, bill.amount_fen) == (4, 8004)
    assert late_fee(Fen(8000), today, since, 500) == 0
    assert late_fee(Fen(8000), today.replace(year=2000), today, 500) == 8000
    plain = await full_town().service.raise_bill(order(overdue_since=since))
    assert isinstance(plain, Bill)
    assert plain.delay_fen == 0


@given(
    st.integers(0, 10**9),
    st.decimals(min_value=0, max_value=10**4, places=4),
    st.integers(1, 100),
)
def test_an_exemption_never_creates_or_loses_money(
    price: int, quantity: Decimal, percent: int
) -> None:
    plain = charge(FeeLine("1", "登记费", Fen(price), quantity))
    item = charge(
        FeeLine("1", "登记费", Fen(price), quantity, exempt_percent=percent, exemption="x")
    )
    assert item.amount_fen + item.exempted_fen == plain.amount_fen
    assert 0 <= item.amount_fen <= plain.amount_fen
