"""The tables of cases, their materials, files and documents."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from kernel.db.base import Json, UtcDateTime, metadata, text

cases: Final = Table(
    "gateway_case",
    metadata,
    Column("case_id", text(40), primary_key=True),
    Column("case_no", text(50), nullable=True, unique=True),
    Column("receipt_no", text(40), nullable=False, default=""),
    Column("item_code", text(50), nullable=False),
    Column("item_version", Integer, nullable=False),
    Column("item_name", text(1000), nullable=False),
    Column("region", text(6), nullable=False),
    Column("department", text(50), nullable=False),
    Column("state", text(24), nullable=False),
    Column("version", Integer, nullable=False),
    Column("owner", text(64), nullable=False),
    Column("client_id", text(64), nullable=False),
    Column("channel", text(16), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("submitted_at", UtcDateTime, nullable=True),
    Column("accepted_at", UtcDateTime, nullable=True),
    Column("decided_at", UtcDateTime, nullable=True),
    Column("finished_at", UtcDateTime, nullable=True),
    Column("outcome", text(16), nullable=True),
    Column("reason", text(1000), nullable=False, default=""),
    Column("review_opinion", text(16), nullable=True),
    Column("review_remark", text(1000), nullable=False, default=""),
    Column("review_by", text(80), nullable=False, default=""),
    Column("review_at", UtcDateTime, nullable=True),
    Column("fee_paid", Boolean, nullable=False, default=False),
    # My cases, newest first, and a department's worklist, oldest first: ids sort by time.
    Index("ix_gateway_case_owner_case_id", "owner", "case_id"),
    Index("ix_gateway_case_region_state_case_id", "region", "state", "case_id"),
    # What a client declared, and what was sent to a department's own system.
    Index("ix_gateway_case_client_id_case_id", "client_id", "case_id"),
    Index("ix_gateway_case_department_case_id", "department", "case_id"),
)

materials: Final = Table(
    "gateway_case_material",
    metadata,
    Column("case_id", text(40), ForeignKey("gateway_case.case_id"), primary_key=True),
    Column("code", text(20), primary_key=True),
    Column("source", text(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("file_id", text(40), nullable=False, default=""),
    Column("media_type", text(80), nullable=False, default=""),
    Column("size", Integer, nullable=False, default=0),
    Column("sha256", text(64), nullable=False, default=""),
    Column("licence_identifier", text(128), nullable=False, default=""),
    Column("licence_name", text(200), nullable=False, default=""),
    Column("sm3", text(64)),
    Column("seal_verdict", text(24)),
)

material_ledger: Final = Table(
    "gateway_material_ledger",
    metadata,
    Column("case_id", text(40), ForeignKey("gateway_case.case_id"), primary_key=True),
    Column("code", text(20), primary_key=True),
    Column("item_code", text(50), nullable=False),
    Column("region", text(6), nullable=False),
    Column("department", text(50), nullable=False),
    Column("necessity", text(16), nullable=False),
    Column("supplied_by", text(16), nullable=False),
    Column("licence_found", Boolean, nullable=False),
    Index("ix_gateway_material_ledger_region_item_code", "region", "item_code"),
)
"""不再索要台账 (N18): what each submitted case was asked for, and by what it was supplied."""

prechecks: Final = Table(
    "gateway_precheck",
    metadata,
    Column("precheck_id", text(40), primary_key=True),
    Column("item_code", text(50), nullable=False),
    Column("owner", text(64), nullable=False),
    Column("subject_hash", text(64), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
"""Pre-checks (预检): who asked about which item, nothing of what was found."""

files: Final = Table(
    "gateway_file",
    metadata,
    Column("file_id", text(40), primary_key=True),
    Column("case_id", text(40), ForeignKey("gateway_case.case_id"), nullable=False, index=True),
    Column("media_type", text(80), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

documents: Final = Table(
    "gateway_document",
    metadata,
    Column("document_id", text(40), primary_key=True),
    Column("case_id", text(40), ForeignKey("gateway_case.case_id"), nullable=False),
    Column("kind", text(24), nullable=False),
    Column("version", Integer, nullable=False),
    Column("number", text(60), nullable=False),
    Column("state", text(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sealed_at", UtcDateTime, nullable=True),
    Column("actor", text(80), nullable=False),
    Column("unsealed", LargeBinary, nullable=True),
    Column("stamp", Json, nullable=True),
    Column("content", LargeBinary, nullable=True),
    Column("sha256", text(64), nullable=False, default=""),
    Column("size", Integer, nullable=False, default=0),
    Column("verdict", text(24), nullable=False, default=""),
    Column("findings", Json, nullable=False),
    Column("template", text(40), nullable=True),
    Column("template_version", Integer, nullable=True),
    Column("check_code", text(16), nullable=True),
    Column("sm3", text(64), nullable=True),
    UniqueConstraint("case_id", "kind", "version"),
    Index("ux_gateway_document_number", "number", unique=True),
)
