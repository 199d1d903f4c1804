"""Reversals: only today, before reconciliation, with a red receipt, and known afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.errors import UpstreamError
from kernel.money import Fen
from payments import (
    STEPS,
    AlreadyReconciled,
    AttemptState,
    Bill,
    Capability,
    FundsFact,
    FundState,
    NotRefundable,
    NotReversible,
    Outcome,
    PayState,
    PublicStatus,
    ReceiptState,
    public_status,
)
from tests.unit.payments.fakes import order, unavailable, unknown
from tests.unit.payments.full_finance import FullTown, full_town


async def reverse(here: FullTown, bill: Bill) -> Bill:
    return await here.service.reversals.reverse(bill.bill_id, actor="staff:a", reason="重复办理")


async def resume(here: FullTown, bill: Bill) -> None:
    payload, _ = next(
        task for (kind, _), task in here.memory.tasks.items() if kind == "payments.reverse"
    )
    await STEPS["payments.reverse"](here.service, payload)


async def test_41_before_reconciliation_the_payment_is_undone() -> None:
    here = full_town()
    bill, fact = await here.paid()
    funds = FundsFact(bill.pay_code, fact.tra_no, Fen(8000), FundState.RECEIVED, here.today)
    await here.service.handle_funds(funds)
    undone = await reverse(here, bill)
    assert (undone.pay, undone.fund) == (PayState.REVERSED, FundState.NONE)
    assert public_status(undone) is PublicStatus.REVERSED
    (money,) = await here.service.attempts(bill.bill_id)
    assert money.state is AttemptState.REVERSED
    assert await reverse(here, bill) == undone
    # An old push of the undone payment changes nothing; other money goes back.
    assert await here.service.handle_fact(fact) is Outcome.DUPLICATE
    assert (await here.now(bill)).pay is PayState.REVERSED
    again = await here.service.raise_bill(order("case-1", fee_version="2"))
    assert isinstance(again, Bill)
    assert again.pay_code != bill.pay_code


async def test_41_after_reconciliation_only_a_refund_helps() -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.reconciled_until = here.today
    with pytest.raises(AlreadyReconciled):
        await reverse(here, bill)
    after = await here.now(bill)
    assert (after.pay, after.closing) == (PayState.PAID, None)
    here.full.reconciled_until = None
    here.clock.advance(timedelta(days=1))
    with pytest.raises(AlreadyReconciled):
        await reverse(here, bill)
    assert [name for name, _ in here.full.calls].count("reverse") == 1


async def test_the_receipt_becomes_red_first() -> None:
    here = full_town()
    bill, _ = await here.paid()
    await here.service.receipts.advance(bill.bill_id)
    undone = await reverse(here, bill)
    assert (undone.pay, undone.receipt) == (PayState.REVERSED, ReceiptState.RED)
    names = [name for name, _ in here.full.calls]
    assert names.index("reverse") > max(n for n, name in enumerate(names) if name == "receipt")


@pytest.mark.parametrize("after", [True, False])
async def test_a_lost_answer_is_asked_for(after: bool) -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.fail("reverse", unknown(), after=after)
    with pytest.raises(UpstreamError):
        await reverse(here, bill)
    assert (await here.now(bill)).pay is PayState.PAID
    assert (await here.now(bill)).receipt is ReceiptState.NONE
    await resume(here, bill)
    assert (await here.now(bill)).pay is PayState.REVERSED
    await resume(here, bill)
    assert here.memory.topics().count("payments.reversed") == 1


async def test_a_reversal_that_is_under_way_holds_refunds_and_receipts() -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.fail("reverse", unavailable())
    with pytest.raises(UpstreamError):
        await reverse(here, bill)
    await here.service.receipts.advance(bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.NONE
    with pytest.raises(NotRefundable):
        await here.service.refunds.request(
            bill.bill_id,
            refund_no="R1",
            amount_fen=Fen(1),
            expected_refundable_fen=Fen(8000),
            reason="x",
            actor="staff:a",
        )


async def test_what_cannot_be_reversed() -> None:
    here = full_town()
    pending = await here.pending("case-9")
    with pytest.raises(NotReversible):
        await reverse(here, pending)
    bill, _ = await here.paid()
    await here.service.refunds.request(
        bill.bill_id,
        refund_no="R1",
        amount_fen=Fen(1),
        expected_refundable_fen=Fen(8000),
        reason="x",
        actor="staff:a",
    )
    with pytest.raises(NotReversible):
        await reverse(here, bill)
    here.full.offers = frozenset(Capability) - {Capability.REVERSAL}
    other, _ = await here.paid("case-2")
    with pytest.raises(NotReversible):
        await reverse(here, other)
