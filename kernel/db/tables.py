"""The tables of the kernel: history, events, audit, tasks, inbox, keys, numbers and counters."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql

from kernel.db.base import Json, UtcDateTime, id_column, metadata, text
from kernel.work import MAX_REFERENCE

MAX_KEY: Final = 255
"""Longest key of a task and longest Idempotency-Key, in characters."""

history: Final = Table(
    "kernel_history",
    metadata,
    id_column(),
    Column("machine", text(64), nullable=False),
    Column("entity", text(64), nullable=False),
    Column("old", text(64)),
    Column("new", text(64), nullable=False),
    Column("event", text(128), nullable=False),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("actor", text(128), nullable=False),
    Column("note", text(500), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "machine", "entity", "id"),
    Index(None, "reference", "id"),
)

events: Final = Table(
    "kernel_event",
    metadata,
    id_column(),
    Column("event_id", text(64), nullable=False),
    Column("position", BigInteger),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("topic", text(128), nullable=False),
    Column("data", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("machine", text(64)),
    Column("entity", text(64)),
    Column("actor", text(128)),
    UniqueConstraint("event_id"),
    UniqueConstraint("position"),
    UniqueConstraint("reference", "sequence"),
    Index(
        "ix_kernel_event_unsealed",
        "id",
        postgresql_where=sql("position IS NULL"),
        sqlite_where=sql("position IS NULL"),
    ),
)

audit: Final = Table(
    "kernel_audit",
    metadata,
    id_column(),
    # Text, not JSON: the digest is over these very bytes.
    Column("body", Text, nullable=False),
    Column("leaf", text(64), nullable=False),
    Column("seal_seq", BigInteger),
    Column("chain", text(64)),
    # What is searched for, repeated from the body; the check of the trail compares them.
    Column("at", UtcDateTime, nullable=False),
    Column("action", text(64), nullable=False),
    Column("category", text(1), nullable=False),
    Column("actor", text(128), nullable=False),
    Column("result", text(8), nullable=False),
    Column("reference", text(MAX_REFERENCE), nullable=False),
    UniqueConstraint("seal_seq"),
    Index(None, "actor", "id"),
    Index(None, "reference", "id"),
    Index(
        "ix_kernel_audit_unsealed",
        "id",
        postgresql_where=sql("seal_seq IS NULL"),
        sqlite_where=sql("seal_seq IS NULL"),
    ),
)

audit_checkpoints: Final = Table(
    "kernel_audit_checkpoint",
    metadata,
    Column("seal_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("signature", text(160), nullable=False),
    Column("key_id", text(64), nullable=False),
)

event_counters: Final = Table(
    "kernel_event_counter",
    metadata,
    Column("reference", text(MAX_REFERENCE), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

numbers: Final = Table(
    "kernel_number",
    metadata,
    Column("name", text(128), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

tasks: Final = Table(
    "kernel_task",
    metadata,
    id_column(),
    Column("kind", text(64), nullable=False),
    Column("key", text(MAX_KEY), nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", text(8), nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("due", UtcDateTime, nullable=False),
    Column("owner", text(64)),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("error_code", text(64)),
    Column("error_detail", text(500)),
    UniqueConstraint("kind", "key"),
    Index(
        "ix_kernel_task_due",
        "due",
        postgresql_where=sql("state = 'READY'"),
        sqlite_where=sql("state = 'READY'"),
    ),
    Index(
        "ix_kernel_task_dead",
        "kind",
        "finished_at",
        postgresql_where=sql("state = 'DEAD'"),
        sqlite_where=sql("state = 'DEAD'"),
    ),
    Index(
        "ix_kernel_task_done",
        "finished_at",
        postgresql_where=sql("state = 'DONE'"),
        sqlite_where=sql("state = 'DONE'"),
    ),
)

inbox: Final = Table(
    "kernel_inbox",
    metadata,
    id_column(),
    Column("source", text(64), nullable=False),
    Column("message_id", text(128), nullable=False),
    Column("kind", text(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("handled_at", UtcDateTime),
    Column("outcome", text(64)),
    Column("decoded", Json),
    UniqueConstraint("source", "message_id"),
    Index(
        "ix_kernel_inbox_unhandled",
        "id",
        postgresql_where=sql("handled_at IS NULL"),
        sqlite_where=sql("handled_at IS NULL"),
    ),
)

idempotency: Final = Table(
    "kernel_idempotency",
    metadata,
    id_column(),
    Column("caller", text(128), nullable=False),
    Column("key", text(MAX_KEY), nullable=False),
    Column("fingerprint", text(64), nullable=False),
    Column("route", text(128), nullable=False),
    Column("status", SmallInteger),
    Column("headers", Json),
    Column("body", LargeBinary),
    Column("claimed_until", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("caller", "key"),
    Index(None, "created_at"),
)

counters: Final = Table(
    "kernel_counter",
    metadata,
    Column("name", text(128), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

counter_deltas: Final = Table(
    "kernel_counter_delta",
    metadata,
    id_column(),
    Column("name", text(128), nullable=False),
    Column("delta", BigInteger, nullable=False),
    Index(None, "name"),
)
