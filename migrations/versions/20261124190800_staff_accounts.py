"""Accounts of staff with credentials, sessions, tries, sealed roles and requests for roles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import Json, UtcDateTime

revision = "20261124190800"
down_revision = "20261124183434"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without its seal no role can be taken over: staff is registered again (operations guide).
    op.drop_table("identity_staff_token")
    op.drop_table("identity_staff")
    op.create_table(
        "identity_staff",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('NONE', 'SYSTEM', 'SECURITY', 'AUDIT', 'BUSINESS')",
            name=op.f("ck_identity_staff_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_staff")),
        sa.UniqueConstraint("id", "kind", name=op.f("uq_identity_staff_id_kind")),
    )
    op.create_table(
        "identity_staff_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["identity_staff.id"],
            name=op.f("fk_identity_staff_token_staff_id_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_identity_staff_token")),
    )
    op.create_index(
        op.f("ix_identity_staff_token_expires_at"),
        "identity_staff_token",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_staff_token_staff_id"), "identity_staff_token", ["staff_id"], unique=False
    )
    op.create_table(
        "identity_staff_try",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_identity_staff_try")),
    )
    op.create_index(
        op.f("ix_identity_staff_try_since"), "identity_staff_try", ["since"], unique=False
    )
    op.create_table(
        "identity_staff_credential",
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("password_at", UtcDateTime(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("previous", Json, nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("awake_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["identity_staff.id"],
            name=op.f("fk_identity_staff_credential_staff_id_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_identity_staff_credential")),
    )
    op.create_table(
        "identity_staff_grant",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("department", sa.String(length=18), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("granted_at", UtcDateTime(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "kind = CASE role WHEN 'SYSTEM_ADMIN' THEN 'SYSTEM'"
            " WHEN 'SECURITY_ADMIN' THEN 'SECURITY' WHEN 'AUDIT_ADMIN' THEN 'AUDIT'"
            " ELSE 'BUSINESS' END",
            name=op.f("ck_identity_staff_grant_kind_of_role"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id", "kind"],
            ["identity_staff.id", "identity_staff.kind"],
            name=op.f("fk_identity_staff_grant_staff_id_kind_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_staff_grant")),
        sa.UniqueConstraint(
            "staff_id",
            "role",
            "department",
            "region",
            name=op.f("uq_identity_staff_grant_staff_id_role_department_region"),
        ),
    )
    op.create_table(
        "identity_staff_recovery_code",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["identity_staff.id"],
            name=op.f("fk_identity_staff_recovery_code_staff_id_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_identity_staff_recovery_code")),
    )
    op.create_index(
        op.f("ix_identity_staff_recovery_code_staff_id"),
        "identity_staff_recovery_code",
        ["staff_id"],
        unique=False,
    )
    op.create_table(
        "identity_staff_request",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("department", sa.String(length=18), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "decided_by <> requested_by", name=op.f("ck_identity_staff_request_two_people")
        ),
        sa.CheckConstraint(
            "decided_by <> staff_id", name=op.f("ck_identity_staff_request_not_about_oneself")
        ),
        sa.CheckConstraint(
            "requested_by <> staff_id", name=op.f("ck_identity_staff_request_not_for_oneself")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["identity_staff.id"],
            name=op.f("fk_identity_staff_request_staff_id_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_staff_request")),
    )
    op.create_index(
        "ix_identity_staff_request_open",
        "identity_staff_request",
        ["act", "staff_id", "role", "department", "region"],
        unique=True,
        postgresql_where=sa.text("status = 'PENDING'"),
        sqlite_where=sa.text("status = 'PENDING'"),
    )
    op.create_index(
        op.f("ix_identity_staff_request_status_requested_at"),
        "identity_staff_request",
        ["status", "requested_at"],
        unique=False,
    )
    op.create_table(
        "identity_staff_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sid_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("amr", sa.String(length=40), nullable=False),
        sa.Column("pending", sa.LargeBinary(), nullable=True),
        sa.Column("src_ip", sa.String(length=45), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["identity_staff.id"],
            name=op.f("fk_identity_staff_session_staff_id_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_staff_session")),
        sa.UniqueConstraint("sid_hash", name=op.f("uq_identity_staff_session_sid_hash")),
    )
    op.create_index(
        op.f("ix_identity_staff_session_expires_at"),
        "identity_staff_session",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_staff_session_staff_id"),
        "identity_staff_session",
        ["staff_id"],
        unique=False,
    )


def downgrade() -> None:
    for table in (
        "identity_staff_session",
        "identity_staff_request",
        "identity_staff_recovery_code",
        "identity_staff_grant",
        "identity_staff_credential",
        "identity_staff_try",
        "identity_staff_token",
        "identity_staff",
    ):
        op.drop_table(table)
    op.create_table(
        "identity_staff",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("department", sa.String(length=18), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_staff")),
    )
    op.create_index(
        op.f("ix_identity_staff_department"), "identity_staff", ["department"], unique=False
    )
    op.create_table(
        "identity_staff_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["identity_staff.id"],
            name=op.f("fk_identity_staff_token_staff_id_identity_staff"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_identity_staff_token")),
    )
    op.create_index(
        op.f("ix_identity_staff_token_expires_at"),
        "identity_staff_token",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_staff_token_staff_id"), "identity_staff_token", ["staff_id"], unique=False
    )
