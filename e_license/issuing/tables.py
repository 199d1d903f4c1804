"""The tables of issued licences: versions, holders, proposals, records for the catalogue."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Date, Index, Integer, LargeBinary, Table, UniqueConstraint

from kernel.db.base import BigInt, Json, UtcDateTime, id_column, metadata, text
from kernel.work import MAX_REFERENCE

issued: Final = Table(
    "elicense_issued",
    metadata,
    id_column(),
    Column("licence_id", text(40), nullable=False, unique=True),
    Column("identifier", text(128), nullable=False, unique=True),
    Column("type_code", text(21), nullable=False),
    Column("type_name", text(200), nullable=False),
    Column("issuer", text(18), nullable=False),
    Column("issuer_name", text(200), nullable=False),
    Column("area", text(6), nullable=False),
    Column("serial", text(40), nullable=False),
    Column("edition", Integer, nullable=False),
    Column("number", text(60), nullable=False),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("state", text(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("check_code", text(16), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("created_at", UtcDateTime, nullable=False),
    Column("actor", text(128), nullable=False),
    Column("previous", text(40), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("composed", LargeBinary),
    Column("stamp", Json),
    Column("file", LargeBinary),
    Column("issued_at", UtcDateTime),
    Column("sha256", text(64), nullable=False),
    Column("sm3", text(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("verdict", text(24), nullable=False),
    UniqueConstraint("reference", "edition"),
    UniqueConstraint("type_code", "issuer", "serial", "edition"),
    Index(None, "issuer", "id"),
)
"""One row per version; a case has each version once. Content and files are encrypted."""

holders: Final = Table(
    "elicense_issued_holder",
    metadata,
    Column("licence_id", text(40), primary_key=True),
    Column("subject_hash", text(64), primary_key=True),
    Index(None, "subject_hash", "licence_id"),
)

proposals: Final = Table(
    "elicense_proposal",
    metadata,
    id_column(),
    Column("proposal_id", text(40), nullable=False, unique=True),
    Column("licence_id", text(40), nullable=False, index=True),
    Column("to", text(16), nullable=False),
    Column("reason", text(1000), nullable=False),
    Column("proposed_by", text(128), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("state", text(16), nullable=False),
    Column("decided_by", text(128), nullable=False),
    Column("decided_at", UtcDateTime),
)

index: Final = Table(
    "elicense_index",
    metadata,
    id_column(),
    Column("sequence", BigInt, nullable=False, unique=True),
    Column("licence_id", text(40), nullable=False, index=True),
    Column("operation", text(2), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("lacks", Json, nullable=False),
    Column("record", LargeBinary, nullable=False),
)
"""Append-only: what the national catalogue must be told. Whoever draws a number of the sequence
holds it until the commit, so that a reader never overtakes a writer.
"""
