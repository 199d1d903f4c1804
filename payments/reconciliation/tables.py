"""The tables of reconciliation: files by revision, their lines, and what did not agree."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as sql

from kernel.db.base import UtcDateTime, id_column, metadata, text

file: Final = Table(
    "payments_recon_file",
    metadata,
    id_column(),
    Column("division", text(6), nullable=False),
    Column("day", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("name", text(120), nullable=False),
    Column("lines", Integer, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("sha256", text(64), nullable=False),
    Column("state", text(16), nullable=False),
    Column("current", Boolean, nullable=False),
    Column("imported_at", UtcDateTime, nullable=False),
    UniqueConstraint("division", "day", "revision"),
    Index(
        "uq_payments_recon_file_current",
        "division",
        "day",
        unique=True,
        postgresql_where=sql("current"),
        sqlite_where=sql("current"),
    ),
)
"""Every revision is kept; one of a day is current."""

line: Final = Table(
    "payments_recon_line",
    metadata,
    id_column(),
    Column("file_id", BigInteger, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("kind", text(1), nullable=False),
    Column("pay_code", text(20), nullable=False),
    Column("tra_no", text(64), nullable=False),
    Column("original_fen", BigInteger, nullable=False),
    Column("delay_fen", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("paid_at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),
    Column("mode", text(16), nullable=False),
    Column("agency", text(30), nullable=False),
    Column("refund_no", text(32), nullable=False),
    UniqueConstraint("file_id", "line_no"),
)
"""One transaction as finance lists it; what matched it names it by ``matched_line``."""

difference: Final = Table(
    "payments_difference",
    metadata,
    id_column(),
    Column("difference_id", text(64), nullable=False),
    Column("division", text(6), nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", text(16), nullable=False),
    Column("pay_code", text(20), nullable=False),
    Column("tra_no", text(64), nullable=False),
    Column("refund_no", text(32), nullable=False),
    Column("bill_id", text(64), nullable=False),
    Column("line_id", BigInteger),
    Column("ours_fen", BigInteger),
    Column("theirs_fen", BigInteger),
    Column("revision", Integer, nullable=False),
    Column("state", text(16), nullable=False),
    Column("owner", text(64), nullable=False),
    Column("decision", text(16), nullable=False),
    Column("note", text(500), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("version", Integer, nullable=False),
    UniqueConstraint("difference_id"),
    UniqueConstraint("division", "day", "kind", "pay_code", "tra_no", "refund_no"),
    Index(
        "ix_payments_difference_open",
        "division",
        "day",
        postgresql_where=sql("state = 'open'"),
        sqlite_where=sql("state = 'open'"),
    ),
)
"""A disagreement over one transaction, once per day and kind however often the day is read."""
