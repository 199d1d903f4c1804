"""Refunds 8801, 8802, 5803 and reversals 8803: all OURS, for no public text shows any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.dialects.cfx import CHARSET, BadFrame, writable
from adapters.kit.cfx.bills import Unknown, day_of
from kernel.money import format_yuan
from payments.refund_model import RefundNews, RefundOrder, RefundProgress, ReversalOrder

_PROGRESS: Final = {
    "0": RefundProgress.APPLIED,
    "1": RefundProgress.APPROVED,
    "2": RefundProgress.PAID,
    "3": RefundProgress.REJECTED,
    "4": RefundProgress.FAILED,
}
_MOST_REASON: Final = 200


def refund_fields(order: RefundOrder) -> list[tuple[str, str]]:
    """Return the 8801 voucher."""
    return [
        ("RefundNo", order.refund_no),
        ("PayCode", order.pay_code),
        ("TraNoBus", order.tra_no),
        ("Amt", format_yuan(order.paid_fen)),
        ("RefundAmt", format_yuan(order.amount_fen)),
        ("Reason", _shortened(order.reason)),
        ("RecvName", order.receiver_name if writable(order.receiver_name) else ""),
        ("RecvAcct", ""),
        ("RecvOpBk", ""),
        ("ExpectRefundable", format_yuan(order.expected_refundable_fen)),
    ]


def reversal_fields(order: ReversalOrder) -> list[tuple[str, str]]:
    """Return the 8803 voucher."""
    return [
        ("PayCode", order.pay_code),
        ("TraNoBus", order.tra_no),
        ("WorkDate", f"{order.work_date:%Y%m%d}"),
        ("Reason", _shortened(order.reason)),
    ]


def read_news(voucher: Mapping[str, str], unknown: Unknown) -> RefundNews:
    """Read a 5802 or 5803 voucher. Raises BadFrame."""
    number = voucher.get("RefundNo", "")
    if not (number.isascii() and number.isprintable() and 0 < len(number) <= 32):
        raise BadFrame("RefundNo is malformed")
    raw = voucher.get("RefundStats", "")
    progress = _PROGRESS.get(raw)
    if progress is None:
        unknown("RefundStats", raw)
        raise BadFrame("RefundStats is not in the contract")
    tra_ref, day = voucher.get("TraNoRef", ""), voucher.get("RefundDate", "")
    if len(tra_ref) > 64 or not tra_ref.isascii():
        raise BadFrame("TraNoRef is malformed")
    return RefundNews(
        refund_no=number,
        progress=progress,
        tra_ref=tra_ref,
        refunded_on=day_of(day) if day else None,
        code=f"RefundStats {raw}" if raw in {"3", "4"} else "",
    )


def not_found(refund_no: str) -> RefundNews:
    """Return that no such refund is known."""
    return RefundNews(refund_no, RefundProgress.NOT_FOUND)


def _shortened(reason: str) -> str:
    """Return what fits 200 bytes of a reason, whole characters only."""
    kept = "".join(char for char in reason if writable(char))
    while len(kept.encode(CHARSET)) > _MOST_REASON:
        kept = kept[:-1]
    return kept
