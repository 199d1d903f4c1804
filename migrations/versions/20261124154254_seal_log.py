"""Kinds of seal act, what a re-issued seal made void, and the list of dead seals (印章失效列表)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import BigInt, UtcDateTime

revision = "20261124154254"
down_revision = "20261124152531"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "eseal_revocation",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("seal_code", sa.String(length=64), nullable=False),
        sa.Column("seal_name", sa.String(length=200), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eseal_revocation")),
        sa.UniqueConstraint(
            "seal_code", "revoked_at", name=op.f("uq_eseal_revocation_seal_code_revoked_at")
        ),
    )
    op.add_column("eseal_act", sa.Column("signed_at", UtcDateTime(), nullable=True))
    op.add_column(
        "eseal_act", sa.Column("kind", sa.String(length=8), server_default="seal", nullable=False)
    )
    op.add_column("eseal_act", sa.Column("riding_y_um", sa.Integer(), nullable=True))
    op.add_column(
        "eseal_act",
        sa.Column(
            "media_type", sa.String(length=32), server_default="application/ofd", nullable=False
        ),
    )
    op.add_column("eseal_act", sa.Column("first_request_id", sa.String(length=64), nullable=True))
    op.add_column("eseal_act", sa.Column("first_digest", sa.LargeBinary(), nullable=True))
    op.add_column("eseal_act", sa.Column("first_signed", sa.Boolean(), nullable=True))
    op.add_column("eseal_papers", sa.Column("first_signature", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("eseal_papers", "first_signature")
    op.drop_column("eseal_act", "first_signed")
    op.drop_column("eseal_act", "first_digest")
    op.drop_column("eseal_act", "first_request_id")
    op.drop_column("eseal_act", "media_type")
    op.drop_column("eseal_act", "riding_y_um")
    op.drop_column("eseal_act", "kind")
    op.drop_column("eseal_act", "signed_at")
    op.drop_table("eseal_revocation")
