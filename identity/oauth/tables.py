"""The tables of the authorization server."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, UniqueConstraint

from kernel.db.base import UtcDateTime, metadata, text

requests: Final = Table(
    "identity_pushed_request",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("uri_hash", text(64), nullable=False),
    Column("client_id", text(64), nullable=False),
    Column("redirect_uri", text(500), nullable=False),
    Column("scope", text(1000), nullable=False),
    Column("state", text(512), nullable=False),
    Column("nonce", text(512)),
    Column("code_challenge", text(64), nullable=False),
    Column("acr_values", text(200), nullable=False),
    Column("max_age", Integer),
    Column("prompt", text(40), nullable=False),
    Column("idp", text(40), nullable=False),
    Column("user_type", text(16), nullable=False),
    Column("jkt", text(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("state_hash", text(64)),
    Column("session_id", text(64)),
    UniqueConstraint("uri_hash"),
    UniqueConstraint("state_hash"),
    UniqueConstraint("session_id"),
    Index(None, "created_at"),
)

grants: Final = Table(
    "identity_grant",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("client_id", text(64), nullable=False),
    Column("sub", text(64), nullable=False),
    Column("session_id", text(64)),
    Column("scope", text(1000), nullable=False),
    Column("jkt", text(64)),
    Column("actor", text(300), nullable=False),
    Column("status", text(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "session_id"),
    Index(None, "expires_at"),
)

tokens: Final = Table(
    "identity_grant_token",
    metadata,
    Column("token_hash", text(64), primary_key=True),
    Column("grant_id", text(64), ForeignKey(grants.c.id, ondelete="CASCADE"), nullable=False),
    Column("kind", text(16), nullable=False),
    Column("scope", text(1000), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Index(None, "grant_id"),
    Index(None, "expires_at"),
)

used_jtis: Final = Table(
    "identity_used_jti",
    metadata,
    Column("owner", text(80), primary_key=True),
    Column("jti_hash", text(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)

signing_keys: Final = Table(
    "identity_signing_key",
    metadata,
    Column("kid", text(64), primary_key=True),
    Column("private", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
)
