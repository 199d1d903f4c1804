"""The table of mandates; people stand in it encrypted, and each row carries a MAC."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, Table

from kernel.db.base import Json, UtcDateTime, metadata, text

mandates: Final = Table(
    "identity_mandate",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("principal_key", text(72), nullable=False),
    Column("operator_index", text(32), nullable=False),
    Column("people", LargeBinary, nullable=False),
    Column("items", Json, nullable=False),
    Column("actions", Json, nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_to", UtcDateTime, nullable=False),
    Column("granted_by", text(64), nullable=False),
    Column("granted_as", text(16), nullable=False),
    Column("source", text(16), nullable=False),
    Column("state", text(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("mac", LargeBinary, nullable=False),
    Index(None, "principal_key", "operator_index"),
    Index(None, "operator_index"),
    Index(None, "state", "valid_to"),
)
