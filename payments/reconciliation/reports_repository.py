"""The SQL of reports and invariants: what a day comes to, and what must hold for all money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.db.work import connection
from kernel.money import Fen
from kernel.work import Work
from payments import tables as p
from payments.model import MONEY_ATTEMPTS, AttemptState, PayState, ReceiptState, RefundState
from payments.reconciliation import tables as t
from payments.reconciliation.model import (
    Books,
    DayReport,
    DifferenceState,
    FileState,
    LineKind,
    Tally,
    Violation,
)
from payments.reconciliation.repository import found
from payments.refund_model import RefundStep
from payments.states import COUNTED_REFUND

_MONEY: Final = sorted(str(state) for state in MONEY_ATTEMPTS)
_OPEN: Final = str(DifferenceState.OPEN)
_COUNTED: Final = sorted(str(step) for step in COUNTED_REFUND)


class SqlReports:
    """The part of payments.reconciliation.ports.ReconRepository that adds up."""

    async def day_report(self, work: Work, division: str, day: date) -> DayReport:
        conn = connection(work)
        f, a, b, r, d = t.file, p.attempt, p.bill, p.refund, t.difference
        current = select(f).where(f.c.division == division, f.c.day == day, f.c.current)
        file = (await conn.execute(current)).first()
        listed, matched = await _tallies(conn, file.id) if file else ({}, {})
        paid = (
            select(func.count(), _sum(a.c.amount_fen))
            .join(b, b.c.bill_id == a.c.bill_id)
            .where(b.c.division == division, a.c.day == day, a.c.state.in_(_MONEY))
        )
        back = (
            select(func.count(), _sum(r.c.amount_fen))
            .outerjoin(b, b.c.bill_id == r.c.bill_id)
            .where(
                or_(b.c.division == division, r.c.bill_id == ""),
                r.c.refunded_on == day,
                r.c.step == str(RefundStep.DONE),
            )
        )
        kinds = (
            select(d.c.kind, func.count())
            .where(d.c.division == division, d.c.day == day, d.c.state == _OPEN)
            .group_by(d.c.kind)
        )
        pay, refund = str(LineKind.PAID), str(LineKind.REFUNDED)
        return DayReport(
            division=division,
            day=day,
            revision=file.revision if file else None,
            state=FileState(file.state) if file else None,
            listed=listed.get(pay, Tally()),
            listed_refunds=listed.get(refund, Tally()),
            matched=matched.get(pay, Tally()),
            matched_refunds=matched.get(refund, Tally()),
            ours=_tally((await conn.execute(paid)).one()),
            ours_refunds=_tally((await conn.execute(back)).one()),
            differences={row[0]: row[1] for row in await conn.execute(kinds)},
        )

    async def books(self, work: Work, division: str) -> Books:
        a, b, r, line, f = p.attempt, p.bill, p.refund, t.line, t.file
        unlisted = a.c.matched_line.is_(None)
        paid = (
            select(_sum(a.c.amount_fen), _sum(case((unlisted, a.c.amount_fen), else_=0)))
            .join(b, b.c.bill_id == a.c.bill_id)
            .where(b.c.division == division, a.c.state.in_(_MONEY))
        )
        unlisted = r.c.matched_line.is_(None)
        back = (
            select(_sum(r.c.amount_fen), _sum(case((unlisted, r.c.amount_fen), else_=0)))
            .outerjoin(b, b.c.bill_id == r.c.bill_id)
            .where(
                or_(b.c.division == division, r.c.bill_id == ""),
                r.c.step == str(RefundStep.DONE),
            )
        )
        signed = case(
            (line.c.kind == str(LineKind.PAID), line.c.amount_fen), else_=-line.c.amount_fen
        )
        unfound = ~found(line.c.id)
        booked = (
            select(_sum(signed), _sum(case((unfound, signed), else_=0)))
            .join(f, f.c.id == line.c.file_id)
            .where(f.c.division == division, f.c.current)
        )
        conn = connection(work)
        ours = (await conn.execute(paid)).one()
        refunds = (await conn.execute(back)).one()
        theirs = (await conn.execute(booked)).one()
        return Books(
            paid_fen=Fen(int(ours[0])),
            refunded_fen=Fen(int(refunds[0])),
            booked_fen=Fen(int(theirs[0])),
            unlisted_fen=Fen(int(ours[1]) - int(refunds[1])),
            unfound_fen=Fen(int(theirs[1])),
        )

    async def violations(self, work: Work, limit: int = 100) -> Sequence[Violation]:
        broken: list[Violation] = []
        for name, statement in _INVARIANTS.items():
            rows = await connection(work).execute(statement.limit(limit))
            broken += [Violation(name, str(entity)) for entity in rows.scalars()]
        return broken


async def _tallies(
    conn: AsyncConnection, file_id: int
) -> tuple[dict[str, Tally], dict[str, Tally]]:
    """Return count and sum of a file's lines by kind: all of them, and the matched ones."""
    line = t.line
    matched = case((found(line.c.id), 1), else_=0)
    statement = (
        select(
            line.c.kind,
            func.count(),
            func.sum(line.c.amount_fen),
            func.sum(matched),
            func.sum(matched * line.c.amount_fen),
        )
        .where(line.c.file_id == file_id)
        .group_by(line.c.kind)
    )
    rows: list[Any] = list(await conn.execute(statement))
    listed = {row[0]: Tally(row[1], Fen(int(row[2]))) for row in rows}
    return listed, {row[0]: Tally(int(row[3]), Fen(int(row[4]))) for row in rows}


