"""The SQL that books many plain payments at once: sets of rows, never one by one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import or_, select, update

from kernel.db.base import upsert
from kernel.db.bulk import insert_many, moved_many
from kernel.db.work import connection, sql_work
from kernel.errors import StaleVersion
from kernel.work import JsonMap, Move, Work
from payments import tables as t
from payments.fact_repository import attempt_of, fact_row
from payments.model import Attempt, Outcome
from payments.stores import Settled

_SETTLED_OUTCOMES: Final = sorted(str(each) for each in Outcome if each.acknowledged)


class SqlBulk:
    """The part of payments.stores.PaymentRepository that writes sets."""

    async def settled_keys(self, work: Work, keys: Collection[str]) -> Collection[str]:
        stored = select(t.fact.c.dedupe_key).where(
            t.fact.c.dedupe_key.in_(keys), t.fact.c.outcome.in_(_SETTLED_OUTCOMES)
        )
        return (await connection(work).execute(stored)).scalars().all()

    async def attempts_among(
        self, work: Work, bill_ids: Collection[str], tra_nos: Collection[str]
    ) -> Sequence[Attempt]:
        known = or_(t.attempt.c.bill_id.in_(bill_ids), t.attempt.c.tra_no.in_(tra_nos))
        statement = select(t.attempt).where(known).order_by(t.attempt.c.id)
        return [attempt_of(row) for row in await connection(work).execute(statement)]

    async def settle_many(
        self,
        work: Work,
        settled: Sequence[Settled],
        moves: Sequence[Move],
        tasks: Sequence[tuple[str, str, JsonMap]],
    ) -> None:
        conn, unit = connection(work), sql_work(work)
        await _put_attempts(work, [one.attempt for one in settled])
        facts = [fact_row(s.fact_id, s.before, s.fact, Outcome.PAID, s.at) for s in settled]
        await insert_many(conn, t.fact, facts)
        money = [one.fact.money_key for one in settled]
        await conn.execute(
            update(t.unmatched)
            .where(t.unmatched.c.dedupe_key.in_(money), t.unmatched.c.matched_at.is_(None))
            .values(matched_at=unit.works.clock.now())
        )
        await _pay(work, settled)
        await moved_many(work, moves)
        for kind in sorted({kind for kind, _, _ in tasks}):
            mine = [(key, payload) for name, key, payload in tasks if name == kind]
            await unit.enqueue_many(kind, mine)


async def _put_attempts(work: Work, attempts: Sequence[Attempt]) -> None:
    """Store new attempts, and those that were opened here."""
    conn = connection(work)
    rows = [
        {
            "attempt_id": one.attempt_id,
            "bill_id": one.bill_id,
            "opened_here": one.opened_here,
            "opened_at": one.opened_at,
            "state": str(one.state),
            "tra_no": one.tra_no,
            "amount_fen": one.amount_fen,
            "channel": None if one.channel is None else str(one.channel),
            "channel_raw": one.channel_raw,
            "settled_at": one.settled_at,
            "day": one.day,
        }
        for one in attempts
    ]
    await insert_many(conn, t.attempt, [row for row in rows if not row["opened_here"]])
    opened = [row for row in rows if row["opened_here"]]
    if opened:
        statement = upsert(conn, t.attempt)
        names = ("state", "tra_no", "amount_fen", "channel", "channel_raw", "settled_at", "day")
        new = {name: statement.excluded[name] for name in names}
        await conn.execute(
            statement.on_conflict_do_update(index_elements=["attempt_id"], set_=new), opened
        )


async def _pay(work: Work, settled: Sequence[Settled]) -> None:
    """Make the bills PAID with what their attempts say; nothing else about a plain bill changes."""
    paid = [one.paid for one in settled]
    statement = (
        update(t.bill)
        .where(
            t.bill.c.bill_id == t.attempt.c.bill_id,
            t.attempt.c.attempt_id.in_([one.attempt.attempt_id for one in settled]),
            t.bill.c.pay.in_(sorted({str(one.before.pay) for one in settled})),
            t.bill.c.exceptions == "",
        )
        .values(
            pay=str(paid[0].pay),
            paid_at=t.attempt.c.settled_at,
            paid_fen=t.attempt.c.amount_fen,
            updated_at=paid[0].updated_at,
            version=t.bill.c.version + 1,
        )
    )
    changed = (await connection(work).execute(statement)).rowcount
    if changed != len(settled):
        raise StaleVersion(f"{changed} bills were paid, {len(settled)} were expected")
