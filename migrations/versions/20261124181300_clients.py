"""Clients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import Json, UtcDateTime

revision = "20261124181300"
down_revision = "20261124181242"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_client",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("org_uscc", sa.String(length=18), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("profile", sa.String(length=8), nullable=False),
        sa.Column("rate_class", sa.String(length=16), nullable=False),
        sa.Column("sector", sa.String(length=253), nullable=False),
        sa.Column("grants", Json, nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("not_after", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_identity_client")),
    )
    op.create_table(
        "identity_nonce",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce", name=op.f("pk_identity_nonce")),
    )
    op.create_index(
        op.f("ix_identity_nonce_expires_at"), "identity_nonce", ["expires_at"], unique=False
    )
    op.create_table(
        "identity_client_key",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("public_key", sa.String(length=1000), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("warned_days", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["identity_client.client_id"],
            name=op.f("fk_identity_client_key_client_id_identity_client"),
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_identity_client_key")),
    )
    op.create_index(
        op.f("ix_identity_client_key_client_id"), "identity_client_key", ["client_id"], unique=False
    )
    op.create_index(
        op.f("ix_identity_client_key_status_expires_at"),
        "identity_client_key",
        ["status", "expires_at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(
        op.f("ix_identity_client_key_status_expires_at"), table_name="identity_client_key"
    )
    op.drop_index(op.f("ix_identity_client_key_client_id"), table_name="identity_client_key")
    op.drop_table("identity_client_key")
    op.drop_index(op.f("ix_identity_nonce_expires_at"), table_name="identity_nonce")
    op.drop_table("identity_nonce")
    op.drop_table("identity_client")
