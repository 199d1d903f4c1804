"""Seal acts (用章日志) and their papers of e_seal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import BigInt, UtcDateTime

revision = "20261124151946"
down_revision = "20261124150701"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "eseal_act",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("item_code", sa.String(length=64), nullable=False),
        sa.Column("document_id", sa.String(length=64), nullable=False),
        sa.Column("document_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("seal_code", sa.String(length=64), nullable=False),
        sa.Column("stamp_page", sa.Integer(), nullable=False),
        sa.Column("stamp_x_um", sa.Integer(), nullable=False),
        sa.Column("stamp_y_um", sa.Integer(), nullable=False),
        sa.Column("signer_uid", sa.String(length=64), nullable=False),
        sa.Column("signer_certificate", sa.String(length=64), nullable=False),
        sa.Column("grant_id", sa.String(length=64), nullable=False),
        sa.Column("grant_approver", sa.String(length=64), nullable=False),
        sa.Column("grant_expires_at", UtcDateTime(), nullable=False),
        sa.Column("grant_proof", sa.String(length=4000), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("signing_at", UtcDateTime(), nullable=True),
        sa.Column("failure", sa.String(length=32), nullable=True),
        sa.Column("failure_detail", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eseal_act")),
        sa.UniqueConstraint("act_id", name=op.f("uq_eseal_act_act_id")),
        sa.UniqueConstraint(
            "document_id",
            "document_version",
            name=op.f("uq_eseal_act_document_id_document_version"),
        ),
        sa.UniqueConstraint("request_id", name=op.f("uq_eseal_act_request_id")),
    )
    op.create_index(op.f("ix_eseal_act_reference"), "eseal_act", ["reference"], unique=False)
    op.create_index(
        "ix_eseal_act_unfinished",
        "eseal_act",
        ["act_id"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('verified', 'failed')"),
        sqlite_where=sa.text("state NOT IN ('verified', 'failed')"),
    )
    op.create_table(
        "eseal_papers",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("unsigned", sa.LargeBinary(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=True),
        sa.Column("prepared", sa.LargeBinary(), nullable=True),
        sa.Column("prepared_at", UtcDateTime(), nullable=True),
        sa.Column("signature_path", sa.String(length=200), nullable=False),
        sa.Column("signature_xml", sa.LargeBinary(), nullable=True),
        sa.Column("ses_signature", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["act_id"], ["eseal_act.act_id"], name=op.f("fk_eseal_papers_act_id_eseal_act")
        ),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_eseal_papers")),
    )


def downgrade() -> None:
    op.drop_table("eseal_papers")
    op.drop_index(
        "ix_eseal_act_unfinished",
        table_name="eseal_act",
        postgresql_where=sa.text("state NOT IN ('verified', 'failed')"),
        sqlite_where=sa.text("state NOT IN ('verified', 'failed')"),
    )
    op.drop_index(op.f("ix_eseal_act_reference"), table_name="eseal_act")
    op.drop_table("eseal_act")
