"""The tables of the axes, and the one public status that the five axes add up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from kernel.errors import Text
from kernel.states import StateTable
from payments.model import (
    FundState,
    PayState,
    PublicStatus,
    ReceiptState,
    ReconState,
    RefundState,
)
from payments.refund_model import RefundStep

_S = PayState

PAY: Final = StateTable(
    "payments.pay",
    initial=_S.ISSUING,
    edges={
        (_S.ISSUING, _S.PENDING): "payments.issued",
        (_S.ISSUING, _S.PAID): "payments.paid",
        (_S.ISSUING, _S.VOIDED): "payments.voided",
        (_S.ISSUING, _S.ISSUE_FAILED): "payments.issue_failed",
        (_S.PENDING, _S.PAYING): "payments.payment_started",
        (_S.PENDING, _S.PAID): "payments.paid",
        (_S.PENDING, _S.VOIDING): "payments.void_started",
        (_S.PENDING, _S.VOIDED): "payments.voided",
        (_S.PAYING, _S.PENDING): "payments.payment_closed",
        (_S.PAYING, _S.PAID): "payments.paid",
        (_S.PAYING, _S.VOIDING): "payments.void_started",
        (_S.PAYING, _S.VOIDED): "payments.voided",
        (_S.VOIDING, _S.VOIDED): "payments.voided",
        (_S.VOIDING, _S.EXPIRED): "payments.expired",
        (_S.VOIDING, _S.PENDING): "payments.void_refused",
        (_S.VOIDING, _S.PAID): "payments.paid",
        # A confirmed payment is a fact: no state of ours may swallow it.
        (_S.VOIDED, _S.PAID): "payments.paid_late",
        (_S.EXPIRED, _S.PAID): "payments.paid_late",
        (_S.ISSUE_FAILED, _S.PAID): "payments.paid_late",
        (_S.PAID, _S.REVERSED): "payments.reversed",
    },
    terminal=frozenset({_S.REVERSED}),
)

_F = FundState

FUND: Final = StateTable(
    "payments.fund",
    initial=_F.NONE,
    edges={
        (_F.NONE, _F.RECEIVED): "payments.funds_received",
        (_F.NONE, _F.TREASURY): "payments.treasury_received",
        (_F.RECEIVED, _F.TREASURY): "payments.treasury_received",
        (_F.RECEIVED, _F.NONE): "payments.funds_withdrawn",
    },
    terminal=frozenset({_F.TREASURY}),
)

_R = ReceiptState

RECEIPT: Final = StateTable(
    "payments.receipt",
    initial=_R.NONE,
    edges={
        (_R.NONE, _R.NUMBERED): "payments.receipt_numbered",
        # Where finance numbers and issues by itself, the receipt is only found.
        (_R.NONE, _R.ISSUED): "payments.receipt_issued",
        (_R.NUMBERED, _R.ISSUING): "payments.receipt_started",
        (_R.NUMBERED, _R.NONE): "payments.receipt_number_freed",
        (_R.ISSUING, _R.ISSUED): "payments.receipt_issued",
        (_R.ISSUING, _R.FAILED): "payments.receipt_failed",
        (_R.FAILED, _R.ISSUING): "payments.receipt_started",
        (_R.FAILED, _R.ISSUED): "payments.receipt_issued",
        (_R.ISSUED, _R.RED): "payments.receipt_red",
        # What a partial refund leaves is receipted anew.
        (_R.RED, _R.NUMBERED): "payments.receipt_numbered",
        (_R.RED, _R.ISSUED): "payments.receipt_issued",
    },
    terminal=frozenset(),
)

_C = ReconState

RECON: Final = StateTable(
    "payments.recon",
    initial=_C.UNCHECKED,
    edges={
        **{
            (old, _C.MATCHED): "payments.reconciled"
            for old in (_C.UNCHECKED, _C.LONG, _C.SHORT, _C.AMOUNT_DIFF, _C.RESOLVED)
        },
        **{
            (old, new): "payments.recon_difference"
            for old in (_C.UNCHECKED, _C.MATCHED, _C.RESOLVED)
            for new in (_C.LONG, _C.SHORT, _C.AMOUNT_DIFF)
        },
        **{
            (old, _C.RESOLVED): "payments.recon_resolved"
            for old in (_C.LONG, _C.SHORT, _C.AMOUNT_DIFF)
        },
    },
    terminal=frozenset(),
)
"""Reconciled days are read again whenever finance sends a new revision, so nothing is final."""

_P = RefundStep

REFUND: Final = StateTable(
    "payments.refund",
    initial=_P.REQUESTED,
    edges={
        (_P.REQUESTED, _P.APPROVED): "payments.refund_approved",
        (_P.REQUESTED, _P.WITHDRAWN): "payments.refund_withdrawn",
        (_P.APPROVED, _P.WITHDRAWN): "payments.refund_withdrawn",
        (_P.APPROVED, _P.SENT): "payments.refund_sent",
        (_P.SENT, _P.DONE): "payments.refunded",
        (_P.SENT, _P.REJECTED): "payments.refund_rejected",
        (_P.SENT, _P.FAILED): "payments.refund_failed",
        # Money that went back is a fact, whatever was said before.
        (_P.REJECTED, _P.DONE): "payments.refunded",
        (_P.FAILED, _P.DONE): "payments.refunded",
    },
    terminal=frozenset({_P.DONE, _P.WITHDRAWN}),
)
"""One refund; what the bill shows (RefundState) is derived from all of its refunds."""

ACTIVE_REFUND: Final = frozenset({_P.REQUESTED, _P.APPROVED, _P.SENT})
"""Steps in which money may still go back."""
COUNTED_REFUND: Final = ACTIVE_REFUND | {_P.DONE}
"""Steps in which the amount is no longer refundable."""

LATE_FROM: Final = frozenset({_S.VOIDED, _S.EXPIRED, _S.ISSUE_FAILED})
"""States in which nobody expected money any more."""

UNSETTLED: Final = frozenset({_S.ISSUING, _S.PENDING, _S.PAYING, _S.VOIDING})
"""States that the daily sweep asks the upstream about."""

_BY_PAY: Final[Mapping[PayState, PublicStatus]] = {
    _S.ISSUING: PublicStatus.ISSUING,
    _S.PENDING: PublicStatus.PENDING,
    _S.PAYING: PublicStatus.PAYING,
    _S.PAID: PublicStatus.PAID,
    # Until the upstream agrees the code can still be paid, so people go on seeing a bill to pay.
    _S.VOIDING: PublicStatus.PENDING,
    _S.VOIDED: PublicStatus.VOIDED,
    _S.EXPIRED: PublicStatus.EXPIRED,
    _S.REVERSED: PublicStatus.REVERSED,
    _S.ISSUE_FAILED: PublicStatus.ISSUE_FAILED,
}

LABELS: Final[Mapping[PublicStatus, Text]] = {
    PublicStatus.ISSUING: Text("开单中", "Being issued"),
    PublicStatus.ISSUE_FAILED: Text("开单失败", "Could not be issued"),
    PublicStatus.PENDING: Text("待缴", "To be paid"),
    PublicStatus.PAYING: Text("支付中", "Being paid"),
    PublicStatus.PAID: Text("已缴", "Paid"),
    PublicStatus.RECEIVED: Text("已到账", "Funds received"),
    PublicStatus.RECEIPTED: Text("已开票", "Receipt issued"),
    PublicStatus.VOIDED: Text("已作废", "Voided"),
    PublicStatus.EXPIRED: Text("已过期", "Expired"),
    PublicStatus.REVERSED: Text("已冲正", "Reversed"),
    PublicStatus.REFUNDED: Text("已退付", "Refunded"),
}


class Axes(Protocol):
    """The axes that the public status is derived from."""

    @property
    def pay(self) -> PayState: ...
    @property
    def fund(self) -> FundState: ...
    @property
    def receipt(self) -> ReceiptState: ...
    @property
    def refund(self) -> RefundState: ...


def public_status(bill: Axes) -> PublicStatus:
    """Return the status that portals show: the first axis that has something final to say."""
    if bill.refund is RefundState.FULL:
        return PublicStatus.REFUNDED
    if bill.pay is PayState.REVERSED:
        return PublicStatus.REVERSED
    if bill.receipt is ReceiptState.ISSUED:
        return PublicStatus.RECEIPTED
    if bill.fund is not FundState.NONE:
        return PublicStatus.RECEIVED
    return _BY_PAY[bill.pay]
