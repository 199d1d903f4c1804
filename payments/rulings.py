"""What people decide about money (四眼原则): one proposes, another confirms, then it happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from kernel.work import Work
from payments.booking import Booking
from payments.errors import DecisionNotPossible, FourEyes, RulingNotFound, RulingOpen
from payments.ground import Ground
from payments.ledger import Ledger
from payments.model import (
    Attempt,
    AttemptState,
    Bill,
    BillException,
    FactSource,
    Outcome,
    PaymentFact,
    PayState,
    UnmatchedPayment,
)
from payments.refund_book import RefundBook
from payments.refund_model import RefundCause
from payments.refunds import RefundDesk
from payments.ruling_model import Decision, Ruling, RulingState, Subject

_MISMATCH: Final = frozenset({BillException.AMOUNT_MISMATCH, BillException.ACCOUNT_MISMATCH})
_MAX_NOTE: Final = 500
_POSSIBLE: Final = {
    BillException.AMOUNT_MISMATCH: {Decision.ACCEPT, Decision.REFUND, Decision.DISMISS},
    BillException.ACCOUNT_MISMATCH: {Decision.ACCEPT, Decision.REFUND, Decision.DISMISS},
    BillException.LATE_PAYMENT: {Decision.ACCEPT, Decision.REFUND},
}
_OTHERS: Final = {Decision.DISMISS}
_OF_UNMATCHED: Final = {Decision.CLAIM, Decision.REFUND, Decision.DISMISS}


class DifferenceRulings(Protocol):
    """What reconciliation does with a decision about one of its differences."""

    async def allows(self, work: Work, key: str, decision: Decision) -> bool:
        """Return whether an open difference of this id can be decided so."""
        ...

    async def carry_out(self, work: Work, ruling: Ruling, actor: str) -> None:
        """Do what was decided and close the difference."""
        ...


class RulingDesk:
    """Keeps decisions and carries confirmed ones out."""

    def __init__(
        self,
        ground: Ground,
        ledger: Ledger,
        book: RefundBook,
        booking: Booking,
        refunds: RefundDesk,
        differences: DifferenceRulings,
    ) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._works = ground.works
        self._ledger = ledger
        self._book = book
        self._booking = booking
        self._refunds = refunds
        self._differences = differences

    async def open(self, limit: int = 100) -> Sequence[Ruling]:
        """Return proposals that wait for somebody to confirm them, the oldest first."""
        async with self._works.read() as work:
            return await self._stores.open_rulings(work, limit)

    async def propose(
        self,
        subject: Subject,
        key: str,
        decision: Decision,
        *,
        actor: str,
        note: str,
        bill_id: str = "",
    ) -> Ruling:
        """Propose what is to be done; nothing happens until another person confirms it.

        ``bill_id`` names the bill of a CLAIM. Raises RulingNotFound, DecisionNotPossible,
        RulingOpen.
        """
        if not 0 < len(note) <= _MAX_NOTE:
            raise DecisionNotPossible("a decision has a reason", field="note")
        async with self._works.begin() as work:
            await self._examine(work, subject, key, decision, bill_id)
            ruling = Ruling(
                ruling_id=self._ground.ids.new("ruling"),
                subject=subject,
                key=key,
                decision=decision,
                note=note,
                proposed_by=actor,
                proposed_at=self._ground.clock.now(),
                bill_id=bill_id,
            )
            if not await self._stores.add_ruling(work, ruling):
                raise RulingOpen("a proposal for this matter waits already")
            return ruling

    async def withdraw(self, ruling_id: str, actor: str) -> Ruling:
        """Drop a proposal. Raises RulingNotFound."""
        async with self._works.begin() as work:
            ruling = await self._waiting(work, ruling_id)
            return await self._end(work, ruling, RulingState.WITHDRAWN, actor)

    async def confirm(self, ruling_id: str, actor: str) -> Ruling:
        """Carry a proposal out. Raises FourEyes for who proposed it, RulingNotFound when it ended.

        Raises DecisionNotPossible when the matter has changed meanwhile.
        """
        async with self._works.begin() as work:
            ruling = await self._waiting(work, ruling_id)
            if ruling.proposed_by == actor:
                raise FourEyes("who proposes does not confirm")
            await self._examine(work, ruling.subject, ruling.key, ruling.decision, ruling.bill_id)
            ended = await self._end(work, ruling, RulingState.DONE, actor)
            carry: dict[Subject, Callable[[Work, Ruling, str], Awaitable[None]]] = {
                Subject.EXCEPTION: self._exception,
                Subject.UNMATCHED: self._unmatched,
                Subject.DIFFERENCE: self._differences.carry_out,
            }
            await carry[ruling.subject](work, ended, actor)
            return ended

    async def decide_late(self, bill_id: str) -> Bill:
        """Decide about money that came late: kept while its matter is open, else refunded.

        Nothing happens when people have decided, or when nobody can say whether it is open.
        """
        bill = await self._ground.get(bill_id)
        matters = self._ground.matters
        if matters is None or not _late(bill):
            return bill
        async with self._works.read() as work:
            members = await self._stores.members(work, bill_id)
        for each in members or [bill]:
            is_open = await matters.is_open(each.reference)
            async with self._works.begin() as work:
                now = await self._ground.locked(work, each.bill_id)
                if bill.merged or _late(now):
                    await self._late(work, now, keep=is_open)
        if bill.merged:
            async with self._works.begin() as work:
                carrier = await self._ground.locked(work, bill_id)
                await self._ledger.lower(work, carrier, BillException.LATE_PAYMENT)
        return await self._ground.get(bill_id)

    async def _late(self, work: Work, bill: Bill, *, keep: bool) -> None:
        if keep:
            stored = await self._ledger.lower(work, bill, BillException.LATE_PAYMENT)
            await self._booking.plan_receipt(work, stored)
        else:
            await self._refunds.give_back(
                work, bill.bill_id, RefundCause.LATE, "事项已办结, 逾期缴款退付", "system"
            )

    async def _examine(
        self, work: Work, subject: Subject, key: str, decision: Decision, bill_id: str
    ) -> None:
        if subject is Subject.DIFFERENCE:
            possible = await self._differences.allows(work, key, decision)
        elif subject is Subject.UNMATCHED:
            if await self._stores.unmatched_one(work, key) is None:
                raise RulingNotFound("no such unmatched payment")
            possible = decision in _OF_UNMATCHED
            if decision is Decision.CLAIM:
                possible = bool(bill_id) and not (await self._ground.get(bill_id)).merged_into
        else:
            _, flag = await self._flagged(work, key)
            possible = decision in _POSSIBLE.get(flag, _OTHERS)
        if not possible:
            raise DecisionNotPossible("this decision does not fit the matter", field="decision")

    async def _flagged(self, work: Work, key: str) -> tuple[Bill, BillException]:
        bill_id, _, name = key.rpartition(":")
        bill = await self._stores.get(work, bill_id, lock=True)
        if bill is None or name not in {str(flag) for flag in bill.exceptions}:
            raise RulingNotFound("the bill has no such exception")
        return bill, BillException(name)

    async def _exception(self, work: Work, ruling: Ruling, actor: str) -> None:
        bill, flag = await self._flagged(work, ruling.key)
        if flag is BillException.LATE_PAYMENT:
            await self._late(work, bill, keep=ruling.decision is Decision.ACCEPT)
        elif flag in _MISMATCH and ruling.decision is not Decision.DISMISS:
            await self._mismatch(work, bill, ruling, actor)
        else:
            await self._ledger.lower(work, bill, flag)

    async def _mismatch(self, work: Work, bill: Bill, ruling: Ruling, actor: str) -> None:
        attempts = await self._stores.attempts(work, bill.bill_id)
        suspended = [
            a for a in attempts if a.state is AttemptState.SUSPENDED and not a.reserved_fen
        ]
        if not suspended:
            raise DecisionNotPossible("no suspended money is known", field="decision")
        if ruling.decision is Decision.ACCEPT:
            if bill.pay is PayState.PAID or bill.pay is PayState.REVERSED or len(suspended) > 1:
                raise DecisionNotPossible("the bill cannot be paid by this money")
            await self._booking.accept(work, bill, suspended[0], actor)
            return
        for money in suspended:
            bill = await self._ground.locked(work, bill.bill_id)
            await self._give_back(work, bill, money, ruling.note)

    async def _give_back(self, work: Work, bill: Bill, money: Attempt, note: str) -> None:
        amount = money.amount_fen
        if amount:
            await self._book.open(
                work,
                bill,
                money,
                pay_code=bill.pay_code,
                tra_no=money.tra_no,
                paid_fen=amount,
                amount_fen=amount,
                cause=RefundCause.SUSPENSE,
                reason=note[:200],
                actor="system",
            )

    async def _unmatched(self, work: Work, ruling: Ruling, actor: str) -> None:
        money = await self._stores.unmatched_one(work, ruling.key)
        if money is None:
            raise RulingNotFound("no such unmatched payment")
        now = self._ground.clock.now()
        if ruling.decision is Decision.CLAIM:
            await self._claim(work, money, ruling.bill_id, actor)
        elif ruling.decision is Decision.REFUND:
            await self._book.open(
                work,
                None,
                None,
                pay_code=money.pay_code,
                tra_no=money.tra_no,
                paid_fen=money.amount_fen,
                amount_fen=money.amount_fen,
                cause=RefundCause.UNMATCHED,
                reason=ruling.note[:200],
                actor=actor,
            )
        await self._stores.settle_unmatched(work, ruling.key, str(ruling.decision), now)

    async def _claim(self, work: Work, money: UnmatchedPayment, bill_id: str, actor: str) -> None:
        bill = await self._ground.locked(work, bill_id)
        fact = PaymentFact(
            source=FactSource.CLAIM,
            pay_code=bill.pay_code,
            tra_no=money.tra_no,
            amount_fen=money.amount_fen,
            paid_at=money.paid_at,
        )
        outcome = await self._booking.record(work, fact, actor)
        if outcome in {Outcome.TRANSACTION_REUSED, Outcome.UNMATCHED}:
            raise DecisionNotPossible("the money belongs to another bill", field="bill_id")

    async def _waiting(self, work: Work, ruling_id: str) -> Ruling:
        ruling = await self._stores.get_ruling(work, ruling_id)
        if ruling is None or ruling.state is not RulingState.PROPOSED:
            raise RulingNotFound("no such proposal waits")
        return ruling

    async def _end(self, work: Work, ruling: Ruling, state: RulingState, actor: str) -> Ruling:
        ended = replace(
            ruling, state=state, confirmed_by=actor, confirmed_at=self._ground.clock.now()
        )
        return await self._stores.save_ruling(work, ended)


def _late(bill: Bill) -> bool:
    late = BillException.LATE_PAYMENT in bill.exceptions
    return late and bill.pay is PayState.PAID
