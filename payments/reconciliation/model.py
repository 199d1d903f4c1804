"""What reconciliation is made of: files, lines, differences, and the report of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from kernel.money import Fen
from payments.model import NOTHING


class LineKind(StrEnum):
    """Which way the money of a line went."""

    PAID = "P"
    REFUNDED = "R"


class FileState(StrEnum):
    """How far a file has come."""

    IMPORTING = "importing"
    IMPORTED = "imported"
    MATCHED = "matched"


class DifferenceKind(StrEnum):
    """What does not agree (差异)."""

    LONG = "long"
    """长款: finance has the money, our bill is not paid and finance's query does not say paid."""
    SHORT = "short"
    """短款: we hold a payment that no file of its days lists."""
    UNKNOWN_CODE = "unknown_code"
    """不明款: no bill of ours has the pay code."""
    AMOUNT = "amount"
    DATE = "date"
    """The same payment, more than a day apart."""
    REFUND_UNKNOWN = "refund_unknown"
    REFUND_AMOUNT = "refund_amount"
    REFUND_SHORT = "refund_short"


PAYMENT_KINDS: Final = (DifferenceKind.SHORT, DifferenceKind.AMOUNT, DifferenceKind.DATE)
"""Kinds that say of a payment of ours that it was not found as it is."""
REFUND_KINDS: Final = (DifferenceKind.REFUND_SHORT, DifferenceKind.REFUND_AMOUNT)


class DifferenceState(StrEnum):
    """Life of a difference."""

    OPEN = "open"
    RESOLVED = "resolved"
    GONE = "gone"
    """A later file or revision made it disappear."""


@dataclass(frozen=True, slots=True)
class ReconLine:
    """One transaction as finance lists it."""

    line_no: int
    kind: LineKind
    pay_code: str
    tra_no: str
    original_fen: Fen
    delay_fen: Fen
    amount_fen: Fen
    paid_at: datetime
    day: date
    """入账日期 of finance."""
    mode: str
    agency: str
    refund_no: str = ""
    line_id: int = 0
    """Key of the stored line; 0 before it is stored."""


@dataclass(frozen=True)
class StoredFile:
    """One revision of a day's file."""

    division: str
    day: date
    revision: int
    name: str
    count: int
    paid_fen: Fen
    refunded_fen: Fen
    sha256: str
    imported_at: datetime
    state: FileState = FileState.IMPORTING
    current: bool = False
    file_id: int = 0


@dataclass(frozen=True)
class Difference:
    """A disagreement over one transaction, as work for a person."""

    difference_id: str
    division: str
    day: date
    """The day of the file for lines of finance, of the payment for ours."""
    kind: DifferenceKind
    pay_code: str
    tra_no: str
    refund_no: str
    bill_id: str
    ours_fen: Fen | None
    theirs_fen: Fen | None
    revision: int
    owner: str
    opened_at: datetime
    line_id: int | None = None
    state: DifferenceState = DifferenceState.OPEN
    decision: str = ""
    note: str = ""
    closed_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class Unlisted:
    """Money of ours that no file has listed."""

    key: str
    """Attempt id of a payment, refund id of a refund."""
    bill_id: str
    pay_code: str
    tra_no: str
    refund_no: str
    amount_fen: Fen
    day: date


@dataclass(frozen=True)
class Tally:
    """So many transactions of so much money."""

    count: int = 0
    amount_fen: Fen = NOTHING


@dataclass(frozen=True)
class DayReport:
    """A day and division in figures."""

    division: str
    day: date
    revision: int | None
    """None while no file of the day is here."""
    state: FileState | None
    listed: Tally
    """Payments in finance's file."""
    listed_refunds: Tally
    matched: Tally
    """Of the listed payments."""
    matched_refunds: Tally
    ours: Tally
    """Our payments of that accounting day, wherever they were listed."""
    ours_refunds: Tally
    differences: dict[str, int]
    """Open ones by kind."""

    @property
    def agrees(self) -> bool:
        """Return whether every line of finance was found and nothing is open."""
        listed = (self.listed, self.listed_refunds)
        matched = (self.matched, self.matched_refunds)
        return self.revision is not None and listed == matched and not self.differences


@dataclass(frozen=True)
class Books:
    """Everything of one division summed up, in 分: what must tie out (勾稽)."""

    paid_fen: Fen
    refunded_fen: Fen
    booked_fen: Fen
    """Payments less refunds in the current files."""
    unlisted_fen: Fen
    """Ours, payments less refunds, that no file lists yet."""
    unfound_fen: Fen
    """Finance's, payments less refunds, that were not found among ours."""

    @property
    def tie_out(self) -> bool:
        """Return Σ paid − Σ refunded = Σ booked, less what is under way on either side."""
        ours = self.paid_fen - self.refunded_fen - self.unlisted_fen
        return ours == self.booked_fen - self.unfound_fen


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold for one entity: always a bug, never a matter for clerks."""

    invariant: str
    entity: str
