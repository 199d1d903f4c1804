"""The tables of identity: logins under way, used tickets, subjects and sessions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, UniqueConstraint

from kernel.db.base import UtcDateTime, metadata, text

logins: Final = Table(
    "identity_login",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("state_hash", text(64), nullable=False),
    Column("client_id", text(64), nullable=False),
    Column("idp", text(40), nullable=False),
    Column("user_type", text(16), nullable=False),
    Column("return_to", text(500), nullable=False),
    Column("portal_state", text(512), nullable=False),
    Column("code_challenge", text(64), nullable=False),
    Column("status", text(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    UniqueConstraint("state_hash"),
    Index(None, "created_at"),
)

tickets: Final = Table(
    "identity_ticket",
    metadata,
    Column("idp", text(40), primary_key=True),
    Column("ticket_mac", text(32), primary_key=True),
    Column("used_at", UtcDateTime, nullable=False),
    Index(None, "used_at"),
)

subjects: Final = Table(
    "identity_subject",
    metadata,
    Column("sub", text(64), primary_key=True),
    Column("idp", text(40), nullable=False),
    Column("upstream_sub", text(128), nullable=False),
    Column("user_type", text(16), nullable=False),
    Column("id_number_index", text(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_login_at", UtcDateTime, nullable=False),
    UniqueConstraint("idp", "upstream_sub", "user_type"),
    Index(None, "id_number_index"),
)

sessions: Final = Table(
    "identity_session",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("sub", text(64), ForeignKey(subjects.c.sub), nullable=False),
    Column("client_id", text(64), nullable=False),
    Column("idp", text(40), nullable=False),
    Column("status", text(16), nullable=False),
    Column("code_hash", text(64), nullable=False),
    Column("code_challenge", text(64), nullable=False),
    Column("code_expires_at", UtcDateTime, nullable=False),
    Column("token_hash", text(64)),
    Column("principal", LargeBinary),
    Column("upstream", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    UniqueConstraint("code_hash"),
    UniqueConstraint("token_hash"),
    Index(None, "sub"),
    Index(None, "created_at"),
)
