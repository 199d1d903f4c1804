"""The audit trail, its checkpoints, and triggers that refuse to change what is written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import BigInt, UtcDateTime

revision = "20261124181242"
down_revision = "20261124162329"
branch_labels = None
depends_on = None

_KEPT = ("id", "body", "leaf", "at", "action", "category", "actor", "result", "reference")

_POSTGRESQL = (
    """
    CREATE FUNCTION kernel_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit trail is append-only'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER kernel_audit_seal_only BEFORE UPDATE ON kernel_audit FOR EACH ROW
    WHEN (OLD.seal_seq IS NOT NULL OR NEW.seal_seq IS NULL OR NEW.chain IS NULL
          OR ({}) IS DISTINCT FROM ({}))
    EXECUTE FUNCTION kernel_audit_refuse()
    """.format(
        ", ".join(f"OLD.{name}" for name in _KEPT), ", ".join(f"NEW.{name}" for name in _KEPT)
    ),
    (
        "CREATE TRIGGER kernel_audit_no_delete BEFORE DELETE OR TRUNCATE ON kernel_audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION kernel_audit_refuse()"
    ),
    (
        "CREATE TRIGGER kernel_audit_checkpoint_final"
        " BEFORE UPDATE OR DELETE OR TRUNCATE ON kernel_audit_checkpoint"
        " FOR EACH STATEMENT EXECUTE FUNCTION kernel_audit_refuse()"
    ),
)
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
_SQLITE = (
    "CREATE TRIGGER kernel_audit_seal_only BEFORE UPDATE ON kernel_audit FOR EACH ROW"
    " WHEN OLD.seal_seq IS NOT NULL OR NEW.seal_seq IS NULL OR NEW.chain IS NULL OR "
    + " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _KEPT)
    + f" {_REFUSE}",
    f"CREATE TRIGGER kernel_audit_no_delete BEFORE DELETE ON kernel_audit {_REFUSE}",
    (
        f"CREATE TRIGGER kernel_audit_checkpoint_no_update"
        f" BEFORE UPDATE ON kernel_audit_checkpoint {_REFUSE}"
    ),
    (
        f"CREATE TRIGGER kernel_audit_checkpoint_no_delete"
        f" BEFORE DELETE ON kernel_audit_checkpoint {_REFUSE}"
    ),
)


def upgrade() -> None:
    op.create_table(
        "kernel_audit",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("seal_seq", sa.BigInteger(), nullable=True),
        sa.Column("chain", sa.String(length=64), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=1), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_audit")),
        sa.UniqueConstraint("seal_seq", name=op.f("uq_kernel_audit_seal_seq")),
    )
    op.create_index(op.f("ix_kernel_audit_actor_id"), "kernel_audit", ["actor", "id"], unique=False)
    op.create_index(
        op.f("ix_kernel_audit_reference_id"), "kernel_audit", ["reference", "id"], unique=False
    )
    op.create_index(
        "ix_kernel_audit_unsealed",
        "kernel_audit",
        ["id"],
        unique=False,
        postgresql_where=sa.text("seal_seq IS NULL"),
        sqlite_where=sa.text("seal_seq IS NULL"),
    )
    op.create_table(
        "kernel_audit_checkpoint",
        sa.Column("seal_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=160), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seal_seq", name=op.f("pk_kernel_audit_checkpoint")),
    )
    guards = _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE
    for guard in guards:
        op.execute(guard)


def downgrade() -> None:
    op.drop_table("kernel_audit_checkpoint")
    op.drop_index(
        "ix_kernel_audit_unsealed",
        table_name="kernel_audit",
        postgresql_where=sa.text("seal_seq IS NULL"),
        sqlite_where=sa.text("seal_seq IS NULL"),
    )
    op.drop_index(op.f("ix_kernel_audit_reference_id"), table_name="kernel_audit")
    op.drop_index(op.f("ix_kernel_audit_actor_id"), table_name="kernel_audit")
    op.drop_table("kernel_audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION kernel_audit_refuse()")
