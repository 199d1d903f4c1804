"""The tables of availability."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Table

from kernel.db.base import Json, UtcDateTime, id_column, metadata, text

health: Final = Table(
    "gateway_health",
    metadata,
    Column("adapter", text(64), primary_key=True),
    Column("operation", text(64), primary_key=True),
    Column("region", text(6), primary_key=True),
    Column("health", text(16), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("found_by", text(64), nullable=False),
)
profiles: Final = Table(
    "gateway_availability_profile",
    metadata,
    Column("key", text(16), primary_key=True),
    Column("region", text(6), nullable=False),
    Column("declared", Boolean, nullable=False),
    Column("dependencies", Json, nullable=False),
    Column("status", text(24), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)
places: Final = Table(
    "gateway_availability_place",
    metadata,
    Column("department", text(50), primary_key=True),
    Column("document", Json, nullable=False),
)
members: Final = Table(
    "gateway_availability_item",
    metadata,
    Column("code", text(50), primary_key=True),
    Column("profile", text(16), nullable=False),
    Column("department", text(50), nullable=False),
    Column("item_at", UtcDateTime, nullable=False),
    Index("ix_gateway_availability_item_profile", "profile"),
)
intervals: Final = Table(
    "gateway_availability_history",
    metadata,
    id_column(),
    Column("profile", text(16), nullable=False),
    Column("status", text(24), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_gateway_availability_history_profile_began_at", "profile", "began_at"),
)
windows: Final = Table(
    "gateway_maintenance",
    metadata,
    Column("window_id", text(64), primary_key=True),
    Column("system", text(64), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, index=True),
    Column("reason", text(500), nullable=False),
    Column("announced_by", text(100), nullable=False),
    Column("announced_at", UtcDateTime, nullable=False),
    Column("cancelled_at", UtcDateTime),
)
overrides: Final = Table(
    "gateway_dependency_override",
    metadata,
    Column("item_code", text(50), primary_key=True),
    Column("system", text(64), primary_key=True),
    Column("need", text(24), nullable=False),
    Column("stand_in", text(16), nullable=False),
    Column("legal_basis", text(500), nullable=False),
    Column("laid_down_by", text(100), nullable=False),
    Column("laid_down_at", UtcDateTime, nullable=False),
)
