"""E license."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import BigInt, UtcDateTime

revision = "20261124150534"
down_revision = "20261124150330"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "elicense_access_log",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("item_code", sa.String(length=50), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("trace_id", sa.String(length=64), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("licence_type", sa.String(length=64), nullable=False),
        sa.Column("identifier", sa.String(length=128), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=400), nullable=False),
        sa.Column("auth_basis", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("upstream_status", sa.String(length=32), nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_elicense_access_log")),
    )
    op.create_index(
        op.f("ix_elicense_access_log_reference_id"),
        "elicense_access_log",
        ["reference", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_elicense_access_log_subject_hash_id"),
        "elicense_access_log",
        ["subject_hash", "id"],
        unique=False,
    )
    op.create_table(
        "elicense_use",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("use_id", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("material_code", sa.String(length=64), nullable=False),
        sa.Column("identifier", sa.String(length=128), nullable=False),
        sa.Column("identifier_check", sa.String(length=16), nullable=False),
        sa.Column("licence_type", sa.String(length=64), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("raw_state", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sm3", sa.String(length=64), nullable=False),
        sa.Column("document_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_elicense_use")),
        sa.UniqueConstraint(
            "reference",
            "material_code",
            "identifier",
            name=op.f("uq_elicense_use_reference_material_code_identifier"),
        ),
        sa.UniqueConstraint("use_id", name=op.f("uq_elicense_use_use_id")),
    )


def downgrade() -> None:
    op.drop_table("elicense_use")
    op.drop_index(op.f("ix_elicense_access_log_subject_hash_id"), table_name="elicense_access_log")
    op.drop_index(op.f("ix_elicense_access_log_reference_id"), table_name="elicense_access_log")
    op.drop_table("elicense_access_log")
