"""The five axes of a bill and every other closed list of words in this domain."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PayState(StrEnum):
    """Has the payer paid (缴款状态)."""

    ISSUING = "issuing"
    PENDING = "pending"
    PAYING = "paying"
    PAID = "paid"
    VOIDING = "voiding"
    VOIDED = "voided"
    EXPIRED = "expired"
    REVERSED = "reversed"
    ISSUE_FAILED = "issue_failed"


class FundState(StrEnum):
    """Where the money is (到账, 入库)."""

    NONE = "none"
    RECEIVED = "received"
    TREASURY = "treasury"


class ReceiptState(StrEnum):
    """Life of the fiscal e-receipt (财政电子票据)."""

    NONE = "none"
    NUMBERED = "numbered"
    ISSUING = "issuing"
    ISSUED = "issued"
    RED = "red"
    FAILED = "failed"


class RefundState(StrEnum):
    """Life of the refund (退付)."""

    NONE = "none"
    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    PARTIAL = "partial"
    FULL = "full"
    REJECTED = "rejected"
    FAILED = "failed"


class ReconState(StrEnum):
    """What the daily reconciliation (对账) said."""

    UNCHECKED = "unchecked"
    MATCHED = "matched"
    LONG = "long"
    SHORT = "short"
    AMOUNT_DIFF = "amount_diff"
    RESOLVED = "resolved"


class PublicStatus(StrEnum):
    """The one status that portals see, derived from the five axes."""

    ISSUING = "issuing"
    ISSUE_FAILED = "issue_failed"
    PENDING = "pending"
    PAYING = "paying"
    PAID = "paid"
    RECEIVED = "received"
    RECEIPTED = "receipted"
    VOIDED = "voided"
    EXPIRED = "expired"
    REVERSED = "reversed"
    REFUNDED = "refunded"


class BillException(StrEnum):
    """Something that a person must look at; never changes what was paid (异常标记)."""

    AMOUNT_MISMATCH = "amount_mismatch"
    ACCOUNT_MISMATCH = "account_mismatch"
    LATE_PAYMENT = "late_payment"
    EXCESS_PAYMENT = "excess_payment"
    TRANSACTION_REUSED = "transaction_reused"
    LOST_UPSTREAM = "lost_upstream"
    """The finance system no longer knows a bill that it had accepted; it is sent again."""
    FUNDS_MISMATCH = "funds_mismatch"
    """到账 was reported with another amount than was paid."""
    RECEIPT_DOUBTFUL = "receipt_doubtful"
    """The receipt cannot be verified, or is about another amount."""
    OVER_REFUNDED = "over_refunded"
    """More went back than had been paid: the upstream paid a refund that it had refused before."""


class Closing(StrEnum):
    """What is under way: a void on a wish, a void at the deadline, or a reversal."""

    VOID = "void"
    EXPIRE = "expire"
    REVERSE = "reverse"


class Channel(StrEnum):
    """How the payer paid (缴款渠道); the upstream's own code is kept beside it."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    QR_AGGREGATE = "qr_aggregate"
    BANK_COUNTER = "bank_counter"
    NET_BANK = "net_bank"
    POS = "pos"
    SELF_SERVICE = "self_service"
    CASH = "cash"
    TRANSFER = "transfer"
    OTHER = "other"


class FactSource(StrEnum):
    """Which way a payment fact reached us."""

    PUSH = "push"
    QUERY = "query"
    RECON = "recon"
    CLAIM = "claim"
    """认领: two people decided which bill an unmatched payment belongs to."""


class AttemptState(StrEnum):
    """One try to pay a bill (缴款尝试)."""

    CREATED = "created"
    REDIRECTED = "redirected"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    EXCESS_SUCCESS = "excess_success"
    SUSPENDED = "suspended"
    """暂存: money whose amount or account did not fit; it pays nothing until people decide."""
    REVERSED = "reversed"


OPEN_ATTEMPTS: Final = frozenset(
    {AttemptState.CREATED, AttemptState.REDIRECTED, AttemptState.UNKNOWN}
)
MONEY_ATTEMPTS: Final = frozenset(
    {AttemptState.SUCCEEDED, AttemptState.EXCESS_SUCCESS, AttemptState.SUSPENDED}
)
"""Attempts whose money the finance side holds."""


class MintSide(StrEnum):
    """Who makes the pay code (缴款识别码); a setting of the adapter."""

    AGENCY = "agency"
    PLATFORM = "platform"
    """The code is known only from the answer; until then our order number finds the bill."""


class UpstreamState(StrEnum):
    """What the finance system says of a pay code (PayStats 0, 1, 2, or no such bill)."""

    UNPAID = "unpaid"
    PAID = "paid"
    VOIDED = "voided"
    NOT_FOUND = "not_found"


class Outcome(StrEnum):
    """What became of a payment fact."""

    PAID = "paid"
    PAID_LATE = "paid_late"
    CONFIRMED = "confirmed"
    """The bill was paid already and this fact names the same payment."""
    DUPLICATE = "duplicate"
    EXCESS = "excess"
    AMOUNT_MISMATCH = "amount_mismatch"
    ACCOUNT_MISMATCH = "account_mismatch"
    TRANSACTION_REUSED = "transaction_reused"
    UNMATCHED = "unmatched"

    @property
    def acknowledged(self) -> bool:
        """Whether the upstream is told that the fact is settled, so that it need not repeat it."""
        return self not in {Outcome.UNMATCHED, Outcome.TRANSACTION_REUSED}
