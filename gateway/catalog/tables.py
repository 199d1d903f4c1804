"""The catalogue's tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, Table

from kernel.db.base import Json, UtcDateTime, metadata, text

items: Final = Table(
    "gateway_item",
    metadata,
    Column("code", text(50), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", text(1000), nullable=False),
    Column("region", text(6), nullable=False),
    Column("department", text(50), nullable=False),
    Column("document", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_gateway_item_region_code", "region", "code"),
)
