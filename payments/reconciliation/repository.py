"""The SQL of reconciliation: files and lines in, matched in sets, never one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    any_,
    exists,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY

from kernel.db.base import upsert
from kernel.db.bulk import insert_many, moved_many
from kernel.db.engine import is_postgresql
from kernel.db.work import connection
from kernel.money import Fen
from kernel.work import Json, Move, Work
from payments import tables as p
from payments.ledger import bill_data
from payments.model import (
    MONEY_ATTEMPTS,
    AttemptState,
    BillException,
    FundState,
    PayState,
    ReceiptState,
    ReconState,
    RefundState,
)
from payments.reconciliation import tables as t
from payments.reconciliation.model import (
    FileState,
    LineKind,
    ReconLine,
    StoredFile,
)
from payments.refund_model import RefundStep
from payments.states import RECON

_MONEY: Final = sorted(str(state) for state in MONEY_ATTEMPTS)
_IDS: Final = ARRAY(BigInteger)
_WINDOW: Final = timedelta(days=1)
_TOLD: Final = (
    p.bill.c.id,
    p.bill.c.bill_id,
    p.bill.c.reference,
    p.bill.c.fee_version,
    p.bill.c.original_fen,
    p.bill.c.delay_fen,
    p.bill.c.pay,
    p.bill.c.fund,
    p.bill.c.receipt,
    p.bill.c.refund,
    p.bill.c.recon,
    p.bill.c.exceptions,
)


def found(line_id: Any) -> ColumnElement[bool]:
    """Return whether money of ours is tied to a line."""
    paid = exists().where(p.attempt.c.matched_line == line_id)
    return paid | exists().where(p.refund.c.matched_line == line_id)


class SqlRecon:
    """Keeps files and lines in the database (payments.reconciliation.ports.ReconRepository)."""

    async def recon_file(
        self, work: Work, division: str, day: date, revision: int | None = None
    ) -> StoredFile | None:
        statement = select(t.file).where(t.file.c.division == division, t.file.c.day == day)
        wanted = t.file.c.current if revision is None else t.file.c.revision == revision
        row = (await connection(work).execute(statement.where(wanted))).first()
        return None if row is None else _file(row)

    async def add_recon_file(self, work: Work, file: StoredFile) -> StoredFile:
        conn = connection(work)
        row = upsert(conn, t.file).values(
            division=file.division,
            day=file.day,
            revision=file.revision,
            name=file.name,
            lines=file.count,
            paid_fen=file.paid_fen,
            refunded_fen=file.refunded_fen,
            sha256=file.sha256,
            state=str(file.state),
            current=file.current,
            imported_at=file.imported_at,
        )
        await conn.execute(
            row.on_conflict_do_nothing(index_elements=["division", "day", "revision"])
        )
        stored = await self.recon_file(work, file.division, file.day, file.revision)
        return stored or file

    async def add_recon_lines(self, work: Work, file_id: int, lines: Sequence[ReconLine]) -> None:
        rows = [_line_row(file_id, line) for line in lines]
        await insert_many(connection(work), t.line, rows)

    async def recon_line_count(self, work: Work, file_id: int) -> int:
        last = select(func.coalesce(func.max(t.line.c.line_no), 0))
        found: int = (
            await connection(work).execute(last.where(t.line.c.file_id == file_id))
        ).scalar_one()
        return found

    async def make_current(self, work: Work, file: StoredFile) -> StoredFile:
        conn = connection(work)
        former = (
            select(t.line.c.id)
            .join(t.file, t.file.c.id == t.line.c.file_id)
            .where(
                t.file.c.division == file.division,
                t.file.c.day == file.day,
                t.file.c.id != file.file_id,
            )
        )
        for table in (p.attempt, p.refund):
            await conn.execute(
                update(table).where(table.c.matched_line.in_(former)).values(matched_line=None)
            )
        same_day = (t.file.c.division == file.division) & (t.file.c.day == file.day)
        await conn.execute(update(t.file).where(same_day, t.file.c.current).values(current=False))
        mine = t.file.c.id == file.file_id
        state = str(FileState.IMPORTED)
        await conn.execute(update(t.file).where(mine).values(current=True, state=state))
        if is_postgresql(conn):
            # The planner has never seen these lines: without figures it scans instead.
            await conn.execute(sql(f"ANALYZE {t.line.name}"))
        return replace(file, current=True, state=FileState.IMPORTED)

    async def finish_recon_file(self, work: Work, file: StoredFile) -> bool:
        done = str(FileState.MATCHED)
        statement = (
            update(t.file)
            .where(t.file.c.id == file.file_id, t.file.c.state != done)
            .values(state=done)
        )
        return (await connection(work).execute(statement)).rowcount == 1

    async def line_keys(self, work: Work, file_id: int, page: int) -> Sequence[int]:
        numbered = (
            select(t.line.c.id, t.line.c.line_no, func.max(t.line.c.line_no).over().label("last"))
            .where(t.line.c.file_id == file_id)
            .subquery()
        )
        ends = (numbered.c.line_no % page == 0) | (numbered.c.line_no == numbered.c.last)
        statement = select(numbered.c.id).where(ends).order_by(numbered.c.id)
        return list((await connection(work).execute(statement)).scalars())

    async def new_lines(
        self, work: Work, file_id: int, after: int, limit: int
    ) -> Sequence[ReconLine]:
        statement = (
            select(t.line)
            .where(t.line.c.file_id == file_id, t.line.c.id > after, ~found(t.line.c.id))
            .order_by(t.line.c.id)
            .limit(limit)
        )
        return [_line(row) for row in await connection(work).execute(statement)]

    async def match_lines(self, work: Work, file: StoredFile, after: int, upto: int) -> None:
        conn = connection(work)
        fresh = (t.line.c.file_id == file.file_id) & (t.line.c.id > after) & (t.line.c.id <= upto)
        a, r, line = p.attempt, p.refund, t.line
        pay = update(a).where(
            fresh,
            line.c.kind == str(LineKind.PAID),
            a.c.tra_no == line.c.tra_no,
            a.c.amount_fen == line.c.amount_fen,
            a.c.matched_line.is_(None),
            a.c.state.in_(_MONEY),
            a.c.day.between(file.day - _WINDOW, file.day + _WINDOW),
            a.c.bill_id == p.bill.c.bill_id,
            p.bill.c.pay_code == line.c.pay_code,
            p.bill.c.merged_into == "",
        )
        await conn.execute(pay.values(matched_line=line.c.id))
        back = update(r).where(
            fresh,
            line.c.kind == str(LineKind.REFUNDED),
            r.c.refund_no == line.c.refund_no,
            r.c.pay_code == line.c.pay_code,
            r.c.amount_fen == line.c.amount_fen,
            r.c.matched_line.is_(None),
            r.c.step == str(RefundStep.DONE),
        )
        await conn.execute(back.values(matched_line=line.c.id))

    async def mark_reconciled(
        self, work: Work, file: StoredFile, after: int, upto: int, at: datetime, actor: str
    ) -> int:
        conn = connection(work)
        b, a = p.bill, p.attempt
        paid_here = (
            select(a.c.bill_id)
            .join(t.line, t.line.c.id == a.c.matched_line)
            .where(
                t.line.c.file_id == file.file_id,
                t.line.c.id > after,
                t.line.c.id <= upto,
                a.c.state == str(AttemptState.SUCCEEDED),
            )
        )
        # Two look-ups by index; as one condition with OR every bill would be read for each page.
        mine = union_all(
            select(b.c.id).where(b.c.bill_id.in_(paid_here)),
            select(b.c.id).where(b.c.merged_into != "", b.c.merged_into.in_(paid_here)),
        )
        unmarked = (
            select(*_TOLD)
            .where(b.c.id.in_(mine), b.c.recon != str(ReconState.MATCHED))
            .order_by(b.c.id)
        )
        rows = (await conn.execute(unmarked.with_for_update())).all()
        if not rows:
            return 0
        matched = str(ReconState.MATCHED)
        ids = [row.id for row in rows]
        # One parameter on PostgreSQL, not thousands.
        these = b.c.id == any_(literal(ids, _IDS)) if is_postgresql(conn) else b.c.id.in_(ids)
        await conn.execute(
            update(b).where(these).values(recon=matched, updated_at=at, version=b.c.version + 1)
        )
        await moved_many(work, [_reconciled(row, actor) for row in rows])
        return len(rows)


def _reconciled(row: Any, actor: str) -> Move:
    old = ReconState(row.recon)
    return Move(
        machine=RECON.name,
        entity=row.bill_id,
        old=old,
        new=ReconState.MATCHED,
        event=RECON.event(old, ReconState.MATCHED),
        reference=row.reference,
        actor=actor,
        data={
            **_told(row.pay, row.fund, row.receipt, row.refund, row.exceptions),
            "bill_id": row.bill_id,
            "fee_version": row.fee_version,
            "amount_fen": row.original_fen + row.delay_fen,
        },
    )


@lru_cache(maxsize=256)
def _told(pay: str, fund: str, receipt: str, refund: str, exceptions: str) -> Mapping[str, Json]:
    """Return what events tell of bills in these states; thousands of a day's share one set."""
    return bill_data(_Told(pay, fund, receipt, refund, exceptions))


