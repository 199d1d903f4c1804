"""Kernel tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import BigInt, Json, UtcDateTime

revision = "20261124000000"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kernel_counter",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kernel_counter")),
    )
    op.create_table(
        "kernel_counter_delta",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_counter_delta")),
    )
    op.create_index(
        op.f("ix_kernel_counter_delta_name"), "kernel_counter_delta", ["name"], unique=False
    )
    op.create_table(
        "kernel_event",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(length=128), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("machine", sa.String(length=64), nullable=True),
        sa.Column("entity", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_kernel_event_event_id")),
        sa.UniqueConstraint("position", name=op.f("uq_kernel_event_position")),
        sa.UniqueConstraint(
            "reference", "sequence", name=op.f("uq_kernel_event_reference_sequence")
        ),
    )
    op.create_index(
        "ix_kernel_event_unsealed",
        "kernel_event",
        ["id"],
        unique=False,
        postgresql_where=sa.text("position IS NULL"),
        sqlite_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "kernel_event_counter",
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_kernel_event_counter")),
    )
    op.create_table(
        "kernel_history",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("machine", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("old", sa.String(length=64), nullable=True),
        sa.Column("new", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=128), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_history")),
    )
    op.create_index(
        op.f("ix_kernel_history_machine_entity_id"),
        "kernel_history",
        ["machine", "entity", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_kernel_history_reference_id"), "kernel_history", ["reference", "id"], unique=False
    )
    op.create_table(
        "kernel_idempotency",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("caller", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("route", sa.String(length=128), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", Json, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("claimed_until", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_idempotency")),
        sa.UniqueConstraint("caller", "key", name=op.f("uq_kernel_idempotency_caller_key")),
    )
    op.create_index(
        op.f("ix_kernel_idempotency_created_at"), "kernel_idempotency", ["created_at"], unique=False
    )
    op.create_table(
        "kernel_inbox",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_inbox")),
        sa.UniqueConstraint("source", "message_id", name=op.f("uq_kernel_inbox_source_message_id")),
    )
    op.create_index(
        "ix_kernel_inbox_unhandled",
        "kernel_inbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "kernel_number",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kernel_number")),
    )
    op.create_table(
        "kernel_task",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_detail", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_task")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_kernel_task_kind_key")),
    )
    op.create_index(
        "ix_kernel_task_dead",
        "kernel_task",
        ["kind", "finished_at"],
        unique=False,
        postgresql_where=sa.text("state = 'DEAD'"),
        sqlite_where=sa.text("state = 'DEAD'"),
    )
    op.create_index(
        "ix_kernel_task_done",
        "kernel_task",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("state = 'DONE'"),
        sqlite_where=sa.text("state = 'DONE'"),
    )
    op.create_index(
        "ix_kernel_task_due",
        "kernel_task",
        ["due"],
        unique=False,
        postgresql_where=sa.text("state = 'READY'"),
        sqlite_where=sa.text("state = 'READY'"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_kernel_task_due",
        table_name="kernel_task",
        postgresql_where=sa.text("state = 'READY'"),
        sqlite_where=sa.text("state = 'READY'"),
    )
    op.drop_index(
        "ix_kernel_task_done",
        table_name="kernel_task",
        postgresql_where=sa.text("state = 'DONE'"),
        sqlite_where=sa.text("state = 'DONE'"),
    )
    op.drop_index(
        "ix_kernel_task_dead",
        table_name="kernel_task",
        postgresql_where=sa.text("state = 'DEAD'"),
        sqlite_where=sa.text("state = 'DEAD'"),
    )
    op.drop_table("kernel_task")
    op.drop_table("kernel_number")
    op.drop_index(
        "ix_kernel_inbox_unhandled",
        table_name="kernel_inbox",
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.drop_table("kernel_inbox")
    op.drop_index(op.f("ix_kernel_idempotency_created_at"), table_name="kernel_idempotency")
    op.drop_table("kernel_idempotency")
    op.drop_index(op.f("ix_kernel_history_reference_id"), table_name="kernel_history")
    op.drop_index(op.f("ix_kernel_history_machine_entity_id"), table_name="kernel_history")
    op.drop_table("kernel_history")
    op.drop_table("kernel_event_counter")
    op.drop_index(
        "ix_kernel_event_unsealed",
        table_name="kernel_event",
        postgresql_where=sa.text("position IS NULL"),
        sqlite_where=sa.text("position IS NULL"),
    )
    op.drop_table("kernel_event")
    op.drop_index(op.f("ix_kernel_counter_delta_name"), table_name="kernel_counter_delta")
    op.drop_table("kernel_counter_delta")
    op.drop_table("kernel_counter")