def _tally(row: Sequence[Any]) -> Tally:
    return Tally(row[0], Fen(int(row[1])))


def _sum(column: Any) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)


def _done_refunds(attempt_id: Any) -> Any:
    r = p.refund
    return (
        select(_sum(r.c.amount_fen))
        .where(r.c.attempt_id == attempt_id, r.c.step.in_(_COUNTED))
        .scalar_subquery()
    )


_A: Final = p.attempt
_B: Final = p.bill
_EXCESS: Final = (
    select(func.count())
    .where(
        _A.c.bill_id == _B.c.bill_id,
        _A.c.state.in_((str(AttemptState.SUCCEEDED), str(AttemptState.EXCESS_SUCCESS))),
        _done_refunds(_A.c.attempt_id) < _A.c.amount_fen,
    )
    .scalar_subquery()
)
_INVARIANTS: Final[dict[str, Select[Any]]] = {
    "two payments of one bill are kept": select(_B.c.bill_id).where(
        _EXCESS > 1, _B.c.merged_into == ""
    ),
    "more was refunded than paid": select(_A.c.attempt_id).where(
        _done_refunds(_A.c.attempt_id) > _A.c.amount_fen
    ),
    "what is set aside is not what is refunded": select(_A.c.attempt_id).where(
        _done_refunds(_A.c.attempt_id) != _A.c.reserved_fen
    ),
    "a valid receipt without a payment": select(_B.c.bill_id).where(
        _B.c.receipt == str(ReceiptState.ISSUED),
        or_(_B.c.pay != str(PayState.PAID), _B.c.refund == str(RefundState.FULL)),
    ),
    "a receipt that the bill does not show": select(p.receipt.c.receipt_id).where(
        p.receipt.c.state == str(ReceiptState.ISSUED),
        p.receipt.c.bill_id == _B.c.bill_id,
        _B.c.receipt != str(ReceiptState.ISSUED),
    ),
    "a paid bill without its money": select(_B.c.bill_id).where(
        _B.c.pay == str(PayState.PAID),
        ~exists().where(
            or_(_A.c.bill_id == _B.c.bill_id, _A.c.bill_id == _B.c.merged_into),
            _A.c.state == str(AttemptState.SUCCEEDED),
        ),
    ),
    "merged bills that are not paid together": select(_B.c.bill_id).where(
        _B.c.merged_into != "",
        exists().where(
            (carrier := p.bill.alias("carrier")).c.bill_id == _B.c.merged_into,
            carrier.c.pay != _B.c.pay,
        ),
    ),
}