class _Told:
    """The axes of a bill, read from its row: no payer is decrypted for it."""

    def __init__(self, pay: str, fund: str, receipt: str, refund: str, exceptions: str) -> None:
        self.bill_id = self.fee_version = ""
        self.amount_fen = Fen(0)
        self.pay = PayState(pay)
        self.fund = FundState(fund)
        self.receipt = ReceiptState(receipt)
        self.refund = RefundState(refund)
        self.recon = ReconState.MATCHED
        self.exceptions = frozenset(BillException(flag) for flag in exceptions.split())


def _line_row(file_id: int, line: ReconLine) -> dict[str, Any]:
    return {
        "file_id": file_id,
        "line_no": line.line_no,
        "kind": line.kind.value,
        "pay_code": line.pay_code,
        "tra_no": line.tra_no,
        "original_fen": line.original_fen,
        "delay_fen": line.delay_fen,
        "amount_fen": line.amount_fen,
        "paid_at": line.paid_at,
        "day": line.day,
        "mode": line.mode,
        "agency": line.agency,
        "refund_no": line.refund_no,
    }


def _line(row: Row[Any]) -> ReconLine:
    return ReconLine(
        line_no=row.line_no,
        kind=LineKind(row.kind),
        pay_code=row.pay_code,
        tra_no=row.tra_no,
        original_fen=Fen(row.original_fen),
        delay_fen=Fen(row.delay_fen),
        amount_fen=Fen(row.amount_fen),
        paid_at=row.paid_at,
        day=row.day,
        mode=row.mode,
        agency=row.agency,
        refund_no=row.refund_no,
        line_id=row.id,
    )


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(
        division=row.division,
        day=row.day,
        revision=row.revision,
        name=row.name,
        count=row.lines,
        paid_fen=Fen(row.paid_fen),
        refunded_fen=Fen(row.refunded_fen),
        sha256=row.sha256,
        imported_at=row.imported_at,
        state=FileState(row.state),
        current=row.current,
        file_id=row.id,
    )
