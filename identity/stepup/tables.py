"""The table of step-ups."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Table, UniqueConstraint

from kernel.db.base import UtcDateTime, metadata, text

step_ups: Final = Table(
    "identity_step_up",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("session_id", text(64), nullable=False),
    Column("sub", text(64), nullable=False),
    Column("factor", text(40), nullable=False),
    Column("reference", text(32), nullable=False),
    Column("acr", text(64), nullable=False),
    Column("state", text(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("evidence", text(200)),
    Column("reason", text(64), nullable=False),
    UniqueConstraint("reference"),
    Index(None, "sub", "created_at"),
)
