"""Units of work on a real database: what is written beside the business rows, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar, Token
from datetime import datetime
from types import TracebackType
from typing import Final, Literal

from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from kernel.clock import Clock
from kernel.db.base import INSERTS
from kernel.db.engine import Database, is_postgresql
from kernel.db.errors import DatabaseUnavailable, translated
from kernel.db.tables import event_counters, events, history, numbers, tasks
from kernel.ids import IdSource
from kernel.work import JsonMap, Move, Work, delegated, open_works

Wrote = Literal["task", "event"]
"""What others may be waiting for."""

CHANNELS: Final[dict[Wrote, str]] = {"task": "onewindow_task", "event": "onewindow_event"}
"""PostgreSQL's notification channels."""

# Built once: on the busiest path of all, building them costs as much as running them.
_HISTORY: Final = insert(history).inline()
_EVENT: Final = insert(events).inline()
_SEQUENCE: Final = {
    name: into(event_counters)
    .on_conflict_do_update(
        index_elements=["reference"],
        set_={"value": event_counters.c.value + 1},
    )
    .returning(event_counters.c.value)
    for name, into in INSERTS.items()
}
_TASK: Final = {
    name: into(tasks).on_conflict_do_nothing(index_elements=["kind", "key"]).returning(tasks.c.id)
    for name, into in INSERTS.items()
}
_NUMBER: Final = {
    name: into(numbers)
    .on_conflict_do_update(index_elements=["name"], set_={"value": numbers.c.value + 1})
    .returning(numbers.c.value)
    for name, into in INSERTS.items()
}

_current: ContextVar[SqlWork | None] = ContextVar("current_work", default=None)


class SqlWork:
    """One open unit of work; made by SqlWorks only."""

    def __init__(
        self, works: SqlWorks, conn: AsyncConnection, *, writes: bool, whole: bool = False
    ) -> None:
        self.works = works
        self.writes = writes
        self.whole = whole
        self.spoiled = False
        self.wrote: set[Wrote] = set()
        self.callbacks: list[Callable[[], None]] = []
        self.execution = asyncio.current_task()
        self._connection: AsyncConnection | None = conn

    @property
    def connection(self) -> AsyncConnection:
        """The transaction's connection. Raises RuntimeError after the unit has ended."""
        if self._connection is None:
            msg = "this unit of work has ended"
            raise RuntimeError(msg)
        return self._connection

    def require_sound(self) -> None:
        """Raise RuntimeError when an inner unit failed and the whole one goes on all the same."""
        if self.spoiled:
            msg = "an inner unit of work failed: the whole one cannot be committed"
            raise RuntimeError(msg)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection = None

    def _writable(self) -> AsyncConnection:
        if not self.writes:
            msg = "this unit of work was opened for reading"
            raise RuntimeError(msg)
        return self.connection

    async def moved(self, move: Move) -> None:
        conn = self._writable()
        move = delegated(move)
        await conn.execute(
            _HISTORY,
            {
                "machine": move.machine,
                "entity": move.entity,
                "old": move.old,
                "new": move.new,
                "event": move.event,
                "reference": move.reference,
                "actor": move.actor,
                "note": move.note,
                "at": self.works.clock.now(),
            },
        )
        await self._append(move.event, move.reference, move.data, move)

    async def emit(self, topic: str, reference: str, data: JsonMap) -> None:
        await self._append(topic, reference, data, None)

    async def _append(self, topic: str, reference: str, data: JsonMap, move: Move | None) -> None:
        conn = self._writable()
        # The counter's row stays locked until the end, so nobody else can take the next number
        # before this one is committed: no holes, and the order is the order of commits.
        counted = await conn.execute(
            _SEQUENCE[conn.dialect.name],
            {"reference": reference, "value": 1},
        )
        await conn.execute(
            _EVENT,
            {
                "event_id": self.works.ids.new("evt"),
                "reference": reference,
                "sequence": counted.scalar_one(),
                "topic": topic,
                "data": dict(data),
                "at": self.works.clock.now(),
                "machine": move.machine if move else None,
                "entity": move.entity if move else None,
                "actor": move.actor if move else None,
            },
        )
        self.wrote.add("event")

    async def enqueue(
        self,
        kind: str,
        key: str,
        payload: JsonMap | None = None,
        *,
        due: datetime | None = None,
    ) -> bool:
        conn = self._writable()
        now = self.works.clock.now()
        made = await conn.execute(
            _TASK[conn.dialect.name],
            {
                "kind": kind,
                "key": key,
                "payload": dict(payload or {}),
                "state": "READY",
                "step": 0,
                "due": due or now,
                "attempts": 0,
                "created_at": now,
            },
        )
        fresh = made.first() is not None
        if fresh:
            self.wrote.add("task")
        return fresh

    async def enqueue_many(self, kind: str, tasks: Sequence[tuple[str, JsonMap]]) -> None:
        """Write tasks of one kind, keys and payloads, all due at once; those there already stay."""
        conn = self._writable()
        now = self.works.clock.now()
        # In the order of their keys, so that two who write the same ones wait and do not deadlock.
        rows = [
            {
                "kind": kind,
                "key": key,
                "payload": dict(payload),
                "state": "READY",
                "step": 0,
                "due": now,
                "attempts": 0,
                "created_at": now,
            }
            for key, payload in sorted(tasks, key=lambda task: task[0])
        ]
        if rows:
            await conn.execute(_TASK[conn.dialect.name], rows)
            self.wrote.add("task")

    async def next_number(self, sequence: str) -> int:
        conn = self._writable()
        drawn = await conn.execute(_NUMBER[conn.dialect.name], {"name": sequence, "value": 1})
        value: int = drawn.scalar_one()
        return value

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once the outermost unit has committed; never when it rolls back."""
        self._writable()
        self.callbacks.append(callback)


def connection(work: Work) -> AsyncConnection:
    """Return the connection of a unit, for repositories. Raises TypeError for a foreign unit."""
    return sql_work(work).connection


def sql_work(work: Work) -> SqlWork:
    """Return the unit of work as what it is here. Raises TypeError for a foreign one."""
    if not isinstance(work, SqlWork):
        msg = f"{type(work).__name__} is not a unit of work of this database"
        raise TypeError(msg)
    return work


class SqlWorks:
    """Opens units of work on one database (WorkSource).

    A unit joins the one that the same asyncio task holds open already, as a savepoint: when the
    inner one fails and the outer one goes on, only the inner one's writes are lost. Another asyncio
    task never joins.
    """

    def __init__(self, database: Database, clock: Clock, ids: IdSource) -> None:
        self.database = database
        self.clock = clock
        self.ids = ids
        self._listeners: list[tuple[Wrote, Callable[[], None]]] = []

    def begin(self, *, whole: bool = False) -> AbstractAsyncContextManager[SqlWork]:
        """Open a transaction for writing.

        ``whole`` is for an outermost unit that always fails when an inner one does: inner units
        then need no savepoint, and when one of them fails nothing can be committed any more.

        Raises RuntimeError inside a unit that reads, AlreadyExists for a broken unique constraint,
        DatabaseBusy when locks or connections ran out, DatabaseUnavailable without a database.
        """
        open_work = self._joined()
        if open_work is None:
            return _Unit(self, writes=True, whole=whole)
        if not open_work.writes:
            msg = "a unit that writes cannot begin inside one that reads"
            raise RuntimeError(msg)
        return _Inner(open_work) if open_work.whole else _Savepoint(open_work)

    def read(self) -> AbstractAsyncContextManager[SqlWork]:
        """Open a unit for reading; inside another unit it reads what that one has written."""
        open_work = self._joined()
        return _Unit(self, writes=False) if open_work is None else _Joined(open_work)

    def on_commit(self, what: Wrote, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each commit here that wrote ``what``; returns the way to stop."""
        entry = (what, listener)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry)

    def _joined(self) -> SqlWork | None:
        work = _current.get()
        if work is None or work.works is not self or work.execution is not asyncio.current_task():
            return None
        return work

    def committed(self, work: SqlWork) -> None:
        """Wake whoever waits for what this unit wrote."""
        for what, listener in tuple(self._listeners):
            if what in work.wrote:
                listener()
        for callback in work.callbacks:
            callback()


