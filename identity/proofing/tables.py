"""The table of stored raises; what a clerk saw stands in it encrypted."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table

from identity.tables import subjects
from kernel.db.base import UtcDateTime, metadata, text

proofings: Final = Table(
    "identity_proofing",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("sub", text(64), ForeignKey(subjects.c.sub), nullable=False),
    Column("person_index", text(32), nullable=False),
    Column("ial", Integer, nullable=False),
    Column("source", text(16), nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("state", text(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("made_by", text(64), nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", text(64), nullable=False),
    CheckConstraint("ial BETWEEN 1 AND 4", name="ial"),
    CheckConstraint("revoked_by = '' OR revoked_by <> made_by", name="four_eyes"),
    Index(None, "sub", "person_index"),
)
