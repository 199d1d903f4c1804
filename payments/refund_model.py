"""What refunds (退付) and reversals (冲正) are made of, and what the upstream says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from kernel.money import Fen

MAX_REFUND_NO: Final = 32
MAX_REASON: Final = 200
"""Longest reason in characters."""


class RefundStep(StrEnum):
    """Life of one refund; the bill's own axis (RefundState) is derived from all of them."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    """Written before the message leaves: the outcome is known only by a query or a push."""
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class RefundCause(StrEnum):
    """Why money goes back."""

    WISH = "wish"
    EXCESS = "excess"
    """重复缴款: other money had already paid the bill."""
    LATE = "late"
    """The matter was closed when the money came."""
    SUSPENSE = "suspense"
    """The amount or the account did not fit, so it never paid the bill."""
    UNMATCHED = "unmatched"
    """不明款: no bill was ever found for it."""


class RefundProgress(StrEnum):
    """What the finance system says of a refund number (RefundStats 0 to 4, or no such refund)."""

    APPLIED = "applied"
    APPROVED = "approved"
    PAID = "paid"
    REJECTED = "rejected"
    FAILED = "failed"
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class RefundOrder:
    """What the finance system is asked to pay back; ``refund_no`` makes it repeatable."""

    refund_no: str
    pay_code: str
    tra_no: str
    """Empty where only a query ever told of the payment."""
    paid_fen: Fen
    """What that transaction paid in 分."""
    amount_fen: Fen
    expected_refundable_fen: Fen
    """What we believe can still be refunded of it, this refund included."""
    reason: str
    receiver_name: str = field(default="", repr=False)
    """缴款人; the money returns the way it came, so no account is named."""


@dataclass(frozen=True)
class RefundNews:
    """The finance system's own view of a refund, asked for (8802) or pushed (5803)."""

    refund_no: str
    progress: RefundProgress
    tra_ref: str = ""
    """Transaction number of the money that went back (TraNoRef)."""
    refunded_on: date | None = None
    code: str = ""
    """The upstream's own code of a rejection."""


@dataclass(frozen=True)
class ReversalOrder:
    """A same-day undo of a confirmed payment, before that day is reconciled."""

    pay_code: str
    tra_no: str
    work_date: date
    """The accounting day of the payment in Beijing."""
    reason: str


@dataclass(frozen=True)
class Refund:
    """One refund of ours; stored with its number before anything is sent."""

    refund_id: str
    refund_no: str
    bill_id: str
    """Empty for money that never had a bill."""
    attempt_id: str
    """The money that goes back; empty for money that never had a bill."""
    pay_code: str
    tra_no: str
    paid_fen: Fen
    amount_fen: Fen
    cause: RefundCause
    reason: str
    requested_by: str
    created_at: datetime
    updated_at: datetime
    step: RefundStep = RefundStep.REQUESTED
    approved_by: str = ""
    tra_ref: str = ""
    refunded_on: date | None = None
    failure_code: str = ""
    version: int = 1