class _Unit(AbstractAsyncContextManager[SqlWork]):
    """The outermost unit: it alone commits."""

    def __init__(self, works: SqlWorks, *, writes: bool, whole: bool = False) -> None:
        self._works = works
        self._writes = writes
        self._whole = whole
        engine = works.database.write if writes else works.database.read
        self._transaction = engine.begin() if writes else engine.connect()

    async def __aenter__(self) -> SqlWork:
        try:
            conn = await self._transaction.__aenter__()
        except OSError as exc:
            raise DatabaseUnavailable from exc
        except SQLAlchemyError as exc:
            raise_translated(exc)
            raise
        self._work = SqlWork(self._works, conn, writes=self._writes, whole=self._whole)
        self._marks: tuple[Token[SqlWork | None], Token[int]] = (
            _current.set(self._work),
            open_works.set(open_works.get() + 1),
        )
        return self._work

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                try:
                    self._work.require_sound()
                    await self._notify()
                except BaseException as exc:
                    await self._transaction.__aexit__(type(exc), exc, exc.__traceback__)
                    raise
            await self._transaction.__aexit__(kind, error, trace)
        except DBAPIError as exc:
            raise_translated(exc)
            raise
        finally:
            self._work.close()
            _current.reset(self._marks[0])
            open_works.reset(self._marks[1])
        if error is not None:
            raise_translated(error)
        elif self._writes:
            self._works.committed(self._work)

    async def _notify(self) -> None:
        if self._work.wrote and is_postgresql(self._work.connection):
            channels = [func.pg_notify(CHANNELS[what], "") for what in sorted(self._work.wrote)]
            await self._work.connection.execute(select(*channels))


class _Savepoint(AbstractAsyncContextManager[SqlWork]):
    """A unit inside a unit that writes."""

    def __init__(self, work: SqlWork) -> None:
        self._work = work
        self._savepoint: AsyncTransaction | None = None

    async def __aenter__(self) -> SqlWork:
        self._savepoint = await self._work.connection.begin_nested()
        return self._work

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._savepoint is None:
            return
        if error is None:
            await self._savepoint.commit()
            return
        await self._savepoint.rollback()
        raise_translated(error)


class _Inner(AbstractAsyncContextManager[SqlWork]):
    """A unit inside a whole one: it fails or succeeds with it."""

    def __init__(self, work: SqlWork) -> None:
        self._work = work

    async def __aenter__(self) -> SqlWork:
        return self._work

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._work.spoiled = True
            raise_translated(error)


class _Joined(AbstractAsyncContextManager[SqlWork]):
    """Reading inside a unit that is open anyway."""

    def __init__(self, work: SqlWork) -> None:
        self._work = work

    async def __aenter__(self) -> SqlWork:
        return self._work

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


def raise_translated(error: BaseException) -> None:
    """Raise the kernel error for what the database said, if there is one for it."""
    failure = translated(error)
    if failure is not None:
        raise failure from None
