"""Reads the outgoing events (事件): all of them by a gapless cursor, or those of one reference."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, func, select, text, update

from kernel.db.engine import is_postgresql
from kernel.db.tables import events
from kernel.db.work import SqlWorks, connection
from kernel.work import JsonMap, Work

References = Collection[str] | Select[tuple[str]]
"""References one by one, or the statement that finds them."""
_SEAL_LOCK: Final = 0x7365616C  # "seal"
_SEAL_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Event:
    """One event as its readers see it."""

    event_id: str
    position: int | None
    """Place among all events; None until the event is sealed."""
    reference: str
    sequence: int
    """Place among the events of its reference: 1, 2, 3, without holes."""
    topic: str
    data: JsonMap
    at: datetime
    machine: str | None
    entity: str | None
    actor: str | None


_COLUMNS: Final = [column for column in events.c if column.name in Event.__dataclass_fields__]


def _event(row: Row[Any]) -> Event:
    return Event(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


class EventLog:
    """All events in one order that never changes.

    A row's id is given when it is written, not when it is committed, so a reader that follows ids
    can pass a slower transaction's event and never see it. Positions are therefore given later, to
    committed rows only, by one sealer at a time: once a position can be read, no smaller one can
    appear.
    """

    def __init__(self, works: SqlWorks) -> None:
        self._works = works

    async def seal(self, limit: int = _SEAL_AT_ONCE) -> int:
        """Give committed events their positions, in the order of their ids; return how many."""
        async with self._works.begin() as work:
            return await _seal(work, limit)

    async def read_after(
        self,
        position: int,
        limit: int = 100,
        references: References | None = None,
        topic: str | None = None,
    ) -> Sequence[Event]:
        """Return up to ``limit`` events behind ``position`` (0: all), of some references or of one
        topic if given.

        References are given one by one, or by the statement that finds them. Seals what was
        committed since the last reader came. Must not be called inside a unit of work that reads.
        """
        if await self._is_waiting():
            await self.seal()
        statement = select(*_COLUMNS).where(events.c.position > position)
        if references is not None:
            statement = statement.where(events.c.reference.in_(references))
        if topic is not None:
            statement = statement.where(events.c.topic == topic)
        async with self._works.read() as work:
            rows = await connection(work).execute(
                statement.order_by(events.c.position).limit(limit)
            )
            return [_event(row) for row in rows]

    async def newest(self) -> int:
        """Seal what was committed and return the newest position."""
        while await self._is_waiting():
            await self.seal()
        return await self.last_position()

    async def last_position(self) -> int:
        """Return the newest position; 0 when nothing is sealed."""
        async with self._works.read() as work:
            return await _last(work)

    async def _is_waiting(self) -> bool:
        async with self._works.read() as work:
            waiting = select(events.c.id).where(events.c.position.is_(None)).limit(1)
            return (await connection(work).execute(waiting)).first() is not None


async def _last(work: Work) -> int:
    found = await connection(work).execute(select(func.max(events.c.position)))
    last: int | None = found.scalar_one()
    return last or 0


async def _seal(work: Work, limit: int) -> int:
    conn = connection(work)
    if is_postgresql(conn):
        # A statement of its own: the next one must see what the sealer before us committed.
        await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEAL_LOCK})
    fresh = (
        select(events.c.id, func.row_number().over(order_by=events.c.id).label("place"))
        .where(events.c.position.is_(None))
        .order_by(events.c.id)
        .limit(limit)
        .subquery("fresh")
    )
    last = select(func.coalesce(func.max(events.c.position), 0)).scalar_subquery()
    sealed = await conn.execute(
        update(events).where(events.c.id == fresh.c.id).values(position=last + fresh.c.place),
    )
    return sealed.rowcount


async def timeline(
    work: Work,
    reference: str,
    *,
    after: int = 0,
    limit: int = 200,
) -> Sequence[Event]:
    """Return the events of one reference behind sequence number ``after``, in their order."""
    statement = (
        select(*_COLUMNS)
        .where(events.c.reference == reference, events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    return [_event(row) for row in await connection(work).execute(statement)]
