"""The tables of the e-seal domain, prefix ``eseal_``."""

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
from sqlalchemy import text as sql

from e_seal.model import MAX_DETAIL, MAX_NAME, MAX_PROOF, MAX_REFERENCE
from kernel.db.base import UtcDateTime, id_column, metadata, text

act: Final = Table(
    "eseal_act",
    metadata,
    id_column(),
    Column("act_id", text(64), nullable=False),
    Column("request_id", text(64), nullable=False),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("item_code", text(64), nullable=False),
    Column("document_id", text(64), nullable=False),
    Column("document_version", Integer, nullable=False),
    Column("name", text(MAX_NAME), nullable=False),
    Column("page_count", Integer, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),
    Column("seal_code", text(64), nullable=False),
    Column("stamp_page", Integer, nullable=False),
    Column("stamp_x_um", Integer, nullable=False),
    Column("stamp_y_um", Integer, nullable=False),
    Column("signer_uid", text(64), nullable=False),
    Column("signer_certificate", text(64), nullable=False),
    Column("grant_id", text(64), nullable=False),
    Column("grant_approver", text(64), nullable=False),
    Column("grant_expires_at", UtcDateTime, nullable=False),
    Column("grant_proof", text(MAX_PROOF), nullable=False),
    Column("state", text(16), nullable=False),
    Column("digest", LargeBinary),
    Column("signing_at", UtcDateTime),
    Column("signed_at", UtcDateTime),
    Column("failure", text(32)),
    Column("failure_detail", text(MAX_DETAIL), nullable=False),
    Column("kind", text(8), nullable=False, server_default="seal"),
    Column("riding_y_um", Integer),
    Column("media_type", text(32), nullable=False, server_default="application/ofd"),
    Column("first_request_id", text(64)),
    Column("first_digest", LargeBinary),
    Column("first_signed", Boolean),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("act_id"),
    UniqueConstraint("request_id"),
    UniqueConstraint("document_id", "document_version"),
    Index(None, "reference"),
    Index(
        "ix_eseal_act_unfinished",
        "act_id",
        postgresql_where=sql("state NOT IN ('verified', 'failed')"),
        sqlite_where=sql("state NOT IN ('verified', 'failed')"),
    ),
)
"""The log of seal use (用章日志); rows are never deleted."""

papers: Final = Table(
    "eseal_papers",
    metadata,
    Column("act_id", text(64), ForeignKey("eseal_act.act_id"), primary_key=True),
    Column("unsigned", LargeBinary),
    Column("seal", LargeBinary),
    Column("prepared", LargeBinary),
    Column("prepared_at", UtcDateTime),
    Column("signature_path", text(200), nullable=False),
    Column("signature_xml", LargeBinary),
    Column("ses_signature", LargeBinary),
    Column("sealed", LargeBinary),
    Column("first_signature", LargeBinary),
)
"""The bytes that belong to an act, apart so that the log stays small."""

revocation: Final = Table(
    "eseal_revocation",
    metadata,
    id_column(),
    Column("seal_code", text(64), nullable=False),
    Column("seal_name", text(MAX_NAME), nullable=False),
    Column("revoked_at", UtcDateTime, nullable=False),
    UniqueConstraint("seal_code", "revoked_at"),
)
"""The published list of dead seals (印章失效列表) as far as it was fetched."""
