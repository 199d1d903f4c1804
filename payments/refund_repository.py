"""The SQL of refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, select, update

from kernel.db.base import require_one, upsert
from kernel.db.work import connection
from kernel.money import Fen
from kernel.work import Work
from payments import tables as t
from payments.refund_model import Refund, RefundCause, RefundStep


class SqlRefunds:
    """Keeps refunds in the database (payments.stores.RefundRepository)."""

    async def add_refund(self, work: Work, refund: Refund) -> bool:
        conn = connection(work)
        row = upsert(conn, t.refund).values(
            refund_id=refund.refund_id,
            refund_no=refund.refund_no,
            bill_id=refund.bill_id,
            attempt_id=refund.attempt_id,
            pay_code=refund.pay_code,
            tra_no=refund.tra_no,
            paid_fen=refund.paid_fen,
            amount_fen=refund.amount_fen,
            cause=str(refund.cause),
            reason=refund.reason,
            requested_by=refund.requested_by,
            created_at=refund.created_at,
            version=refund.version,
            **_changing(refund),
        )
        row = row.on_conflict_do_nothing(index_elements=["refund_no"])
        return (await conn.execute(row.returning(t.refund.c.id))).first() is not None

    async def get_refund(self, work: Work, refund_id: str, *, lock: bool = False) -> Refund | None:
        statement = select(t.refund).where(t.refund.c.refund_id == refund_id)
        if lock:
            statement = statement.with_for_update()
        row = (await connection(work).execute(statement)).first()
        return None if row is None else _refund(row)

    async def refund_by_no(self, work: Work, refund_no: str) -> Refund | None:
        statement = select(t.refund).where(t.refund.c.refund_no == refund_no)
        row = (await connection(work).execute(statement)).first()
        return None if row is None else _refund(row)

    async def refunds_of(self, work: Work, bill_id: str) -> Sequence[Refund]:
        statement = select(t.refund).where(t.refund.c.bill_id == bill_id).order_by(t.refund.c.id)
        return [_refund(row) for row in await connection(work).execute(statement)]

    async def save_refund(self, work: Work, refund: Refund) -> Refund:
        saved = replace(refund, version=refund.version + 1)
        statement = (
            update(t.refund)
            .where(t.refund.c.refund_id == refund.refund_id, t.refund.c.version == refund.version)
            .values(version=saved.version, **_changing(saved))
        )
        require_one(await connection(work).execute(statement))
        return saved


def _changing(refund: Refund) -> dict[str, Any]:
    return {
        "step": str(refund.step),
        "approved_by": refund.approved_by,
        "tra_ref": refund.tra_ref,
        "refunded_on": refund.refunded_on,
        "failure_code": refund.failure_code,
        "updated_at": refund.updated_at,
    }


def _refund(row: Row[Any]) -> Refund:
    return Refund(
        refund_id=row.refund_id,
        refund_no=row.refund_no,
        bill_id=row.bill_id,
        attempt_id=row.attempt_id,
        pay_code=row.pay_code,
        tra_no=row.tra_no,
        paid_fen=Fen(row.paid_fen),
        amount_fen=Fen(row.amount_fen),
        cause=RefundCause(row.cause),
        reason=row.reason,
        requested_by=row.requested_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        step=RefundStep(row.step),
        approved_by=row.approved_by,
        tra_ref=row.tra_ref,
        refunded_on=row.refunded_on,
        failure_code=row.failure_code,
        version=row.version,
    )
