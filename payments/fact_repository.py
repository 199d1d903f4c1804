"""The SQL of attempts, facts and money without a bill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select, update

from kernel.db.base import require_one, upsert
from kernel.db.errors import AlreadyExists, is_duplicate
from kernel.db.work import connection
from kernel.money import Fen
from kernel.work import Work
from payments import tables as t
from payments.model import (
    Attempt,
    AttemptState,
    Bill,
    Channel,
    FactSource,
    Outcome,
    PaymentFact,
    UnmatchedPayment,
)

_UNSETTLED_MONEY: Final = t.unmatched.c.matched_at.is_(None)


class SqlFacts:
    """The part of payments.stores.BillRepository that is about money."""

    async def attempts(self, work: Work, bill_id: str) -> Sequence[Attempt]:
        statement = select(t.attempt).where(t.attempt.c.bill_id == bill_id).order_by(t.attempt.c.id)
        return [attempt_of(row) for row in await connection(work).execute(statement)]

    async def put_attempt(self, work: Work, attempt: Attempt) -> bool:
        conn = connection(work)
        values = {
            "state": str(attempt.state),
            "tra_no": attempt.tra_no or None,
            "amount_fen": attempt.amount_fen,
            "channel": None if attempt.channel is None else str(attempt.channel),
            "channel_raw": attempt.channel_raw,
            "settled_at": attempt.settled_at,
            "day": attempt.day,
        }
        statement = upsert(conn, t.attempt).values(
            attempt_id=attempt.attempt_id,
            bill_id=attempt.bill_id,
            opened_here=attempt.opened_here,
            opened_at=attempt.opened_at,
            **values,
        )
        change = statement.on_conflict_do_update(index_elements=["attempt_id"], set_=values)
        savepoint = await conn.begin_nested()
        try:
            await conn.execute(change)
        except BaseException as exc:
            await savepoint.rollback()
            if attempt.tra_no and is_duplicate(exc):
                return False
            raise
        await savepoint.commit()
        return True

    async def add_fact(
        self,
        work: Work,
        fact_id: str,
        bill: Bill,
        fact: PaymentFact,
        outcome: Outcome,
        at: datetime,
    ) -> None:
        conn = connection(work)
        row = upsert(conn, t.fact).values(**fact_row(fact_id, bill, fact, outcome, at))
        row = row.on_conflict_do_nothing(index_elements=["dedupe_key"])
        if (await conn.execute(row.returning(t.fact.c.id))).first() is None:
            raise AlreadyExists("this payment fact is stored already")

    async def fact_outcome(self, work: Work, key: str) -> Outcome | None:
        statement = select(t.fact.c.outcome).where(t.fact.c.dedupe_key == key)
        found = (await connection(work).execute(statement)).scalar_one_or_none()
        return None if found is None else Outcome(found)

    async def note_unmatched(self, work: Work, fact: PaymentFact, at: datetime) -> str:
        conn = connection(work)
        row = upsert(conn, t.unmatched).values(
            dedupe_key=fact.money_key,
            source=str(fact.source),
            pay_code=fact.pay_code,
            tra_no=fact.tra_no,
            amount_fen=fact.amount_fen,
            paid_at=fact.paid_at,
            first_seen=at,
            last_seen=at,
            times=1,
        )
        row = row.on_conflict_do_update(
            index_elements=["dedupe_key"],
            set_={"times": t.unmatched.c.times + 1, "last_seen": at},
        )
        returned = row.returning(t.unmatched.c.resolution)
        resolution: str = (await conn.execute(returned)).scalar_one()
        return resolution

    async def matched(self, work: Work, fact: PaymentFact, at: datetime) -> None:
        statement = (
            update(t.unmatched)
            .where(t.unmatched.c.dedupe_key == fact.money_key, _UNSETTLED_MONEY)
            .values(matched_at=at)
        )
        await connection(work).execute(statement)

    async def unmatched(self, work: Work, limit: int) -> Sequence[UnmatchedPayment]:
        statement = select(t.unmatched).where(_UNSETTLED_MONEY).order_by(t.unmatched.c.id)
        found = await connection(work).execute(statement.limit(limit))
        return [_unmatched(row) for row in found]

    async def unmatched_one(self, work: Work, key: str) -> UnmatchedPayment | None:
        statement = select(t.unmatched).where(_UNSETTLED_MONEY, t.unmatched.c.dedupe_key == key)
        row = (await connection(work).execute(statement.with_for_update())).first()
        return None if row is None else _unmatched(row)

    async def settle_unmatched(self, work: Work, key: str, resolution: str, at: datetime) -> None:
        statement = (
            update(t.unmatched)
            .where(_UNSETTLED_MONEY, t.unmatched.c.dedupe_key == key)
            .values(resolution=resolution, matched_at=at)
        )
        require_one(await connection(work).execute(statement))

    async def reserve(self, work: Work, attempt_id: str, amount_fen: Fen) -> bool:
        after = t.attempt.c.reserved_fen + amount_fen
        statement = (
            update(t.attempt)
            .where(t.attempt.c.attempt_id == attempt_id, after <= t.attempt.c.amount_fen)
            .values(reserved_fen=after)
        )
        return (await connection(work).execute(statement)).rowcount == 1

    async def release(self, work: Work, attempt_id: str, amount_fen: Fen) -> None:
        statement = (
            update(t.attempt)
            .where(t.attempt.c.attempt_id == attempt_id)
            .values(reserved_fen=t.attempt.c.reserved_fen - amount_fen)
        )
        require_one(await connection(work).execute(statement))


def _unmatched(row: Row[Any]) -> UnmatchedPayment:
    return UnmatchedPayment(
        pay_code=row.pay_code,
        tra_no=row.tra_no,
        amount_fen=Fen(row.amount_fen),
        source=FactSource(row.source),
        first_seen=row.first_seen,
        times=row.times,
        key=row.dedupe_key,
        paid_at=row.paid_at,
    )


def attempt_of(row: Row[Any]) -> Attempt:
    """Return the attempt of a row."""
    return Attempt(
        attempt_id=row.attempt_id,
        bill_id=row.bill_id,
        opened_here=row.opened_here,
        state=AttemptState(row.state),
        opened_at=row.opened_at,
        tra_no=row.tra_no or "",
        amount_fen=None if row.amount_fen is None else Fen(row.amount_fen),
        channel=None if row.channel is None else Channel(row.channel),
        channel_raw=row.channel_raw,
        settled_at=row.settled_at,
        day=row.day,
        reserved_fen=Fen(row.reserved_fen),
    )


def fact_row(
    fact_id: str, bill: Bill, fact: PaymentFact, outcome: Outcome, at: datetime
) -> dict[str, Any]:
    """Return the row of a fact."""
    return {
        "fact_id": fact_id,
        "dedupe_key": fact.key,
        "bill_id": bill.bill_id,
        "source": str(fact.source),
        "pay_code": fact.pay_code,
        "tra_no": fact.tra_no,
        "amount_fen": fact.amount_fen,
        "original_fen": fact.original_fen,
        "delay_fen": fact.delay_fen,
        "paid_at": fact.paid_at,
        "channel": str(fact.channel),
        "channel_raw": fact.channel_raw,
        "account": fact.account,
        "outcome": str(outcome),
        "received_at": at,
    }
