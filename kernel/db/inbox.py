"""Keeps every verified message from outside once (收件箱), and the task that interprets it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from kernel.db.base import require_one, upsert
from kernel.db.tables import inbox
from kernel.db.work import connection, sql_work
from kernel.errors import StaleVersion
from kernel.work import JsonMap, Work


@dataclass(frozen=True)
class Message:
    """A message as it arrived."""

    id: int
    source: str
    message_id: str
    kind: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    handled_at: datetime | None
    outcome: str | None
    decoded: JsonMap | None = None
    """What was read from the body when it was verified: keys may have changed since."""


def _message(row: Row[Any]) -> Message:
    return Message(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


async def add(
    work: Work,
    *,
    source: str,
    message_id: str,
    kind: str,
    body: bytes,
    headers: Mapping[str, str],
    task_kind: str,
    decoded: JsonMap | None = None,
) -> bool:
    """Store a message and the task that will interpret it; False when it was here before.

    The task has the kind ``task_kind``, the key ``<source>:<message_id>`` and the payload
    ``{"inbox_id": …}``. ``headers`` must be chosen by the caller: none that carries a credential.
    ``decoded`` holds no personal data.
    """
    conn = connection(work)
    row = upsert(conn, inbox).values(
        source=source,
        message_id=message_id,
        kind=kind,
        body=body,
        headers=dict(headers),
        decoded=None if decoded is None else dict(decoded),
        received_at=sql_work(work).works.clock.now(),
    )
    row = row.on_conflict_do_nothing(index_elements=["source", "message_id"])
    fresh: int | None = (await conn.execute(row.returning(inbox.c.id))).scalar_one_or_none()
    if fresh is None:
        return False
    await work.enqueue(task_kind, f"{source}:{message_id}", {"inbox_id": fresh})
    return True


@dataclass(frozen=True)
class Arrival:
    """A message that is to be stored; see ``add`` for what its parts may hold."""

    source: str
    message_id: str
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    decoded: JsonMap | None = None


async def add_many(work: Work, arrivals: Sequence[Arrival], task_kind: str) -> int:
    """Store messages and the tasks that will interpret them; return how many are new.

    Two statements however many they are: what ``add`` does for one of them.
    """
    conn = connection(work)
    at = sql_work(work).works.clock.now()
    # Each once, and in one order for everybody: who stores the same ones waits, never deadlocks.
    each = {(one.source, one.message_id): one for one in arrivals}
    rows = [
        {
            "source": one.source,
            "message_id": one.message_id,
            "kind": one.kind,
            "body": one.body,
            "headers": dict(one.headers),
            "decoded": None if one.decoded is None else dict(one.decoded),
            "received_at": at,
        }
        for _, one in sorted(each.items())
    ]
    if not rows:
        return 0
    statement = upsert(conn, inbox).on_conflict_do_nothing(index_elements=["source", "message_id"])
    returning = statement.returning(inbox.c.id, inbox.c.source, inbox.c.message_id)
    fresh = (await conn.execute(returning, rows)).all()
    tasks: list[tuple[str, JsonMap]] = [
        (f"{row.source}:{row.message_id}", {"inbox_id": row.id}) for row in fresh
    ]
    await sql_work(work).enqueue_many(task_kind, tasks)
    return len(tasks)


async def decoded_many(work: Work, ids: Collection[int]) -> Mapping[int, JsonMap | None]:
    """Return what was read from messages that nobody has interpreted yet, without their bytes."""
    waiting = select(inbox.c.id, inbox.c.decoded).where(
        inbox.c.id.in_(ids), inbox.c.handled_at.is_(None)
    )
    found = await connection(work).execute(waiting)
    return {row.id: row.decoded for row in found}


async def get(work: Work, inbox_id: int) -> Message | None:
    """Return one message."""
    found = await connection(work).execute(select(inbox).where(inbox.c.id == inbox_id))
    row = found.first()
    return None if row is None else _message(row)


async def unhandled(work: Work, limit: int = 100, *, after: int = 0) -> Sequence[Message]:
    """Return the oldest messages that nobody has interpreted yet."""
    statement = (
        select(inbox)
        .where(inbox.c.handled_at.is_(None), inbox.c.id > after)
        .order_by(inbox.c.id)
        .limit(limit)
    )
    return [_message(row) for row in await connection(work).execute(statement)]


async def mark(work: Work, inbox_id: int, outcome: str) -> None:
    """Record what came of a message. Raises StaleVersion when that was recorded before."""
    require_one(
        await connection(work).execute(
            update(inbox)
            .where(inbox.c.id == inbox_id, inbox.c.handled_at.is_(None))
            .values(handled_at=sql_work(work).works.clock.now(), outcome=outcome),
        ),
    )


async def mark_many(work: Work, ids: Collection[int], outcome: str) -> None:
    """Record what came of messages. Raises StaleVersion when that was recorded for any before."""
    marked = await connection(work).execute(
        update(inbox)
        .where(inbox.c.id.in_(ids), inbox.c.handled_at.is_(None))
        .values(handled_at=sql_work(work).works.clock.now(), outcome=outcome),
    )
    if marked.rowcount != len(ids):
        raise StaleVersion(f"{marked.rowcount} rows matched, {len(ids)} were expected")
