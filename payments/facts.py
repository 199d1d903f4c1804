"""What a payment fact means for a bill: a pure judgement over bill, attempts and fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from kernel.clock import beijing_day
from kernel.money import Fen
from payments.model import (
    MONEY_ATTEMPTS,
    OPEN_ATTEMPTS,
    Attempt,
    AttemptState,
    Bill,
    BillException,
    Outcome,
    PaymentFact,
    PayState,
)
from payments.states import LATE_FROM

_TAKEN: Final = MONEY_ATTEMPTS | {AttemptState.REVERSED}
_MISMATCH: Final = frozenset({BillException.AMOUNT_MISMATCH, BillException.ACCOUNT_MISMATCH})

FLAGS: Final[dict[Outcome, BillException]] = {
    Outcome.PAID_LATE: BillException.LATE_PAYMENT,
    Outcome.EXCESS: BillException.EXCESS_PAYMENT,
    Outcome.AMOUNT_MISMATCH: BillException.AMOUNT_MISMATCH,
    Outcome.ACCOUNT_MISMATCH: BillException.ACCOUNT_MISMATCH,
    Outcome.TRANSACTION_REUSED: BillException.TRANSACTION_REUSED,
}
"""The exception that an outcome raises on the bill."""


def judge(bill: Bill, attempts: Sequence[Attempt], fact: PaymentFact) -> Outcome:
    """Return what the fact means; only one that fits in amount and account makes a bill PAID."""
    if bill.pay in {PayState.PAID, PayState.REVERSED}:
        return _judge_again(bill, attempts, fact)
    if fact.account and bill.account and fact.account != bill.account:
        return Outcome.ACCOUNT_MISMATCH
    going_back = _suspended(attempts, fact)
    if not fits(bill, fact) or (going_back and going_back.reserved_fen):
        return Outcome.AMOUNT_MISMATCH
    if not fact.tra_no and bill.exceptions & _MISMATCH:
        # A status query repeats what is due, not what was paid: it cannot settle a contradiction.
        return (
            Outcome.AMOUNT_MISMATCH
            if BillException.AMOUNT_MISMATCH in bill.exceptions
            else Outcome.ACCOUNT_MISMATCH
        )
    return Outcome.PAID_LATE if bill.pay in LATE_FROM else Outcome.PAID


def fits(bill: Bill, fact: PaymentFact) -> bool:
    """Return whether the amount is what is due: as issued, or with a late fee that grew since."""
    if fact.original_fen is not None and fact.original_fen != bill.original_fen:
        return False
    if fact.amount_fen == bill.amount_fen:
        return True
    if fact.original_fen is None or fact.delay_fen is None:
        return False
    grown = fact.delay_fen >= bill.delay_fen
    return grown and fact.amount_fen == fact.original_fen + fact.delay_fen


def _judge_again(bill: Bill, attempts: Sequence[Attempt], fact: PaymentFact) -> Outcome:
    if not fact.tra_no:
        return Outcome.CONFIRMED
    for attempt in attempts:
        if attempt.state in _TAKEN and attempt.tra_no == fact.tra_no:
            if attempt.amount_fen == fact.amount_fen:
                return Outcome.CONFIRMED
            suspended = attempt.state is AttemptState.SUSPENDED and not attempt.reserved_fen
            # Suspended money whose amount is told right now came on top of what paid the bill.
            return Outcome.EXCESS if suspended else Outcome.AMOUNT_MISMATCH
    if bill.pay is PayState.PAID and _unnamed(attempts) is not None:
        # Known so far from a query only, which names no transaction: this fact gives it its number.
        paid = _unnamed(attempts)
        same = paid is not None and paid.amount_fen == fact.amount_fen
        return Outcome.CONFIRMED if same else Outcome.EXCESS
    return Outcome.EXCESS


def _unnamed(attempts: Sequence[Attempt]) -> Attempt | None:
    for attempt in attempts:
        if attempt.state is AttemptState.SUCCEEDED and not attempt.tra_no:
            return attempt
    return None


def _suspended(attempts: Sequence[Attempt], fact: PaymentFact) -> Attempt | None:
    """Return the suspended money that this fact names again, with another amount."""
    for attempt in attempts:
        known = fact.tra_no and fact.tra_no == attempt.tra_no
        if known and attempt.state is AttemptState.SUSPENDED:
            return attempt
    return None


def settled_attempt(
    bill: Bill,
    attempts: Sequence[Attempt],
    fact: PaymentFact,
    outcome: Outcome,
    *,
    new_id: str,
    at: datetime,
) -> Attempt | None:
    """Return the attempt to store for the fact; None when it changes no attempt."""
    opened: Attempt | None = None
    state = AttemptState.SUCCEEDED
    match outcome:
        case Outcome.PAID | Outcome.PAID_LATE:
            opened = _suspended(attempts, fact) or next(
                (a for a in attempts if a.state in OPEN_ATTEMPTS), None
            )
        case Outcome.CONFIRMED:
            opened = _unnamed(attempts)
            known = any(a.tra_no == fact.tra_no for a in attempts)
            if opened is None or known or not fact.tra_no:
                return None
        case Outcome.EXCESS:
            opened, state = _suspended(attempts, fact), AttemptState.EXCESS_SUCCESS
        case Outcome.AMOUNT_MISMATCH | Outcome.ACCOUNT_MISMATCH:
            if not fact.tra_no or bill.pay in {PayState.PAID, PayState.REVERSED}:
                return None
            opened, state = _suspended(attempts, fact), AttemptState.SUSPENDED
            if opened and opened.reserved_fen:
                return None
        case _:
            return None
    base = opened or Attempt(
        attempt_id=new_id, bill_id=bill.bill_id, opened_here=False, state=state, opened_at=at
    )
    settled_at = fact.paid_at or at
    return replace(
        base,
        state=state,
        tra_no=fact.tra_no,
        amount_fen=fact.amount_fen,
        channel=fact.channel,
        channel_raw=fact.channel_raw,
        settled_at=settled_at,
        day=beijing_day(settled_at),
    )


def settled_bill(bill: Bill, fact: PaymentFact, outcome: Outcome, at: datetime) -> Bill:
    """Return the bill with what the fact adds to it, its pay state apart."""
    flag = FLAGS.get(outcome)
    marked = bill.flagged(flag) if flag else bill
    if outcome in {Outcome.PAID, Outcome.PAID_LATE}:
        delay = Fen(fact.amount_fen - bill.original_fen)
        cleared = marked.unflagged(*_MISMATCH, BillException.LOST_UPSTREAM)
        at = fact.paid_at or at
        return replace(cleared, delay_fen=delay, paid_at=at, paid_fen=fact.amount_fen)
    if outcome is Outcome.CONFIRMED and fact.tra_no and fact.paid_at:
        return replace(marked, paid_at=fact.paid_at)
    return marked
