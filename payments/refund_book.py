"""Writes refunds: money set aside, steps with history, and their sum on the bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kernel.money import Fen
from kernel.work import JsonMap, Move, Work
from payments.ground import REFUND_TASK, Ground
from payments.ledger import Ledger, bill_data
from payments.model import (
    NOTHING,
    Attempt,
    AttemptState,
    Bill,
    BillException,
    PayState,
    ReceiptState,
    RefundState,
)
from payments.refund_model import Refund, RefundCause, RefundStep
from payments.states import COUNTED_REFUND, REFUND

_OF_THE_BILL: Final = frozenset({RefundCause.WISH, RefundCause.LATE})
"""Refunds of the money that paid the bill; the other causes are about other money."""
_REQUESTED: Final = "payments.refund_requested"
SYSTEM: Final = "system"
_AXIS: Final = {
    RefundStep.SENT: RefundState.SENT,
    RefundStep.APPROVED: RefundState.APPROVED,
    RefundStep.REQUESTED: RefundState.REQUESTED,
    RefundStep.REJECTED: RefundState.REJECTED,
    RefundStep.FAILED: RefundState.FAILED,
}


def refundable(bill: Bill, refunds: Sequence[Refund]) -> Fen:
    """Return what of the payment can still be refunded in 分; 0 unless the bill is PAID."""
    if bill.pay is not PayState.PAID or bill.paid_fen is None:
        return NOTHING
    taken = sum(
        r.amount_fen for r in refunds if r.cause in _OF_THE_BILL and r.step in COUNTED_REFUND
    )
    return Fen(max(0, bill.paid_fen - taken))


def refund_axis(bill: Bill, refunds: Sequence[Refund]) -> RefundState:
    """Return the bill's refund axis as its refunds add up."""
    mine = [r for r in refunds if r.cause in _OF_THE_BILL]
    done = sum(r.amount_fen for r in mine if r.step is RefundStep.DONE)
    if done and done >= (bill.paid_fen or 0):
        return RefundState.FULL
    if done:
        return RefundState.PARTIAL
    for step in (RefundStep.SENT, RefundStep.APPROVED, RefundStep.REQUESTED):
        if any(r.step is step for r in mine):
            return _AXIS[step]
    ended = [r for r in mine if r.step in _AXIS]
    return _AXIS[ended[-1].step] if ended else RefundState.NONE


class RefundBook:
    """Writes refunds; every method runs inside the caller's unit, which has locked the bill."""

    def __init__(self, ground: Ground, ledger: Ledger) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._ledger = ledger

    async def open(
        self,
        work: Work,
        bill: Bill | None,
        money: Attempt | None,
        *,
        pay_code: str,
        tra_no: str,
        paid_fen: Fen,
        amount_fen: Fen,
        cause: RefundCause,
        reason: str,
        actor: str,
        refund_no: str = "",
    ) -> Refund | None:
        """Store a refund with its money set aside; None when that money is spoken for.

        Refunds that the system itself opens are approved at once.
        """
        if money and not await self._stores.reserve(work, money.attempt_id, amount_fen):
            return None
        now = self._ground.clock.now()
        approved = cause is not RefundCause.WISH or not self._ground.options.refund_four_eyes
        refund_id = self._ground.ids.new("refund")
        refund = Refund(
            refund_id=refund_id,
            refund_no=refund_no or refund_id.replace("refund_", "RF"),
            bill_id=bill.bill_id if bill else "",
            attempt_id=money.attempt_id if money else "",
            pay_code=pay_code,
            tra_no=tra_no,
            paid_fen=paid_fen,
            amount_fen=amount_fen,
            cause=cause,
            reason=reason,
            requested_by=actor,
            created_at=now,
            updated_at=now,
            step=RefundStep.APPROVED if approved else RefundStep.REQUESTED,
            approved_by=SYSTEM if approved else "",
        )
        if not await self._stores.add_refund(work, refund):
            if money:
                await self._stores.release(work, money.attempt_id, amount_fen)
            return None
        await self._moved(work, bill, refund, None, _REQUESTED, actor)
        if approved:
            await self.plan(work, refund)
        return refund

    async def step(
        self, work: Work, refund: Refund, new: RefundStep, actor: str, note: str = ""
    ) -> Refund:
        """Move a refund, which may carry other changes, and its bill's axis with it."""
        event = REFUND.event(refund.step, new)
        restored = new in {RefundStep.REJECTED, RefundStep.FAILED, RefundStep.WITHDRAWN}
        bill = await self._ground.locked(work, refund.bill_id) if refund.bill_id else None
        if restored and refund.attempt_id:
            await self._stores.release(work, refund.attempt_id, refund.amount_fen)
        elif refund.step in {RefundStep.REJECTED, RefundStep.FAILED} and refund.attempt_id:
            taken = await self._stores.reserve(work, refund.attempt_id, refund.amount_fen)
            if not taken and bill:
                bill = await self._ledger.flag(work, bill, BillException.OVER_REFUNDED)
        saved = await self._stores.save_refund(
            work, replace(refund, step=new, updated_at=self._ground.clock.now())
        )
        await self._moved(work, bill, saved, refund.step, event, actor, note)
        if new is RefundStep.APPROVED:
            await self.plan(work, saved)
        return saved

    async def plan(self, work: Work, refund: Refund) -> None:
        """Write the task that carries the refund on."""
        payload: JsonMap = {"refund_id": refund.refund_id}
        await work.enqueue(REFUND_TASK, f"{refund.refund_id}:{refund.version}", payload)

    async def _moved(
        self,
        work: Work,
        bill: Bill | None,
        refund: Refund,
        old: RefundStep | None,
        event: str,
        actor: str,
        note: str = "",
    ) -> None:
        if bill is not None:
            bill = await self._sum_up(work, bill)
        reference = bill.reference if bill else f"pay_code:{refund.pay_code}"
        await work.moved(
            Move(
                machine=REFUND.name,
                entity=refund.refund_id,
                old=old,
                new=refund.step,
                event=event,
                reference=reference,
                actor=actor,
                data={
                    **(bill_data(bill) if bill else {}),
                    "refund_no": refund.refund_no,
                    "refund_fen": int(refund.amount_fen),
                    "cause": str(refund.cause),
                },
                note=note,
            )
        )

    async def _sum_up(self, work: Work, bill: Bill) -> Bill:
        refunds = await self._stores.refunds_of(work, bill.bill_id)
        changed = replace(bill, refund=refund_axis(bill, refunds))
        if changed.refund is RefundState.FULL:
            changed = changed.unflagged(BillException.LATE_PAYMENT)
        done = {r.attempt_id for r in refunds if r.step is RefundStep.DONE}
        attempts = await self._stores.attempts(work, bill.bill_id)
        other = [a for a in attempts if a.attempt_id not in done]
        if not any(a.state is AttemptState.EXCESS_SUCCESS for a in other):
            changed = changed.unflagged(BillException.EXCESS_PAYMENT)
        if attempts and not any(a.state is AttemptState.SUSPENDED for a in other):
            suspended = [a for a in attempts if a.state is AttemptState.SUSPENDED]
            if suspended:
                changed = changed.unflagged(
                    BillException.AMOUNT_MISMATCH, BillException.ACCOUNT_MISMATCH
                )
        return bill if changed == bill else await self._ledger.store(work, changed)


def receipt_in_the_way(bill: Bill) -> bool:
    """Return whether the receipt must become red, or its number free, before money goes back."""
    return bill.receipt not in {ReceiptState.NONE, ReceiptState.RED}
