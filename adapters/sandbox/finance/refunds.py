"""Refunds (退付): applied for, approved, paid back, each step pushed as 5803 (all OURS)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.sandbox.finance.books import Books, Said
from adapters.sandbox.finance.codes import (
    DIFFERS,
    NOT_REFUNDABLE,
    OK,
    UNKNOWN_CODE,
    UNREADABLE,
    WRONG_AMOUNT,
)
from adapters.sandbox.finance.settings import Settings
from adapters.sandbox.store import Store
from kernel.clock import Clock, beijing
from kernel.money import InvalidAmount, fen, format_yuan, parse_yuan

Queue = Callable[[str, str, list[tuple[str, str]]], None]
"""``queue(msg_no, pay_code, fields)`` lets a message be pushed."""

APPLIED: Final = "0"
APPROVED: Final = "1"
PAID_BACK: Final = "2"
REJECTED: Final = "3"
FAILED: Final = "4"
_ENDED: Final = frozenset({PAID_BACK, REJECTED, FAILED})


class Refunds:
    """All rules about refunds; every method is one transaction of the store."""

    def __init__(
        self, store: Store, clock: Clock, books: Books, settings: Settings, queue: Queue
    ) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._settings = settings
        self._queue = queue

    def apply(self, fields: Mapping[str, str], *, end: str = PAID_BACK) -> Said:
        """Take an application, once per refund number; ``end`` is where it will lead."""
        number = fields.get("RefundNo", "")
        if not 0 < len(number) <= 32:
            return UNREADABLE, "退付编号有误"
        with self._store.transaction():
            known = self._store.get("refund", number)
            if known is not None:
                same = known["fields"] == dict(fields)
                return (OK, "已受理") if same else (DIFFERS, "退付编号重复且内容不一致")
            refusal = self._refusal(fields)
            if refusal:
                return refusal
            payment = self._books.payment(fields["PayCode"], fields.get("TraNoBus", ""))
            refund = {
                "fields": dict(fields),
                "pay_code": fields["PayCode"],
                "tra_no": payment["tra_no"] if payment else "",
                "amount_fen": int(parse_yuan(fields["RefundAmt"])),
                "stats": APPLIED,
                "end": end,
                "applied_at": self._clock.now().isoformat(),
                "date": "",
                "time": "",
                "ref": "",
            }
            self._store.put("refund", number, refund)
            return OK, "已受理"

    def _refusal(self, fields: Mapping[str, str]) -> Said | None:
        payment = self._books.payment(fields.get("PayCode", ""), fields.get("TraNoBus", ""))
        if payment is None or payment["reversed"]:
            return UNKNOWN_CODE, "没有这笔缴款"
        try:
            paid, wanted, expected = (
                parse_yuan(fields.get(name, ""))
                for name in ("Amt", "RefundAmt", "ExpectRefundable")
            )
        except InvalidAmount:
            return UNREADABLE, "金额格式有误"
        if paid != payment["amount_fen"]:
            return WRONG_AMOUNT, "缴款金额不一致"
        left = self.refundable(fields["PayCode"], payment)
        if expected != left or not 0 < wanted <= left:
            return NOT_REFUNDABLE, "可退金额不足或不一致"
        return None

    def refundable(self, pay_code: str, payment: Mapping[str, Any]) -> int:
        """Return in 分 what of a payment was not yet asked back."""
        live: list[int] = [
            refund["amount_fen"]
            for _, refund in self._store.items("refund")
            if (refund["pay_code"], refund["tra_no"]) == (pay_code, payment["tra_no"])
            and refund["stats"] not in {REJECTED, FAILED}
        ]
        paid: int = payment["amount_fen"]
        return paid - sum(live)

    def get(self, number: str) -> dict[str, Any] | None:
        """Return a refund as it is kept, or None."""
        found: dict[str, Any] | None = self._store.get("refund", number)
        return found

    def all(self) -> list[tuple[str, dict[str, Any]]]:
        """Return every refund number with its refund."""
        return self._store.items("refund")

    def move(self, number: str, stats: str) -> bool:
        """Bring a refund to another step, and push the news; what has ended stays."""
        with self._store.transaction():
            refund = self.get(number)
            if refund is None or refund["stats"] in _ENDED or stats == refund["stats"]:
                return False
            refund["stats"] = stats
            if stats == PAID_BACK:
                now = beijing(self._clock.now())
                refund["ref"] = f"R{now:%Y%m%d}{self._store.next_number('refunded'):013d}"
                refund["date"], refund["time"] = f"{now:%Y%m%d}", f"{now:%H%M%S}"
            self._store.put("refund", number, refund)
            self._queue("5803", refund["pay_code"], self.shown(number, refund))
            return True

    @staticmethod
    def shown(number: str, refund: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return the voucher of 5802 and 5803."""
        fields = refund["fields"]
        given = [(name, fields.get(name, "")) for name in ("PayCode", "TraNoBus", "Amt")]
        return [
            ("RefundNo", number),
            *given,
            ("RefundAmt", format_yuan(fen(refund["amount_fen"]))),
            ("RefundStats", refund["stats"]),
            ("RefundDate", refund["date"]),
            ("TraNoRef", refund["ref"]),
        ]

    def tick(self) -> None:
        """Approve and pay back what has waited long enough."""
        pace = self._settings.refund_seconds
        if not pace:
            return
        for number, refund in self.all():
            waited = self._clock.now() - datetime.fromisoformat(refund["applied_at"])
            if refund["stats"] == APPLIED and waited >= timedelta(seconds=pace):
                self.move(number, APPROVED if refund["end"] != REJECTED else REJECTED)
            elif refund["stats"] == APPROVED and waited >= timedelta(seconds=2 * pace):
                self.move(number, refund["end"])
