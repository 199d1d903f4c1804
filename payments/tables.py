"""The tables of the payment domain, prefix ``payments_``."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
)
from sqlalchemy import text as sql

from kernel.db.base import UtcDateTime, id_column, metadata, text
from kernel.work import MAX_REFERENCE


def _partial(name: str, column: str, where: str) -> Index:
    return Index(name, column, unique=True, postgresql_where=sql(where), sqlite_where=sql(where))


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
    Column("order_no", text(20), nullable=False, server_default=""),
    Column("merged", Boolean, nullable=False, server_default=false()),
    Column("merged_into", text(64), nullable=False, server_default=""),
    Column("paid_fen", BigInteger),
    Column("paid_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("bill_id"),
    UniqueConstraint("reference", "fee_version"),
    CheckConstraint("original_fen >= 0 AND delay_fen >= 0", name="amounts"),
    CheckConstraint("original_fen + delay_fen > 0", name="due"),
    # Bills that are merged into another one show its code and are never sent under it.
    _partial("uq_payments_bill_pay_code", "pay_code", "merged_into = '' AND pay_code <> ''"),
    _partial("uq_payments_bill_order_no", "order_no", "merged_into = '' AND order_no <> ''"),
    Index(
        "ix_payments_bill_merged_into",
        "merged_into",
        postgresql_where=sql("merged_into <> ''"),
        sqlite_where=sql("merged_into <> ''"),
    ),
    Index(
        "ix_payments_bill_unsettled",
        "bill_id",
        postgresql_where=sql("pay IN ('issuing', 'pending', 'paying', 'voiding')"),
        sqlite_where=sql("pay IN ('issuing', 'pending', 'paying', 'voiding')"),
    ),
    Index(
        "ix_payments_bill_flagged",
        "id",
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
    Column("exempted_fen", BigInteger, nullable=False, server_default="0"),
    Column("exemption", text(100), nullable=False, server_default=""),
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
    Column("day", Date),
    Column("reserved_fen", BigInteger, nullable=False, server_default="0"),
    Column("matched_line", BigInteger),
    # Σ refunds ≤ paid, whoever asks at the same time.
    CheckConstraint(
        "reserved_fen >= 0 AND (reserved_fen = 0 OR reserved_fen <= amount_fen)", name="refunds"
    ),
    UniqueConstraint("attempt_id"),
    # One transaction is money of one bill; NULL while only a query has told of it.
    UniqueConstraint("tra_no"),
    Index(None, "bill_id", "id"),
    Index(None, "matched_line"),
    Index(
        "ix_payments_attempt_unreconciled",
        "day",
        postgresql_where=sql("matched_line IS NULL AND day IS NOT NULL"),
        sqlite_where=sql("matched_line IS NULL AND day IS NOT NULL"),
    ),
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
    Column("paid_at", UtcDateTime),
    Column("resolution", text(16), nullable=False, server_default=""),
    UniqueConstraint("dedupe_key"),
)
"""Money without a bill; ``resolution`` says what people decided: claimed, refunded, dismissed."""

refund: Final = Table(
    "payments_refund",
    metadata,
    id_column(),
    Column("refund_id", text(64), nullable=False),
    Column("refund_no", text(32), nullable=False),
    Column("bill_id", text(64), nullable=False),
    Column("attempt_id", text(64), nullable=False),
    Column("pay_code", text(20), nullable=False),
    Column("tra_no", text(64), nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("cause", text(16), nullable=False),
    Column("reason", text(200), nullable=False),
    Column("step", text(16), nullable=False),
    Column("requested_by", text(128), nullable=False),
    Column("approved_by", text(128), nullable=False),
    Column("tra_ref", text(64), nullable=False),
    Column("refunded_on", Date),
    Column("failure_code", text(16), nullable=False),
    Column("matched_line", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("refund_id"),
    UniqueConstraint("refund_no"),
    CheckConstraint("amount_fen > 0 AND amount_fen <= paid_fen", name="amount"),
    Index(None, "bill_id", "id"),
    Index(None, "attempt_id"),
    Index(None, "matched_line"),
)

receipt: Final = Table(
    "payments_receipt",
    metadata,
    id_column(),
    Column("receipt_id", text(64), nullable=False),
    Column("bill_id", text(64), ForeignKey("payments_bill.bill_id"), nullable=False),
    Column("state", text(16), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("code", text(8)),
    Column("number", text(10)),
    Column("red_code", text(8)),
    Column("red_number", text(10)),
    Column("check_code", text(16), nullable=False),
    Column("url", text(500), nullable=False),
    Column("issued_at", UtcDateTime),
    Column("verified_at", UtcDateTime),
    Column("sha256", text(64), nullable=False),
    Column("media_type", text(40), nullable=False),
    Column("failure_code", text(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("receipt_id"),
    UniqueConstraint("code", "number"),
    UniqueConstraint("red_code", "red_number"),
    _partial("uq_payments_receipt_live", "bill_id", "state <> 'red'"),
    Index(None, "bill_id", "id"),
)

receipt_file: Final = Table(
    "payments_receipt_file",
    metadata,
    id_column(),
    Column("receipt_id", text(64), ForeignKey("payments_receipt.receipt_id"), nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("receipt_id"),
)

free_number: Final = Table(
    "payments_free_number",
    metadata,
    id_column(),
    Column("code", text(8), nullable=False),
    Column("number", text(10), nullable=False),
    UniqueConstraint("code", "number"),
)
"""Receipt numbers that were taken and not used: the next receipts take them first."""

ruling: Final = Table(
    "payments_ruling",
    metadata,
    id_column(),
    Column("ruling_id", text(64), nullable=False),
    Column("subject", text(16), nullable=False),
    Column("subject_key", text(160), nullable=False),
    Column("decision", text(16), nullable=False),
    Column("bill_id", text(64), nullable=False),
    Column("note", text(500), nullable=False),
    Column("state", text(16), nullable=False),
    Column("proposed_by", text(128), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("confirmed_by", text(128), nullable=False),
    Column("confirmed_at", UtcDateTime),
    Column("version", Integer, nullable=False),
    UniqueConstraint("ruling_id"),
    Index(
        "uq_payments_ruling_open",
        "subject",
        "subject_key",
        unique=True,
        postgresql_where=sql("state = 'proposed'"),
        sqlite_where=sql("state = 'proposed'"),
    ),
)
"""Decisions of people, each proposed by one and confirmed by another."""
