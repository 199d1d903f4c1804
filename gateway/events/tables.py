"""The tables of webhooks: subscriptions, deliveries, and the keys that sign them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
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

webhooks: Final = Table(
    "gateway_webhook",
    metadata,
    Column("webhook_id", text(40), primary_key=True),
    Column("client_id", text(64), nullable=False),
    Column("url", text(500), nullable=False),
    Column("topics", Json, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "client_id"),
)

deliveries: Final = Table(
    "gateway_delivery",
    metadata,
    Column("delivery_id", text(40), primary_key=True),
    Column("webhook_id", text(40), ForeignKey(webhooks.c.webhook_id), nullable=False),
    Column("event_id", text(64), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("topic", text(128), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", text(16), nullable=False),
    Column("round", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_status", Integer),
    Column("last_error", text(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    UniqueConstraint("webhook_id", "event_id"),
    Index(None, "webhook_id", "delivery_id"),
)

signing_keys: Final = Table(
    "gateway_signing_key",
    metadata,
    Column("key_id", text(40), primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("public_key", text(1000), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("use_from", UtcDateTime, nullable=False),
    Column("use_until", UtcDateTime, nullable=False),
)
