"""Writes many state changes at once: history and events in a few statements, numbered densely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import insert

from kernel.db.base import upsert
from kernel.db.tables import event_counters, events, history
from kernel.db.work import sql_work
from kernel.work import Move, Work

_CHUNK = 1000


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
    counters = upsert(conn, event_counters)
    # In one order everywhere, so that two of these never wait for each other.
    rows = [{"reference": name, "value": wanted[name]} for name in sorted(wanted)]
    counted = counters.values(rows).on_conflict_do_update(
        index_elements=["reference"],
        set_={"value": event_counters.c.value + counters.excluded.value},
    )
    returned = await conn.execute(
        counted.returning(event_counters.c.reference, event_counters.c.value)
    )
    following = {row.reference: row.value - wanted[row.reference] for row in returned}
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
    await conn.execute(insert(history), recorded)
    await conn.execute(insert(events), told)
