"""The tables of the payment domain, prefix ``payments_``."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as sql

from kernel.db.base import UtcDateTime, id_column, metadata, text
from kernel.work import MAX_REFERENCE

bill: Final = Table(
    "payments_bill",
    metadata,
    id_column(),
    Column("bill_id", text(64), nullable=False),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("fee_version", text(64), nullable=False),
    Column("pay_code", text(20), nullable=False),
    Column("pay_url", text(500), nullable=False),
    Column("division", text(6), nullable=False),
    Column("agency", text(30), nullable=False),
    Column("account", text(50), nullable=False),
    Column("payer", LargeBinary, nullable=False),
    Column("original_fen", BigInteger, nullable=False),
    Column("delay_fen", BigInteger, nullable=False),
    Column("deadline", UtcDateTime, nullable=False),
    Column("pay", text(16), nullable=False),
    Column("fund", text(16), nullable=False),
    Column("receipt", text(16), nullable=False),
    Column("refund", text(16), nullable=False),
    Column("recon", text(16), nullable=False),
    Column("exceptions", text(200), nullable=False),
    Column("closing", text(16)),
    Column("failure_code", text(16), nullable=False),
    Column("paid_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("bill_id"),
    UniqueConstraint("pay_code"),
    UniqueConstraint("reference", "fee_version"),
    CheckConstraint("original_fen >= 0 AND delay_fen >= 0", name="amounts"),
    CheckConstraint("original_fen + delay_fen > 0", name="due"),
    Index(
        "ix_payments_bill_unsettled",
        "bill_id",
        postgresql_where=sql("pay IN ('issuing', 'pending', 'paying', 'voiding')"),
        sqlite_where=sql("pay IN ('issuing', 'pending', 'paying', 'voiding')"),
    ),
    Index(
        "ix_payments_bill_flagged",
        "updated_at",
        postgresql_where=sql("exceptions <> ''"),
        sqlite_where=sql("exceptions <> ''"),
    ),
)

item: Final = Table(
    "payments_item",
    metadata,
    id_column(),
    Column("bill_id", text(64), ForeignKey("payments_bill.bill_id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("item_code", text(30), nullable=False),
    Column("name", text(100), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("quantity", text(40), nullable=False),
    Column("unit", text(20), nullable=False),
    UniqueConstraint("bill_id", "line"),
    CheckConstraint("amount_fen >= 0", name="amount"),
)

attempt: Final = Table(
    "payments_attempt",
    metadata,
    id_column(),
    Column("attempt_id", text(64), nullable=False),
    Column("bill_id", text(64), ForeignKey("payments_bill.bill_id"), nullable=False),
    Column("opened_here", Boolean, nullable=False),
    Column("state", text(16), nullable=False),
    Column("tra_no", text(64)),
    Column("amount_fen", BigInteger),
    Column("channel", text(16)),
    Column("channel_raw", text(16), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    UniqueConstraint("attempt_id"),
    # One transaction is money of one bill; NULL while only a query has told of it.
    UniqueConstraint("tra_no"),
    Index(None, "bill_id", "id"),
    Index(
        "uq_payments_attempt_open",
        "bill_id",
        unique=True,
        postgresql_where=sql("opened_here AND state IN ('created', 'redirected', 'unknown')"),
        sqlite_where=sql("opened_here AND state IN ('created', 'redirected', 'unknown')"),
    ),
)

fact: Final = Table(
    "payments_event",
    metadata,
    id_column(),
    Column("fact_id", text(64), nullable=False),
    Column("dedupe_key", text(160), nullable=False),
    Column("bill_id", text(64), ForeignKey("payments_bill.bill_id"), nullable=False),
    Column("source", text(8), nullable=False),
    Column("pay_code", text(20), nullable=False),
    Column("tra_no", text(64), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("original_fen", BigInteger),
    Column("delay_fen", BigInteger),
    Column("paid_at", UtcDateTime),
    Column("channel", text(16), nullable=False),
    Column("channel_raw", text(16), nullable=False),
    Column("account", text(50), nullable=False),
    Column("outcome", text(24), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    UniqueConstraint("fact_id"),
    UniqueConstraint("dedupe_key"),
    Index(None, "bill_id", "id"),
)
"""Append-only: every payment fact of a known bill, once, and what became of it."""

unmatched: Final = Table(
    "payments_unmatched",
    metadata,
    id_column(),
    Column("dedupe_key", text(160), nullable=False),
    Column("source", text(8), nullable=False),
    Column("pay_code", text(20), nullable=False),
    Column("tra_no", text(64), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("times", Integer, nullable=False),
    Column("matched_at", UtcDateTime),
    UniqueConstraint("dedupe_key"),
)
