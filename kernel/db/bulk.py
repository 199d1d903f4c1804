"""Writes many rows at once: copied in on PostgreSQL, and state changes with their events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Table, column, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.db.base import text, upsert
from kernel.db.engine import is_postgresql
from kernel.db.errors import of_driver
from kernel.db.tables import event_counters, events, history
from kernel.db.work import sql_work
from kernel.work import MAX_REFERENCE, Move, Work

_CHUNK: Final = 5000
_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode


async def insert_many(
    conn: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows that all name the same columns; thousands of them in about a second.

    Raises AlreadyExists, when the unit ends at the latest, for a broken unique constraint, and
    DatabaseBusy when others hold what is needed.
    """
    if not rows:
        return
    if not is_postgresql(conn):
        await conn.execute(insert(table), list(rows))
        return
    # The driver begins the transaction with the first statement, and COPY is none to it.
    await conn.execute(select(1))
    names = list(rows[0])
    raw: Any = (await conn.get_raw_connection()).driver_connection
    documents = [name for name in names if isinstance(table.c[name].type, JSON)]
    plain = [name for name in names if name not in documents]
    records = _records(rows, plain, documents)
    try:
        await raw.copy_records_to_table(table.name, records=records, columns=plain + documents)
    except Exception as exc:
        failure = of_driver(exc)
        if failure is not None:
            raise failure from None
        raise


def _records(
    rows: Sequence[Mapping[str, Any]], plain: Sequence[str], documents: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    # The driver takes them one by one: a page of rows is never in memory twice.
    values: Iterator[tuple[Any, ...]]
    if len(plain) < 2:
        values = (tuple(row[name] for name in plain) for row in rows)
    else:
        values = map(itemgetter(*plain), rows)
    if not documents:
        return values
    return (
        (*told, *(_encoded(row[name]) for name in documents))
        for told, row in zip(values, rows, strict=True)
    )


async def _counted(conn: AsyncConnection, wanted: Mapping[str, int]) -> dict[str, int]:
    """Raise the counters of references by what each wants; return what they were before."""
    # In one order everywhere, so that two of these never wait for each other.
    names = sorted(wanted)
    counters = upsert(conn, event_counters)
    columns = (event_counters.c.reference, event_counters.c.value)
    rows: list[dict[str, Any]] | None = None
    if is_postgresql(conn):
        # Two parameters however many rows: a VALUES list of thousands costs more than the rows.
        arrays = (
            literal(names, ARRAY(text(MAX_REFERENCE))),
            literal([wanted[name] for name in names], ARRAY(BigInteger)),
        )
        listed = (
            func.unnest(*arrays).table_valued(column("name"), column("number")).render_derived()
        )
        counters = counters.from_select(columns, select(listed.c.name, listed.c.number))
    else:
        rows = [{"reference": name, "value": wanted[name]} for name in names]
    counted = counters.on_conflict_do_update(
        index_elements=["reference"],
        set_={"value": event_counters.c.value + counters.excluded.value},
    )
    returned = await conn.execute(counted.returning(*columns), rows)
    return {row.reference: row.value - wanted[row.reference] for row in returned}


async def moved_many(work: Work, moves: Sequence[Move]) -> None:
    """Do what ``work.moved`` does for each move, in order; for thousands of entities at once."""
    unit = sql_work(work)
    if not unit.writes:
        msg = "this unit of work was opened for reading"
        raise RuntimeError(msg)
    for start in range(0, len(moves), _CHUNK):
        await _chunk(work, moves[start : start + _CHUNK])
    if moves:
        unit.wrote.add("event")


async def _chunk(work: Work, moves: Sequence[Move]) -> None:
    unit = sql_work(work)
    conn, now = unit.connection, unit.works.clock.now()
    wanted = Counter(move.reference for move in moves)
    following = await _counted(conn, wanted)
    told, recorded = [], []
    for move in moves:
        following[move.reference] += 1
        told.append(
            {
                "event_id": unit.works.ids.new("evt"),
                "reference": move.reference,
                "sequence": following[move.reference],
                "topic": move.event,
                "data": dict(move.data),
                "at": now,
                "machine": move.machine,
                "entity": move.entity,
                "actor": move.actor,
            }
        )
        recorded.append(
            {
                "machine": move.machine,
                "entity": move.entity,
                "old": move.old,
                "new": move.new,
                "event": move.event,
                "reference": move.reference,
                "actor": move.actor,
                "note": move.note,
                "at": now,
            }
        )
    await insert_many(conn, history, recorded)
    del recorded
    await insert_many(conn, events, told)
