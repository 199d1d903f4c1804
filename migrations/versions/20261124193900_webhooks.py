"""Webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import Json, UtcDateTime

revision = "20261124193900"
down_revision = "20261124190802"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_gateway_case_client_id_case_id": ["client_id", "case_id"],
    "ix_gateway_case_department_case_id": ["department", "case_id"],
}


def upgrade() -> None:
    op.create_table(
        "gateway_signing_key",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.String(length=1000), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("use_from", UtcDateTime(), nullable=False),
        sa.Column("use_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_gateway_signing_key")),
    )
    op.create_table(
        "gateway_webhook",
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("topics", Json, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_gateway_webhook")),
    )
    op.create_index(
        op.f("ix_gateway_webhook_client_id"), "gateway_webhook", ["client_id"], unique=False
    )
    op.create_table(
        "gateway_delivery",
        sa.Column("delivery_id", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(length=128), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["gateway_webhook.webhook_id"],
            name=op.f("fk_gateway_delivery_webhook_id_gateway_webhook"),
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_gateway_delivery")),
        sa.UniqueConstraint(
            "webhook_id", "event_id", name=op.f("uq_gateway_delivery_webhook_id_event_id")
        ),
    )
    op.create_index(
        op.f("ix_gateway_delivery_webhook_id_delivery_id"),
        "gateway_delivery",
        ["webhook_id", "delivery_id"],
        unique=False,
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "gateway_case", columns)


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, table_name="gateway_case")
    op.drop_index(op.f("ix_gateway_delivery_webhook_id_delivery_id"), table_name="gateway_delivery")
    op.drop_table("gateway_delivery")
    op.drop_index(op.f("ix_gateway_webhook_client_id"), table_name="gateway_webhook")
    op.drop_table("gateway_webhook")
    op.drop_table("gateway_signing_key")
