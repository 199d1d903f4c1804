"""Logins, used tickets, subjects, sessions and staff of identity."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import UtcDateTime

revision = "20261124150330"
down_revision = "20261124000000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_login",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("idp", sa.String(length=40), nullable=False),
        sa.Column("user_type", sa.String(length=16), nullable=False),
        sa.Column("return_to", sa.String(length=500), nullable=False),
        sa.Column("portal_state", sa.String(length=512), nullable=False),
        sa.Column("code_challenge", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_login")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_identity_login_state_hash")),
    )
    op.create_index(
        op.f("ix_identity_login_created_at"), "identity_login", ["created_at"], unique=False
    )
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
        "identity_subject",
        sa.Column("sub", sa.String(length=64), nullable=False),
        sa.Column("idp", sa.String(length=40), nullable=False),
        sa.Column("upstream_sub", sa.String(length=128), nullable=False),
        sa.Column("user_type", sa.String(length=16), nullable=False),
        sa.Column("id_number_index", sa.String(length=32), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_login_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sub", name=op.f("pk_identity_subject")),
        sa.UniqueConstraint(
            "idp",
            "upstream_sub",
            "user_type",
            name=op.f("uq_identity_subject_idp_upstream_sub_user_type"),
        ),
    )
    op.create_index(
        op.f("ix_identity_subject_id_number_index"),
        "identity_subject",
        ["id_number_index"],
        unique=False,
    )
    op.create_table(
        "identity_ticket",
        sa.Column("idp", sa.String(length=40), nullable=False),
        sa.Column("ticket_mac", sa.String(length=32), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("idp", "ticket_mac", name=op.f("pk_identity_ticket")),
    )
    op.create_index(
        op.f("ix_identity_ticket_used_at"), "identity_ticket", ["used_at"], unique=False
    )
    op.create_table(
        "identity_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sub", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("idp", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("code_challenge", sa.String(length=64), nullable=False),
        sa.Column("code_expires_at", UtcDateTime(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("principal", sa.LargeBinary(), nullable=True),
        sa.Column("upstream", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["sub"], ["identity_subject.sub"], name=op.f("fk_identity_session_sub_identity_subject")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_session")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_identity_session_code_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_identity_session_token_hash")),
    )
    op.create_index(
        op.f("ix_identity_session_created_at"), "identity_session", ["created_at"], unique=False
    )
    op.create_index(op.f("ix_identity_session_sub"), "identity_session", ["sub"], unique=False)
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


def downgrade() -> None:
    op.drop_index(op.f("ix_identity_staff_token_staff_id"), table_name="identity_staff_token")
    op.drop_index(op.f("ix_identity_staff_token_expires_at"), table_name="identity_staff_token")
    op.drop_table("identity_staff_token")
    op.drop_index(op.f("ix_identity_session_sub"), table_name="identity_session")
    op.drop_index(op.f("ix_identity_session_created_at"), table_name="identity_session")
    op.drop_table("identity_session")
    op.drop_index(op.f("ix_identity_ticket_used_at"), table_name="identity_ticket")
    op.drop_table("identity_ticket")
    op.drop_index(op.f("ix_identity_subject_id_number_index"), table_name="identity_subject")
    op.drop_table("identity_subject")
    op.drop_index(op.f("ix_identity_staff_department"), table_name="identity_staff")
    op.drop_table("identity_staff")
    op.drop_index(op.f("ix_identity_login_created_at"), table_name="identity_login")
    op.drop_table("identity_login")
