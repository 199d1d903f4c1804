"""The SQL of differences: what one side has and the other has not, as work for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select, update

from kernel.db.base import require_one, upsert
from kernel.db.work import connection, sql_work
from kernel.money import Fen
from kernel.work import Work
from payments import tables as p
from payments.model import MONEY_ATTEMPTS
from payments.reconciliation import tables as t
from payments.reconciliation.model import (
    PAYMENT_KINDS,
    REFUND_KINDS,
    Difference,
    DifferenceKind,
    DifferenceState,
    StoredFile,
    Unlisted,
)
from payments.reconciliation.repository import found
from payments.refund_model import RefundStep
from payments.states import COUNTED_REFUND

_MONEY: Final = sorted(str(state) for state in MONEY_ATTEMPTS)
_OPEN: Final = str(DifferenceState.OPEN)
_GONE: Final = str(DifferenceState.GONE)
_OF_OURS: Final = (str(DifferenceKind.SHORT), str(DifferenceKind.REFUND_SHORT))
"""Kinds about money of ours that no file lists; the others are about a line of a file."""
_COUNTED: Final = sorted(str(step) for step in COUNTED_REFUND)


class SqlDifferences:
    """The part of payments.reconciliation.ports.ReconRepository that is about disagreement."""

    async def unlisted(
        self, work: Work, division: str, until: date, limit: int
    ) -> Sequence[Unlisted]:
        a, b = p.attempt, p.bill
        statement = (
            select(a.c.attempt_id, a.c.bill_id, b.c.pay_code, a.c.tra_no, a.c.amount_fen, a.c.day)
            .join(b, b.c.bill_id == a.c.bill_id)
            .where(
                b.c.division == division,
                a.c.matched_line.is_(None),
                a.c.state.in_(_MONEY),
                a.c.day <= until,
                _file_is_here(division, a.c.day),
                ~_covered(PAYMENT_KINDS, b.c.pay_code, func.coalesce(a.c.tra_no, ""), ""),
            )
            .order_by(a.c.id)
            .limit(limit)
        )
        return [
            Unlisted(
                row.attempt_id,
                row.bill_id,
                row.pay_code,
                row.tra_no or "",
                "",
                Fen(row.amount_fen),
                row.day,
            )
            for row in await connection(work).execute(statement)
        ]

    async def unlisted_refunds(
        self, work: Work, division: str, until: date, limit: int
    ) -> Sequence[Unlisted]:
        r, b = p.refund, p.bill
        statement = (
            select(r)
            .outerjoin(b, b.c.bill_id == r.c.bill_id)
            .where(
                or_(b.c.division == division, r.c.bill_id == ""),
                r.c.matched_line.is_(None),
                r.c.step == str(RefundStep.DONE),
                r.c.refunded_on <= until,
                _file_is_here(division, r.c.refunded_on),
                ~_covered(REFUND_KINDS, r.c.pay_code, r.c.tra_no, r.c.refund_no),
            )
            .order_by(r.c.id)
            .limit(limit)
        )
        return [
            Unlisted(
                row.refund_id,
                row.bill_id,
                row.pay_code,
                row.tra_no,
                row.refund_no,
                Fen(row.amount_fen),
                row.refunded_on,
            )
            for row in await connection(work).execute(statement)
        ]

    async def put_difference(self, work: Work, difference: Difference) -> bool:
        conn = connection(work)
        d = t.difference
        row = upsert(conn, d).values(
            difference_id=difference.difference_id,
            division=difference.division,
            day=difference.day,
            kind=str(difference.kind),
            pay_code=difference.pay_code,
            tra_no=difference.tra_no,
            refund_no=difference.refund_no,
            opened_at=difference.opened_at,
            version=difference.version,
            **_changing(difference),
        )
        row = row.on_conflict_do_nothing(
            index_elements=["division", "day", "kind", "pay_code", "tra_no", "refund_no"]
        )
        if (await conn.execute(row.returning(d.c.id))).first() is not None:
            return True
        same = and_(
            d.c.division == difference.division,
            d.c.day == difference.day,
            d.c.kind == str(difference.kind),
            d.c.pay_code == difference.pay_code,
            d.c.tra_no == difference.tra_no,
            d.c.refund_no == difference.refund_no,
        )
        await conn.execute(
            update(d)
            .where(same, d.c.state != str(DifferenceState.RESOLVED))
            .values(
                state=_OPEN,
                closed_at=None,
                revision=difference.revision,
                line_id=difference.line_id,
                ours_fen=difference.ours_fen,
                theirs_fen=difference.theirs_fen,
                version=d.c.version + 1,
            )
        )
        return False

    async def difference(self, work: Work, difference_id: str) -> Difference | None:
        statement = select(t.difference).where(t.difference.c.difference_id == difference_id)
        if sql_work(work).writes:
            statement = statement.with_for_update()
        row = (await connection(work).execute(statement)).first()
        return None if row is None else _difference(row)

    async def differences(
        self,
        work: Work,
        *,
        division: str | None = None,
        day: date | None = None,
        only_open: bool = True,
        limit: int = 100,
    ) -> Sequence[Difference]:
        d = t.difference
        statement = select(d).order_by(d.c.id).limit(limit)
        if division is not None:
            statement = statement.where(d.c.division == division)
        if day is not None:
            statement = statement.where(d.c.day == day)
        if only_open:
            statement = statement.where(d.c.state == _OPEN)
        return [_difference(row) for row in await connection(work).execute(statement)]

    async def save_difference(self, work: Work, difference: Difference) -> Difference:
        saved = replace(difference, version=difference.version + 1)
        d = t.difference
        statement = (
            update(d)
            .where(
                d.c.difference_id == difference.difference_id,
                d.c.version == difference.version,
            )
            .values(version=saved.version, **_changing(saved))
        )
        require_one(await connection(work).execute(statement))
        return saved

    async def close_gone(self, work: Work, file: StoredFile, at: datetime) -> int:
        d, a, r = t.difference, p.attempt, p.refund
        stale = (d.c.day == file.day) & ((d.c.revision < file.revision) | found(d.c.line_id))
        listed = exists().where(
            a.c.tra_no == d.c.tra_no, a.c.matched_line.is_not(None), d.c.tra_no != ""
        )
        returned = exists().where(r.c.refund_no == d.c.refund_no, r.c.matched_line.is_not(None))
        gone = or_(
            and_(d.c.kind.not_in(_OF_OURS), stale),
            and_(d.c.kind == str(DifferenceKind.SHORT), listed),
            and_(d.c.kind == str(DifferenceKind.REFUND_SHORT), returned),
        )
        statement = (
            update(d)
            .where(d.c.division == file.division, d.c.state == _OPEN, gone)
            .values(state=_GONE, closed_at=at, version=d.c.version + 1)
        )
        return (await connection(work).execute(statement)).rowcount


def _file_is_here(division: str, day: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(t.file.c.division == division, t.file.c.day == day, t.file.c.current)


def _covered(
    kinds: tuple[DifferenceKind, ...], pay_code: Any, tra_no: Any, refund_no: Any
) -> ColumnElement[bool]:
    d = t.difference
    return exists().where(
        d.c.kind.in_([str(kind) for kind in kinds]),
        d.c.pay_code == pay_code,
        d.c.tra_no == tra_no,
        d.c.refund_no == refund_no,
        d.c.state != _GONE,
    )


def _changing(difference: Difference) -> dict[str, Any]:
    return {
        "bill_id": difference.bill_id,
        "line_id": difference.line_id,
        "ours_fen": difference.ours_fen,
        "theirs_fen": difference.theirs_fen,
        "revision": difference.revision,
        "state": str(difference.state),
        "owner": difference.owner,
        "decision": difference.decision,
        "note": difference.note,
        "closed_at": difference.closed_at,
    }


def _fen(value: int | None) -> Fen | None:
    return None if value is None else Fen(value)


def _difference(row: Row[Any]) -> Difference:
    return Difference(
        difference_id=row.difference_id,
        division=row.division,
        day=row.day,
        kind=DifferenceKind(row.kind),
        pay_code=row.pay_code,
        tra_no=row.tra_no,
        refund_no=row.refund_no,
        bill_id=row.bill_id,
        ours_fen=_fen(row.ours_fen),
        theirs_fen=_fen(row.theirs_fen),
        revision=row.revision,
        owner=row.owner,
        opened_at=row.opened_at,
        line_id=row.line_id,
        state=DifferenceState(row.state),
        decision=row.decision,
        note=row.note,
        closed_at=row.closed_at,
        version=row.version,
    )
