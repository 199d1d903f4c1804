"""The SQL of people's decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy import text as sql

from kernel.db.base import require_one, upsert
from kernel.db.work import connection
from kernel.work import Work
from payments import tables as t
from payments.ruling_model import Decision, Ruling, RulingState, Subject


class SqlRulings:
    """Keeps decisions in the database (payments.stores.RulingRepository)."""

    async def add_ruling(self, work: Work, ruling: Ruling) -> bool:
        conn = connection(work)
        row = upsert(conn, t.ruling).values(
            ruling_id=ruling.ruling_id,
            subject=str(ruling.subject),
            subject_key=ruling.key,
            decision=str(ruling.decision),
            bill_id=ruling.bill_id,
            note=ruling.note,
            proposed_by=ruling.proposed_by,
            proposed_at=ruling.proposed_at,
            state=str(ruling.state),
            confirmed_by=ruling.confirmed_by,
            confirmed_at=ruling.confirmed_at,
            version=ruling.version,
        )
        row = row.on_conflict_do_nothing(
            index_elements=["subject", "subject_key"], index_where=sql("state = 'proposed'")
        )
        return (await conn.execute(row.returning(t.ruling.c.id))).first() is not None

    async def get_ruling(self, work: Work, ruling_id: str) -> Ruling | None:
        statement = select(t.ruling).where(t.ruling.c.ruling_id == ruling_id).with_for_update()
        row = (await connection(work).execute(statement)).first()
        return None if row is None else _ruling(row)

    async def save_ruling(self, work: Work, ruling: Ruling) -> Ruling:
        saved = replace(ruling, version=ruling.version + 1)
        statement = (
            update(t.ruling)
            .where(t.ruling.c.ruling_id == ruling.ruling_id, t.ruling.c.version == ruling.version)
            .values(
                state=str(saved.state),
                confirmed_by=saved.confirmed_by,
                confirmed_at=saved.confirmed_at,
                version=saved.version,
            )
        )
        require_one(await connection(work).execute(statement))
        return saved

    async def open_rulings(self, work: Work, limit: int) -> Sequence[Ruling]:
        statement = (
            select(t.ruling)
            .where(t.ruling.c.state == str(RulingState.PROPOSED))
            .order_by(t.ruling.c.id)
            .limit(limit)
        )
        return [_ruling(row) for row in await connection(work).execute(statement)]


def _ruling(row: Row[Any]) -> Ruling:
    return Ruling(
        ruling_id=row.ruling_id,
        subject=Subject(row.subject),
        key=row.subject_key,
        decision=Decision(row.decision),
        note=row.note,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        bill_id=row.bill_id,
        state=RulingState(row.state),
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        version=row.version,
    )
