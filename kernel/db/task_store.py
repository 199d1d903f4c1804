"""The statements that carry the task engine (任务): take, renew, advance, bury, replay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, and_, delete, func, select, tuple_, update

from kernel.db.engine import is_postgresql
from kernel.db.tables import tasks
from kernel.db.work import connection, sql_work
from kernel.work import JsonMap, Work

READY: Final = "READY"
DONE: Final = "DONE"
DEAD: Final = "DEAD"
State = Literal["READY", "DONE", "DEAD"]
Lease = tuple[int, str]
"""A task's id and its owner."""

_MAX_CODE: Final = 64
_MAX_DETAIL: Final = 500


@dataclass(frozen=True)
class Taken:
    """A task under lease."""

    id: int
    kind: str
    key: str
    payload: JsonMap
    step: int
    owner: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True)
class Task:
    """A task as operators see it."""

    id: int
    kind: str
    key: str
    state: State
    step: int
    due: datetime
    owner: str | None
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    error_code: str | None
    error_detail: str | None


@dataclass(frozen=True)
class KindStats:
    """How one kind is doing."""

    ready: int
    """Tasks that wait or are being worked on."""
    attempts: int
    """Attempts so far of all those."""
    oldest_due: timedelta
    """How long the longest waiting one has been due; nothing when none is."""
    dead: int


_TAKEN: Final = [tasks.c[name] for name in Taken.__dataclass_fields__]
_SHOWN: Final = [tasks.c[name] for name in Task.__dataclass_fields__]


def _due(kinds: Collection[str], now: datetime) -> ColumnElement[bool]:
    return and_(tasks.c.state == READY, tasks.c.due <= now, tasks.c.kind.in_(sorted(kinds)))


async def anything_due(work: Work, kinds: Collection[str], now: datetime) -> bool:
    """Tell whether a take would find something, without locking anything."""
    found = await connection(work).execute(select(tasks.c.id).where(_due(kinds, now)).limit(1))
    return found.first() is not None


async def take(
    work: Work,
    kinds: Collection[str],
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
) -> Sequence[Taken]:
    """Take the longest due tasks; their due moment becomes the end of the lease."""
    conn = connection(work)
    oldest = select(tasks.c.id).where(_due(kinds, now)).order_by(tasks.c.due).limit(limit)
    if is_postgresql(conn):
        oldest = oldest.with_for_update(skip_locked=True)
    taken = await conn.execute(
        update(tasks)
        .where(tasks.c.id.in_(select(oldest.cte("oldest").c.id)))
        .values(owner=owner, due=now + lease, attempts=tasks.c.attempts + 1)
        .returning(*_TAKEN),
    )
    return [Taken(**row._mapping) for row in taken]  # noqa: SLF001 - public in SQLAlchemy


async def renew(work: Work, leases: Collection[Lease], until: datetime) -> set[Lease]:
    """Move the end of these leases; return those that are still held."""
    held = await connection(work).execute(
        update(tasks)
        .where(
            tuple_(tasks.c.id, tasks.c.owner).in_(sorted(leases)),
            tasks.c.state == READY,
        )
        .values(due=until)
        .returning(tasks.c.id, tasks.c.owner),
    )
    return {(task, owner) for task, owner in held}


async def _change(work: Work, taken: Taken, step: int, values: Mapping[str, Any]) -> bool:
    changed = await connection(work).execute(
        update(tasks)
        .where(
            tasks.c.id == taken.id,
            tasks.c.owner == taken.owner,
            tasks.c.step == step,
            tasks.c.state == READY,
        )
        .values(**values),
    )
    return changed.rowcount == 1


async def advance(
    work: Work,
    taken: Taken,
    step: int,
    *,
    last: bool,
    now: datetime,
    lease: timedelta,
) -> bool:
    """Move the task behind ``step``; False when the lease is lost."""
    values: dict[str, Any] = {
        "step": step + 1,
        "attempts": 1,
        "due": now + lease,
        "error_code": None,
        "error_detail": None,
    }
    if last:
        values |= {"state": DONE, "owner": None, "due": now, "finished_at": now}
    return await _change(work, taken, step, values)


