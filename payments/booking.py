"""Books payment facts: stored exactly once, judged, and everything that follows in one unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kernel.work import JsonMap, Work
from payments.facts import FLAGS, judge, settled_attempt, settled_bill
from payments.ground import LATE_TASK, RECEIPT_TASK, Ground
from payments.ledger import Ledger
from payments.model import (
    Attempt,
    AttemptState,
    Bill,
    BillException,
    FundState,
    Outcome,
    PaymentFact,
    PayState,
)
from payments.refund_book import RefundBook
from payments.refund_model import RefundCause

_PAID: Final = frozenset({Outcome.PAID, Outcome.PAID_LATE})
_EXCESS_REASON: Final = "重复缴款"


class Booking:
    """Writes what money does to bills; every method runs inside the caller's unit of work."""

    def __init__(self, ground: Ground, ledger: Ledger, refunds: RefundBook) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._ledger = ledger
        self._refunds = refunds

    async def record(self, work: Work, fact: PaymentFact, actor: str) -> Outcome:
        """Store a fact exactly once and do what it demands, all in this unit."""
        bill = await self._stores.by_pay_code(work, fact.pay_code, lock=True)
        now = self._ground.clock.now()
        if bill is None:
            settled = await self._stores.note_unmatched(work, fact, now)
            return Outcome.DUPLICATE if settled else Outcome.UNMATCHED
        earlier = await self._stores.fact_outcome(work, fact.key)
        if earlier is not None:
            return Outcome.DUPLICATE if earlier.acknowledged else earlier
        attempts = await self._stores.attempts(work, bill.bill_id)
        outcome = judge(bill, attempts, fact)
        attempt = settled_attempt(
            bill, attempts, fact, outcome, new_id=self._ground.ids.new("attempt"), at=now
        )
        if attempt is not None and not await self._stores.put_attempt(work, attempt):
            outcome = Outcome.TRANSACTION_REUSED
        await self._stores.add_fact(work, self._ground.ids.new("fact"), bill, fact, outcome, now)
        await self._stores.matched(work, fact, now)
        changed = settled_bill(bill, fact, outcome, now)
        if outcome in _PAID:
            others = [a for a in attempts if attempt and a.attempt_id != attempt.attempt_id]
            await self._ledger.close_attempts(work, others)
            await self._paid(work, changed, actor, late=outcome is Outcome.PAID_LATE)
        else:
            await self._noted(work, bill, changed, outcome)
        if outcome is Outcome.EXCESS and attempt is not None:
            await self._give_back(work, bill.bill_id, attempt)
        return outcome

    async def accept(self, work: Work, bill: Bill, money: Attempt, actor: str) -> Bill:
        """Let suspended money pay a bill although it does not fit: two people said so."""
        paid = replace(money, state=AttemptState.SUCCEEDED)
        await self._stores.put_attempt(work, paid)
        attempts = await self._stores.attempts(work, bill.bill_id)
        await self._ledger.close_attempts(work, attempts)
        cleared = bill.unflagged(BillException.AMOUNT_MISMATCH, BillException.ACCOUNT_MISMATCH)
        settled = replace(cleared, paid_at=money.settled_at, paid_fen=money.amount_fen)
        return await self._paid(work, settled, actor, late=False)

    async def reversed(self, work: Work, bill: Bill, actor: str, note: str) -> Bill:
        """Undo a payment that the finance side has undone (冲正)."""
        for attempt in await self._stores.attempts(work, bill.bill_id):
            if attempt.state is AttemptState.SUCCEEDED:
                await self._stores.put_attempt(work, replace(attempt, state=AttemptState.REVERSED))
        if bill.fund is FundState.RECEIVED:
            bill = await self._ledger.fund(work, bill, FundState.NONE, actor)
        undone = replace(bill, closing=None)
        return await self._ledger.move(work, undone, PayState.REVERSED, actor, note)

    async def plan_receipt(self, work: Work, bill: Bill) -> None:
        """Write the task that issues the receipt, where this finance system makes receipts."""
        if self._ground.receipts() is None:
            return
        members = await self._stores.members(work, bill.bill_id) if bill.merged else [bill]
        for each in members:
            payload: JsonMap = {"bill_id": each.bill_id}
            await work.enqueue(RECEIPT_TASK, f"{each.bill_id}:{each.version}", payload)

    async def _paid(self, work: Work, bill: Bill, actor: str, *, late: bool) -> Bill:
        paid = await self._ledger.move(work, bill, PayState.PAID, actor)
        if late and self._ground.matters is not None:
            payload: JsonMap = {"bill_id": paid.bill_id}
            await work.enqueue(LATE_TASK, f"{paid.bill_id}:{paid.version}", payload)
        else:
            await self.plan_receipt(work, paid)
        return paid

    async def _noted(self, work: Work, bill: Bill, settled: Bill, outcome: Outcome) -> None:
        flag = FLAGS.get(outcome)
        if flag is not None:
            # Also when the flag was up already: it is other money, or the same contradiction anew.
            await self._ledger.flag(work, settled, flag)
        elif settled != bill:
            await self._ledger.store(work, settled)

    async def _give_back(self, work: Work, bill_id: str, money: Attempt) -> None:
        bill = await self._ground.locked(work, bill_id)
        if money.amount_fen:
            await self._refunds.open(
                work,
                bill,
                money,
                pay_code=bill.pay_code,
                tra_no=money.tra_no,
                paid_fen=money.amount_fen,
                amount_fen=money.amount_fen,
                cause=RefundCause.EXCESS,
                reason=_EXCESS_REASON,
                actor="system",
            )
