"""The tables of clients: registrations, keys, and the nonces of requests they signed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table

from kernel.db.base import Json, UtcDateTime, metadata, text

clients: Final = Table(
    "identity_client",
    metadata,
    Column("client_id", text(64), primary_key=True),
    Column("name", text(80), nullable=False),
    Column("org_uscc", text(18)),
    Column("kind", text(16), nullable=False),
    Column("channel", text(16), nullable=False),
    Column("status", text(16), nullable=False),
    Column("profile", text(8), nullable=False),
    Column("rate_class", text(16), nullable=False),
    Column("sector", text(253), nullable=False),
    Column("grants", Json, nullable=False),
    Column("not_before", UtcDateTime),
    Column("not_after", UtcDateTime),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

client_keys: Final = Table(
    "identity_client_key",
    metadata,
    Column("key_id", text(40), primary_key=True),
    Column("client_id", text(64), ForeignKey(clients.c.client_id), nullable=False),
    Column("kind", text(8), nullable=False),
    Column("secret", LargeBinary),
    Column("public_key", text(1000)),
    Column("status", text(16), nullable=False),
    Column("warned_days", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "client_id"),
    Index(None, "status", "expires_at"),
)

nonces: Final = Table(
    "identity_nonce",
    metadata,
    Column("key_id", text(40), primary_key=True),
    Column("nonce", text(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)
