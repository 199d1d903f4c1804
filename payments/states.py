"""The table of the pay axis, and the one public status that the five axes add up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel.errors import Text
from kernel.states import StateTable
from payments.model import Bill, FundState, PayState, PublicStatus, ReceiptState, RefundState

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


def public_status(bill: Bill) -> PublicStatus:
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
