"""Reads the history of state changes (状态变更历史); units of work write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from kernel.db.tables import history
from kernel.db.work import connection
from kernel.work import Work


@dataclass(frozen=True)
class Change:
    """One state change that happened."""

    id: int
    machine: str
    entity: str
    old: str | None
    new: str
    event: str
    reference: str
    actor: str
    note: str
    at: datetime


def _change(row: Row[Any]) -> Change:
    return Change(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


async def of_entity(
    work: Work,
    machine: str,
    entity: str,
    *,
    after: int = 0,
    limit: int = 200,
) -> Sequence[Change]:
    """Return the changes of one row, oldest first, after the change with id ``after``."""
    statement = (
        select(history)
        .where(history.c.machine == machine, history.c.entity == entity, history.c.id > after)
        .order_by(history.c.id)
        .limit(limit)
    )
    return [_change(row) for row in await connection(work).execute(statement)]


async def of_reference(
    work: Work,
    reference: str,
    *,
    after: int = 0,
    limit: int = 200,
) -> Sequence[Change]:
    """Return the changes of everything that belongs to one reference, oldest first."""
    statement = (
        select(history)
        .where(history.c.reference == reference, history.c.id > after)
        .order_by(history.c.id)
        .limit(limit)
    )
    return [_change(row) for row in await connection(work).execute(statement)]
