"""Counts without a hot row (计数器): writers append deltas, a task folds them, readers add both."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import delete, func, insert, select, union_all

from kernel.db.base import upsert
from kernel.db.engine import is_postgresql
from kernel.db.tables import counter_deltas, counters
from kernel.db.work import connection
from kernel.work import Work


async def add(work: Work, name: str, delta: int = 1) -> None:
    """Change a counter; takes no lock that another writer waits for."""
    await connection(work).execute(insert(counter_deltas).values(name=name, delta=delta))


async def read(work: Work, prefix: str) -> dict[str, int]:
    """Return every counter named ``prefix…``; one statement, so nothing is counted twice."""
    both = union_all(
        select(counters.c.name, counters.c.value),
        select(counter_deltas.c.name, counter_deltas.c.delta),
    ).subquery("both")
    statement = (
        select(both.c.name, func.sum(both.c.value))
        .where(both.c.name.startswith(prefix, autoescape=True))
        .group_by(both.c.name)
    )
    return {name: int(value) for name, value in await connection(work).execute(statement)}


async def fold(work: Work, limit: int = 5000) -> int:
    """Move up to ``limit`` deltas into their counters; return how many. Several may fold."""
    conn = connection(work)
    oldest = select(counter_deltas.c.id).order_by(counter_deltas.c.id).limit(limit)
    if is_postgresql(conn):
        oldest = oldest.with_for_update(skip_locked=True)
    taken = await conn.execute(
        delete(counter_deltas)
        .where(counter_deltas.c.id.in_(select(oldest.cte("oldest").c.id)))
        .returning(counter_deltas.c.name, counter_deltas.c.delta),
    )
    rows = taken.all()
    sums: Counter[str] = Counter()
    for name, delta in rows:
        sums[name] += delta
    # Sorted, so that two who fold at the same time lock the counters in the same order.
    for name in sorted(sums):
        row = upsert(conn, counters).values(name=name, value=sums[name])
        await conn.execute(
            row.on_conflict_do_update(
                index_elements=["name"],
                set_={"value": counters.c.value + row.excluded.value},
            ),
        )
    return len(rows)
