"""What is written together: a bill's change, its history, its event, and the task that tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import Json, Move, Work
from payments.facts import FLAGS, judge, settled_attempt, settled_bill
from payments.model import (
    OPEN_ATTEMPTS,
    Attempt,
    AttemptState,
    Bill,
    Outcome,
    PaymentFact,
    PayState,
)
from payments.ports import BillRepository
from payments.states import PAY, public_status

RAISED: Final = "payments.bill_raised"
FLAGGED: Final = "payments.exception_raised"
CHANGED: Final = "payments.changed"
"""Kind of the task that carries a change to whoever the reference belongs to."""


class Ledger:
    """Writes changes of bills; every method runs inside the caller's unit of work."""

    def __init__(self, repository: BillRepository, clock: Clock, ids: IdSource) -> None:
        self._bills = repository
        self._clock = clock
        self._ids = ids

    async def raised(self, work: Work, bill: Bill, actor: str) -> bool:
        """Store a new bill; False when its business key is taken."""
        if not await self._bills.add(work, bill):
            return False
        await work.moved(self._move(None, bill, RAISED, actor, ""))
        return True

    async def move(self, work: Work, bill: Bill, new: PayState, actor: str, note: str = "") -> Bill:
        """Move the pay axis; ``bill`` may carry other changes. Raises IllegalTransition."""
        event = PAY.event(bill.pay, new)
        moved = replace(bill, pay=new, updated_at=self._clock.now())
        stored = await self._bills.save(work, moved)
        await work.moved(self._move(bill.pay, stored, event, actor, note))
        await self._tell(work, stored)
        return stored

    async def store(self, work: Work, bill: Bill) -> Bill:
        """Store changes that nobody outside is told about."""
        return await self._bills.save(work, replace(bill, updated_at=self._clock.now()))

    async def close_attempts(self, work: Work, bill: Bill, attempts: Sequence[Attempt]) -> None:
        """Close the attempts of a bill that are still open."""
        for attempt in attempts:
            if attempt.state in OPEN_ATTEMPTS:
                closed = replace(attempt, state=AttemptState.CLOSED, settled_at=self._clock.now())
                await self._bills.put_attempt(work, closed)

    async def record(self, work: Work, fact: PaymentFact, actor: str) -> Outcome:
        """Store a fact exactly once and do what it demands, all in this unit."""
        bill = await self._bills.by_pay_code(work, fact.pay_code, lock=True)
        now = self._clock.now()
        if bill is None:
            await self._bills.note_unmatched(work, fact, now)
            return Outcome.UNMATCHED
        earlier = await self._bills.fact_outcome(work, fact.key)
        if earlier is not None:
            return Outcome.DUPLICATE if earlier.acknowledged else earlier
        attempts = await self._bills.attempts(work, bill.bill_id)
        outcome = judge(bill, attempts, fact)
        attempt = settled_attempt(
            bill, attempts, fact, outcome, new_id=self._ids.new("attempt"), at=now
        )
        if attempt is not None and not await self._bills.put_attempt(work, attempt):
            outcome = Outcome.TRANSACTION_REUSED
        await self._bills.add_fact(work, self._ids.new("fact"), bill, fact, outcome, now)
        await self._bills.matched(work, fact, now)
        await self._apply(work, bill, settled_bill(bill, fact, outcome, now), outcome, actor)
        return outcome

    async def _apply(
        self, work: Work, bill: Bill, settled: Bill, outcome: Outcome, actor: str
    ) -> None:
        if outcome in {Outcome.PAID, Outcome.PAID_LATE}:
            await self.move(work, settled, PayState.PAID, actor)
            return
        flag = FLAGS.get(outcome)
        if flag is None and settled == bill:
            return
        stored = await self.store(work, settled)
        if flag is not None:
            # Also when the flag was up already: it is other money, or the same contradiction anew.
            await work.emit(FLAGGED, stored.reference, {**_data(stored), "exception": str(flag)})
            await self._tell(work, stored)

    async def _tell(self, work: Work, bill: Bill) -> None:
        payload: dict[str, Json] = {"reference": bill.reference, "bill_id": bill.bill_id}
        await work.enqueue(CHANGED, f"{bill.bill_id}:{bill.version}", payload)

    def _move(self, old: PayState | None, bill: Bill, event: str, actor: str, note: str) -> Move:
        return Move(
            machine=PAY.name,
            entity=bill.bill_id,
            old=old,
            new=bill.pay,
            event=event,
            reference=bill.reference,
            actor=actor,
            data=_data(bill),
            note=note,
        )


def _data(bill: Bill) -> dict[str, Json]:
    exceptions: list[Json] = [str(flag) for flag in sorted(bill.exceptions)]
    return {
        "bill_id": bill.bill_id,
        "fee_version": bill.fee_version,
        "amount_fen": int(bill.amount_fen),
        "status": str(public_status(bill)),
        "exceptions": exceptions,
    }
