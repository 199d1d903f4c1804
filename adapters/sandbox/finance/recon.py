"""The daily reconciliation file (对账文件, OURS): built once per revision, published at 06:30."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from adapters.sandbox.finance.books import Books
from adapters.sandbox.finance.codes import check_digit
from adapters.sandbox.finance.faults import Act, PaymentFaults
from adapters.sandbox.finance.refunds import PAID_BACK, Refunds
from adapters.sandbox.store import Store
from kernel.money import fen, format_yuan

CHARSET: Final = "gb18030"


@dataclass(frozen=True)
class Published:
    """One revision."""

    name: str
    revision: int
    count: int
    total_fen: int
    content: bytes


class Recon:
    """Builds and keeps the files of one division and agency."""

    def __init__(
        self, store: Store, books: Books, refunds: Refunds, faults: PaymentFaults, node: str
    ) -> None:
        self._store = store
        self._books = books
        self._refunds = refunds
        self._faults = faults
        self._node = node

    def newest(self, division: str, day: str) -> Published | None:
        """Return the newest revision of a day; None before 06:30 of the next."""
        if not self._books.published(day):
            return None
        kept = self._store.get("recon_head", day)
        return self._kept(kept) if kept else self.publish(division, day)

    def publish(self, division: str, day: str) -> Published:
        """Build a further revision of a day from what the books hold now."""
        with self._store.transaction():
            revision = self._store.next_number(f"recon-{day}")
            lines = self._lines(division, day)
            paid = sum(value for kind, value, _ in lines if kind == "P")
            back = sum(value for kind, value, _ in lines if kind == "R")
            head = f"H|1|{division}|{self._node}|{day}|{revision}\n"
            text = head + "".join(f"D|{n}|{t}\n" for n, (_, _, t) in enumerate(lines, start=1))
            digest = hashlib.sha256(text.encode(CHARSET)).hexdigest()
            sums = f"{format_yuan(fen(paid))}|{format_yuan(fen(back))}"
            wrong = self._faults.take(Act.RECON_TRAILER, "8805")
            counted = len(lines) + (wrong.amount() if wrong else 0)
            text += f"T|{counted}|{sums}|{digest}\n"
            name = f"NTDZ_{division}_{self._node}_{day}_{revision}.txt"
            kept = {
                "name": name,
                "revision": revision,
                "count": len(lines),
                "total_fen": paid,
                "text": text,
            }
            self._store.put("recon", name, kept)
            self._store.put("recon_head", day, kept)
            return self._kept(kept)

    @staticmethod
    def _kept(kept: dict[str, Any]) -> Published:
        content = kept["text"].encode(CHARSET)
        return Published(kept["name"], kept["revision"], kept["count"], kept["total_fen"], content)

    def file(self, name: str) -> bytes | None:
        """Return a published file's bytes, or half of them when a fault says so."""
        kept = self._store.get("recon", name)
        if kept is None:
            return None
        content = self._kept(kept).content
        if self._faults.take(Act.RECON_TRUNCATE, "8805"):
            return content[: len(content) // 2]
        return content

    def _lines(self, division: str, day: str) -> list[tuple[str, int, str]]:
        """Return kind, amount in 分 and text behind the sequence number of every line."""
        found: list[tuple[str, int, str]] = []
        for code, bill in self._books.all():
            agency = bill["fields"]["ChgAgenCode"]
            for payment in bill["payments"]:
                if payment["acct_date"] != day or payment["reversed"]:
                    continue
                if self._faults.take(Act.RECON_OMIT, "8805", code):
                    continue
                off = self._faults.take(Act.RECON_AMOUNT, "8805", code)
                if self._faults.take(Act.RECON_MIDNIGHT, "8805", code):
                    payment = {**payment, "time": "240000"}  # noqa: PLW2901
                line = _paid(code, payment, agency, off.amount() if off else 0)
                found.append(line)
                if self._faults.take(Act.RECON_REPEAT, "8805", code):
                    found.append(line)
        for number, refund in self._refunds.all():
            if refund["stats"] == PAID_BACK and refund["date"] == day:
                found.append(_refunded(number, refund))
        if self._faults.take(Act.RECON_EXTRA, "8805"):
            body = f"{division}{day[2:4]}2{self._store.next_number('stranger'):010d}"
            payment = {
                "tra_no": f"X{day}{body[-8:]}",
                "amount_fen": 100,
                "original_fen": 100,
                "delay_fen": 0,
                "date": day,
                "time": "120000",
                "acct_date": day,
                "mode": "01",
            }
            found.append(_paid(body + check_digit(body), payment, "0370001", 0))
        return found


def _paid(code: str, payment: dict[str, Any], agency: str, off: int) -> tuple[str, int, str]:
    value = payment["amount_fen"] + off
    parts = (
        code,
        payment["tra_no"],
        "P",
        format_yuan(fen(payment["original_fen"] + off)),
        format_yuan(fen(payment["delay_fen"])),
        format_yuan(fen(value)),
        payment["date"],
        payment["time"],
        payment["acct_date"],
        payment["mode"],
        "000000000000",
        agency,
        "",
    )
    return "P", value, "|".join(parts)


def _refunded(number: str, refund: dict[str, Any]) -> tuple[str, int, str]:
    amount = format_yuan(fen(refund["amount_fen"]))
    parts = (
        refund["pay_code"],
        refund["tra_no"],
        "R",
        amount,
        "0.00",
        amount,
        refund["date"],
        refund["time"],
        refund["date"],
        "",
        "000000000000",
        "0370001",
        number,
    )
    return "R", int(refund["amount_fen"]), "|".join(parts)
