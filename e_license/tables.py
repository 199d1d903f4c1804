"""The tables of the licence domain: who may read and did read what, and which licence serves
which material.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Date, Index, Integer, Table, UniqueConstraint

from kernel.db.base import Json, UtcDateTime, id_column, metadata, text
from kernel.work import MAX_REFERENCE

access_log: Final = Table(
    "elicense_access_log",
    metadata,
    id_column(),
    Column("at", UtcDateTime, nullable=False),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("item_code", text(50), nullable=False),
    Column("actor", text(128), nullable=False),
    Column("channel", text(32), nullable=False),
    Column("trace_id", text(64), nullable=False),
    Column("subject_hash", text(64), nullable=False),
    Column("licence_type", text(64), nullable=False),
    Column("identifier", text(128), nullable=False),
    Column("operation", text(16), nullable=False),
    Column("cause", text(400), nullable=False),
    Column("auth_basis", text(32), nullable=False),
    Column("source", text(64), nullable=False),
    Column("outcome", text(64), nullable=False),
    Column("upstream_status", text(32), nullable=False),
    Column("elapsed_ms", Integer, nullable=False),
    Column("fields", Json),
    Index(None, "reference", "id"),
    Index(None, "subject_hash", "id"),
)
"""Append-only: the database itself refuses to change or delete a row. ``fields`` names what was
handed over, never its contents.
"""

grants: Final = Table(
    "elicense_grant",
    metadata,
    Column("grant_id", text(40), primary_key=True),
    Column("reference", text(MAX_REFERENCE), nullable=False, index=True),
    Column("item_code", text(50), nullable=False),
    Column("material_code", text(64), nullable=False),
    Column("subject_hash", text(64), nullable=False),
    Column("licence_type", text(64), nullable=False),
    Column("operation", text(16), nullable=False),
    Column("identifier", text(128), nullable=False),
    Column("basis", text(32), nullable=False),
    Column("actor", text(128), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("consumed_at", UtcDateTime),
)

types: Final = Table(
    "elicense_type",
    metadata,
    Column("code", text(64), primary_key=True),
    Column("name", text(256), nullable=False),
    Column("name_en", text(256), nullable=False),
    Column("local_codes", Json, nullable=False),
    Column("fields", Json, nullable=False),
)

uses: Final = Table(
    "elicense_use",
    metadata,
    id_column(),
    Column("use_id", text(40), nullable=False, unique=True),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("material_code", text(64), nullable=False),
    Column("identifier", text(128), nullable=False),
    Column("identifier_check", text(16), nullable=False),
    Column("licence_type", text(64), nullable=False),
    Column("subject_hash", text(64), nullable=False),
    Column("source", text(64), nullable=False),
    Column("state", text(16), nullable=False),
    Column("raw_state", text(64), nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("media_type", text(64), nullable=False),
    Column("sha256", text(64), nullable=False),
    Column("sm3", text(64), nullable=False),
    Column("document_at", UtcDateTime),
    UniqueConstraint("reference", "material_code", "identifier"),
)
