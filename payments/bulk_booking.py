"""Books many payments in one unit of work, as long as each is as simple as payments mostly are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kernel.work import JsonMap, Work
from payments.facts import judge, settled_attempt, settled_bill
from payments.ground import RECEIPT_TASK, Ground
from payments.ledger import change_of, paid_move
from payments.model import (
    OPEN_ATTEMPTS,
    Attempt,
    Bill,
    Outcome,
    PaymentFact,
    PayState,
)
from payments.stores import Settled

_PLAIN: Final = frozenset({PayState.ISSUING, PayState.PENDING, PayState.PAYING})


class BulkBooking:
    """Takes the plain ones and leaves the rest to Booking, which knows every case.

    Plain is the first payment of a bill that waits for it, with the amount that is due, from a
    transaction that nobody has seen: one bill, no exception, at most the attempt opened here. What
    was booked before is done as well: it changes nothing.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._stores = ground.stores

    async def record(self, work: Work, facts: Sequence[PaymentFact], actor: str) -> list[bool]:
        """Book what is plain, all in this unit; return for each fact whether it is done.

        Raises AlreadyExists or StaleVersion when somebody else was faster; then nothing is booked.
        """
        stores = self._stores
        bills = await stores.lock_payable(work, {fact.pay_code for fact in facts})
        seen = set(await stores.settled_keys(work, {fact.key for fact in facts}))
        attempts = await stores.attempts_among(
            work, [bill.bill_id for bill in bills.values()], {fact.tra_no for fact in facts}
        )
        settled: list[Settled] = []
        done = []
        for fact in facts:
            plain = None
            if fact.key not in seen and fact.pay_code in bills:
                plain = self._plain(bills[fact.pay_code], attempts, fact)
            if plain is not None:
                # Whatever else is said about this bill or transaction is no plain case any more.
                del bills[fact.pay_code]
                attempts = [*attempts, plain.attempt]
                seen.add(fact.key)
                settled.append(plain)
            done.append(fact.key in seen)
        if settled:
            moves = [paid_move(one.before, one.paid, actor) for one in settled]
            tasks = [change_of(one.paid) for one in settled]
            if self._ground.receipts() is not None:
                tasks += [_receipt(one.paid) for one in settled]
            await stores.settle_many(work, settled, moves, tasks)
        return done

    def _plain(self, bill: Bill, attempts: Sequence[Attempt], fact: PaymentFact) -> Settled | None:
        """Return what a plain payment makes of its bill; None when it is not plain."""
        if bill.pay not in _PLAIN or bill.merged or bill.exceptions or not fact.tra_no:
            return None
        if fact.amount_fen != bill.amount_fen:
            return None
        if any(attempt.tra_no == fact.tra_no for attempt in attempts):
            return None
        ours = [attempt for attempt in attempts if attempt.bill_id == bill.bill_id]
        if len(ours) > 1 or any(attempt.state not in OPEN_ATTEMPTS for attempt in ours):
            return None
        now = self._ground.clock.now()
        outcome, ids = judge(bill, ours, fact), self._ground.ids
        attempt = settled_attempt(bill, ours, fact, outcome, new_id=ids.new("attempt"), at=now)
        if outcome is not Outcome.PAID or attempt is None:
            return None
        paid = replace(
            settled_bill(bill, fact, outcome, now),
            pay=PayState.PAID,
            updated_at=now,
            version=bill.version + 1,
        )
        return Settled(ids.new("fact"), fact, bill, paid, attempt, now)


def _receipt(bill: Bill) -> tuple[str, str, JsonMap]:
    return RECEIPT_TASK, f"{bill.bill_id}:{bill.version}", {"bill_id": bill.bill_id}
