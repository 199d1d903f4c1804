"""Reads the reconciliation file (OURS, NTDZ): nothing is taken from one that contradicts itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from kernel.money import Fen, fen
from payments.errors import ReconFileInvalid
from payments.moments import read_day, read_moment
from payments.ports import ReconFile
from payments.reconciliation.model import LineKind, ReconLine

CHARSET: Final = "gb18030"
MAX_BYTES: Final = 512 * 1024 * 1024
_YUAN: Final = re.compile(r"[0-9]{1,15}\.[0-9]{2}", re.ASCII)
_LINE: Final = re.compile(
    r"D\|([0-9]{1,9})\|([A-Za-z0-9]{1,20})\|([!-{}~]{1,64})\|([PR])"
    r"\|([0-9.]{4,18})\|([0-9.]{4,18})\|([0-9.]{4,18})\|([0-9]{8})\|([0-9]{6})\|([0-9]{8})"
    r"\|([!-{}~]{0,32})\|[!-{}~]{0,32}\|([!-{}~]{0,32})\|([!-{}~]{0,32})",
    re.ASCII,
)
"""Number, pay code, transaction, kind, three amounts, day, time, accounting day, mode, bank, agency
and refund number."""


@dataclass(frozen=True)
class Summary:
    """What a verified file adds up to."""

    count: int
    paid_fen: Fen
    refunded_fen: Fen


def verify(file: ReconFile, division: str, day: date) -> Summary:
    """Return the sums of a file in which head, lines, trailer and announcement agree.

    Checked are the announced and the trailer's digest, division, day and revision of the head, the
    running number and every field of every line, repeated transactions, counts and sums. Raises
    ReconFileInvalid.
    """
    content = file.content
    if not 0 < len(content) <= MAX_BYTES or not content.endswith(b"\n"):
        raise ReconFileInvalid("the file is empty, too long or cut off")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256.lower():
        raise ReconFileInvalid("the content has another digest than announced")
    head, trailer, start = _ends(content)
    expected = ["H", "1", division, f"{day:%Y%m%d}", str(file.revision)]
    if len(head) != 6 or [*head[:3], *head[4:]] != expected:
        raise ReconFileInvalid("the head is not that of this day and revision")
    if len(trailer) != 5 or trailer[0] != "T":
        raise ReconFileInvalid("there is no trailer")
    before = hashlib.sha256(memoryview(content)[:start]).hexdigest()
    if before != trailer[4].lower():
        raise ReconFileInvalid("the trailer's digest is another")
    count, paid, refunded = 0, 0, 0
    seen: set[str] = set()
    for line in lines(file):
        count += 1
        key = f"{line.kind}{line.pay_code}|{line.tra_no}|{line.refund_no}"
        if line.line_no != count or key in seen:
            raise ReconFileInvalid("a line is missing, repeated or out of order")
        seen.add(key)
        if line.kind is LineKind.PAID:
            paid += line.amount_fen
        else:
            refunded += line.amount_fen
    summary = Summary(count, fen(paid), fen(refunded))
    told = Summary(_number(trailer[1]), _amount(trailer[2]), _amount(trailer[3]))
    if told != summary or (file.count, file.total_fen) != (summary.count, summary.paid_fen):
        raise ReconFileInvalid("count or sums are not those of the lines")
    return summary


def _ends(content: bytes) -> tuple[list[str], list[str], int]:
    """Return head and trailer fields, and where the trailer starts."""
    start = content.rfind(b"\n", 0, len(content) - 1) + 1
    try:
        head = content[: content.index(b"\n")].decode(CHARSET).split("|")
        trailer = content[start:-1].decode(CHARSET).split("|")
    except UnicodeDecodeError:
        raise ReconFileInvalid("the file is not GB18030") from None
    return head, trailer, start


def lines(file: ReconFile) -> Iterator[ReconLine]:
    """Yield the transactions of a file in order, one in memory at a time.

    Raises ReconFileInvalid at the first field that is malformed.
    """
    content = file.content
    moments: dict[str, date] = {}
    at = content.index(b"\n") + 1
    last = content.rfind(b"\n", 0, len(content) - 1) + 1
    while at < last:
        end = content.index(b"\n", at)
        try:
            yield _line(content[at:end].decode(CHARSET), moments)
        except ValueError:
            raise ReconFileInvalid("a line is malformed") from None
        at = end + 1


def _line(text: str, days: dict[str, date]) -> ReconLine:
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError("not a line of money")
    seq, pay_code, tra_no, kind, original, delay, amount, day, clock, acct_day, mode, agency, no = (
        found.groups()
    )
    if acct_day not in days:
        days[acct_day] = read_day(acct_day)
    line = ReconLine(
        line_no=int(seq),
        kind=LineKind.PAID if kind == "P" else LineKind.REFUNDED,
        pay_code=pay_code,
        tra_no=tra_no,
        original_fen=_amount(original),
        delay_fen=_amount(delay),
        amount_fen=_amount(amount),
        paid_at=read_moment(day, clock),
        day=days[acct_day],
        mode=mode[:16],
        agency=agency[:30],
        refund_no=no,
    )
    paid = kind == "P"
    if not line.amount_fen or paid == bool(no):
        raise ValueError("no money, or the wrong kind of it")
    if paid and line.amount_fen != line.original_fen + line.delay_fen:
        raise ValueError("the parts are not the whole")
    return line


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ReconFileInvalid("not a count")
    return int(text)


@lru_cache(maxsize=4096)
def _amount(text: str) -> Fen:
    if _YUAN.fullmatch(text) is None:
        raise ReconFileInvalid("not an amount")
    return Fen(int(text[:-3]) * 100 + int(text[-2:]))