async def finish_many(work: Work, many: Sequence[Taken], now: datetime) -> bool:
    """End tasks of one take at the step where they are; False when any lease is lost."""
    ended = await connection(work).execute(
        update(tasks)
        .where(
            tasks.c.id.in_([taken.id for taken in many]),
            tasks.c.owner.in_({taken.owner for taken in many}),
            tasks.c.step.in_({taken.step for taken in many}),
            tasks.c.state == READY,
        )
        .values(
            step=tasks.c.step + 1,
            attempts=1,
            state=DONE,
            owner=None,
            due=now,
            finished_at=now,
            error_code=None,
            error_detail=None,
        ),
    )
    return ended.rowcount == len(many)


async def save(work: Work, taken: Taken, step: int, payload: JsonMap) -> bool:
    """Replace the payload; False when the lease is lost."""
    return await _change(work, taken, step, {"payload": dict(payload)})


async def give_back(work: Work, taken: Taken, step: int, due: datetime) -> bool:
    """End the lease without counting the attempt; False when it is lost already."""
    values = {"owner": None, "due": due, "attempts": tasks.c.attempts - 1}
    return await _change(work, taken, step, values)


async def retry(
    work: Work,
    taken: Taken,
    step: int,
    *,
    due: datetime,
    code: str,
    detail: str,
) -> bool:
    """End the lease after a failed attempt; False when it is lost already."""
    values = {"owner": None, "due": due, **_error(code, detail)}
    return await _change(work, taken, step, values)


async def bury(
    work: Work,
    taken: Taken,
    step: int,
    *,
    now: datetime,
    code: str,
    detail: str,
) -> bool:
    """Give the task up; False when the lease is lost already."""
    values = {"owner": None, "state": DEAD, "finished_at": now, **_error(code, detail)}
    return await _change(work, taken, step, values)


def _error(code: str, detail: str) -> dict[str, str]:
    return {"error_code": code[:_MAX_CODE], "error_detail": detail[:_MAX_DETAIL]}


async def replay(work: Work, kind: str, key: str) -> bool:
    """Make a DEAD task due again at the step that failed; False when there is no such one."""
    unit = sql_work(work)
    raised = await unit.connection.execute(
        update(tasks)
        .where(tasks.c.kind == kind, tasks.c.key == key, tasks.c.state == DEAD)
        .values(state=READY, attempts=0, due=unit.works.clock.now(), finished_at=None),
    )
    if raised.rowcount != 1:
        return False
    unit.wrote.add("task")
    return True


async def find(work: Work, kind: str, key: str) -> Task | None:
    """Return one task."""
    found = await connection(work).execute(
        select(*_SHOWN).where(tasks.c.kind == kind, tasks.c.key == key),
    )
    row = found.first()
    return None if row is None else _shown(row)


async def dead(work: Work, *, after: int = 0, limit: int = 100) -> Sequence[Task]:
    """Return DEAD tasks in the order of their writing, behind the one with id ``after``."""
    found = await connection(work).execute(
        select(*_SHOWN)
        .where(tasks.c.state == DEAD, tasks.c.id > after)
        .order_by(tasks.c.id)
        .limit(limit),
    )
    return [_shown(row) for row in found]


def _shown(row: Row[Any]) -> Task:
    return Task(**row._mapping)  # noqa: SLF001 - public in SQLAlchemy


async def purge(work: Work, before: datetime, limit: int = 1000) -> int:
    """Delete up to ``limit`` DONE tasks that finished before a moment; return how many.

    A deleted key may be used again, so tasks are kept longer than anybody could repeat a request.
    """
    old = (
        select(tasks.c.id)
        .where(tasks.c.state == DONE, tasks.c.finished_at < before)
        .order_by(tasks.c.finished_at)
        .limit(limit)
    )
    gone = await connection(work).execute(delete(tasks).where(tasks.c.id.in_(old)))
    return gone.rowcount


async def stats(work: Work, now: datetime) -> dict[str, KindStats]:
    """Return how every kind with unfinished or DEAD tasks is doing."""
    counted = await connection(work).execute(
        select(
            tasks.c.kind,
            tasks.c.state,
            func.count(),
            func.sum(tasks.c.attempts),
            func.min(tasks.c.due),
        )
        .where(tasks.c.state.in_((READY, DEAD)))
        .group_by(tasks.c.kind, tasks.c.state),
    )
    found: dict[str, KindStats] = {}
    for kind, state, count, attempts, due in counted:
        old = found.get(kind, KindStats(0, 0, timedelta(), 0))
        if state == READY:
            late = max(now - due, timedelta())
            found[kind] = KindStats(count, int(attempts), late, old.dead)
        else:
            found[kind] = KindStats(old.ready, old.attempts, old.oldest_due, count)
    return found
