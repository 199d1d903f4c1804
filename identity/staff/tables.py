"""The tables of staff: accounts, credentials, sessions, tries, roles, requests and tokens."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as sql

from kernel.db.base import Json, UtcDateTime, metadata, text

staff: Final = Table(
    "identity_staff",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("name", text(80), nullable=False),
    Column("kind", text(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # What grants point to: a person with a grant of one kind cannot get one of another.
    UniqueConstraint("id", "kind"),
    CheckConstraint("kind IN ('NONE', 'SYSTEM', 'SECURITY', 'AUDIT', 'BUSINESS')", name="kind"),
)

credentials: Final = Table(
    "identity_staff_credential",
    metadata,
    Column("staff_id", text(64), ForeignKey(staff.c.id), primary_key=True),
    Column("password", text(255)),
    Column("password_at", UtcDateTime, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("previous", Json, nullable=False),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger, nullable=False),
    Column("certificate", text(64)),
    Column("locked", Boolean, nullable=False),
    Column("awake_at", UtcDateTime, nullable=False),
)

recovery_codes: Final = Table(
    "identity_staff_recovery_code",
    metadata,
    Column("code_hash", text(64), primary_key=True),
    Column("staff_id", text(64), ForeignKey(staff.c.id), nullable=False),
    Index(None, "staff_id"),
)

tries: Final = Table(
    "identity_staff_try",
    metadata,
    Column("key", text(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("locked_until", UtcDateTime),
    Index(None, "since"),
)

staff_sessions: Final = Table(
    "identity_staff_session",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("sid_hash", text(64), nullable=False),
    Column("staff_id", text(64), ForeignKey(staff.c.id), nullable=False),
    Column("status", text(16), nullable=False),
    Column("amr", text(40), nullable=False),
    Column("pending", LargeBinary),
    Column("src_ip", text(45), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    UniqueConstraint("sid_hash"),
    Index(None, "staff_id"),
    Index(None, "expires_at"),
)

grants: Final = Table(
    "identity_staff_grant",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("staff_id", text(64), nullable=False),
    Column("kind", text(16), nullable=False),
    Column("role", text(16), nullable=False),
    Column("department", text(18), nullable=False),
    Column("region", text(6), nullable=False),
    Column("granted_at", UtcDateTime, nullable=False),
    Column("mac", text(64), nullable=False),
    ForeignKeyConstraint(["staff_id", "kind"], [staff.c.id, staff.c.kind]),
    UniqueConstraint("staff_id", "role", "department", "region"),
    CheckConstraint(
        "kind = CASE role WHEN 'SYSTEM_ADMIN' THEN 'SYSTEM' WHEN 'SECURITY_ADMIN' THEN 'SECURITY'"
        " WHEN 'AUDIT_ADMIN' THEN 'AUDIT' ELSE 'BUSINESS' END",
        name="kind_of_role",
    ),
)

role_requests: Final = Table(
    "identity_staff_request",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("act", text(16), nullable=False),
    Column("staff_id", text(64), ForeignKey(staff.c.id), nullable=False),
    Column("role", text(16), nullable=False),
    Column("department", text(18), nullable=False),
    Column("region", text(6), nullable=False),
    Column("reason", text(200), nullable=False),
    Column("status", text(16), nullable=False),
    Column("requested_by", text(64), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("decided_by", text(64)),
    Column("decided_at", UtcDateTime),
    CheckConstraint("requested_by <> staff_id", name="not_for_oneself"),
    CheckConstraint("decided_by <> requested_by", name="two_people"),
    CheckConstraint("decided_by <> staff_id", name="not_about_oneself"),
    Index(
        "ix_identity_staff_request_open",
        *("act", "staff_id", "role", "department", "region"),
        unique=True,
        postgresql_where=sql("status = 'PENDING'"),
        sqlite_where=sql("status = 'PENDING'"),
    ),
    Index(None, "status", "requested_at"),
)

staff_tokens: Final = Table(
    "identity_staff_token",
    metadata,
    Column("token_hash", text(64), primary_key=True),
    Column("staff_id", text(64), ForeignKey(staff.c.id), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Index(None, "staff_id"),
    Index(None, "expires_at"),
)
