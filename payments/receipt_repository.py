"""The SQL of fiscal receipts, their documents, and numbers that wait for a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update

from kernel.db.base import require_one, upsert
from kernel.db.errors import is_duplicate
from kernel.db.work import connection
from kernel.money import Fen
from kernel.work import Work
from payments import tables as t
from payments.model import ReceiptState
from payments.receipt_model import FiscalReceipt, ReceiptNumber


class SqlReceipts:
    """Keeps receipts in the database (payments.stores.ReceiptRepository)."""

    async def add_receipt(self, work: Work, receipt: FiscalReceipt) -> bool:
        conn = connection(work)
        savepoint = await conn.begin_nested()
        try:
            await conn.execute(
                insert(t.receipt).values(
                    receipt_id=receipt.receipt_id,
                    bill_id=receipt.bill_id,
                    amount_fen=receipt.amount_fen,
                    created_at=receipt.created_at,
                    version=receipt.version,
                    **_changing(receipt),
                )
            )
        except BaseException as exc:
            await savepoint.rollback()
            if is_duplicate(exc):
                return False
            raise
        await savepoint.commit()
        return True

    async def live_receipt(self, work: Work, bill_id: str) -> FiscalReceipt | None:
        live = t.receipt.c.state != str(ReceiptState.RED)
        found = await self._receipts(work, _of(bill_id).where(live))
        return found[0] if found else None

    async def receipts_of(self, work: Work, bill_id: str) -> Sequence[FiscalReceipt]:
        return await self._receipts(work, _of(bill_id))

    async def save_receipt(self, work: Work, receipt: FiscalReceipt) -> FiscalReceipt:
        saved = replace(receipt, version=receipt.version + 1)
        statement = (
            update(t.receipt)
            .where(
                t.receipt.c.receipt_id == receipt.receipt_id,
                t.receipt.c.version == receipt.version,
            )
            .values(version=saved.version, **_changing(saved))
        )
        require_one(await connection(work).execute(statement))
        return saved

    async def drop_receipt(self, work: Work, receipt: FiscalReceipt) -> None:
        statement = delete(t.receipt).where(
            t.receipt.c.receipt_id == receipt.receipt_id,
            t.receipt.c.version == receipt.version,
        )
        require_one(await connection(work).execute(statement))

    async def take_free(self, work: Work) -> ReceiptNumber | None:
        free = t.free_number
        first = select(free.c.id).order_by(free.c.id).limit(1).with_for_update(skip_locked=True)
        statement = delete(free).where(free.c.id.in_(first.scalar_subquery()))
        row = (
            await connection(work).execute(statement.returning(free.c.code, free.c.number))
        ).first()
        return None if row is None else ReceiptNumber(row.code, row.number)

    async def put_free(self, work: Work, number: ReceiptNumber) -> None:
        conn = connection(work)
        row = upsert(conn, t.free_number).values(code=number.code, number=number.number)
        await conn.execute(row.on_conflict_do_nothing(index_elements=["code", "number"]))

    async def keep_file(self, work: Work, receipt_id: str, content: bytes) -> None:
        conn = connection(work)
        row = upsert(conn, t.receipt_file).values(receipt_id=receipt_id, content=content)
        await conn.execute(row.on_conflict_do_nothing(index_elements=["receipt_id"]))

    async def receipt_file(self, work: Work, receipt_id: str) -> bytes | None:
        statement = select(t.receipt_file.c.content).where(
            t.receipt_file.c.receipt_id == receipt_id
        )
        found: bytes | None = (await connection(work).execute(statement)).scalar_one_or_none()
        return found

    async def _receipts(self, work: Work, statement: Select[Any]) -> Sequence[FiscalReceipt]:
        return [_receipt(row) for row in await connection(work).execute(statement)]


def _of(bill_id: str) -> Select[Any]:
    return select(t.receipt).where(t.receipt.c.bill_id == bill_id).order_by(t.receipt.c.id)


def _changing(receipt: FiscalReceipt) -> dict[str, Any]:
    number, red = receipt.number, receipt.red_number
    return {
        "state": str(receipt.state),
        "code": number and number.code,
        "number": number and number.number,
        "red_code": red and red.code,
        "red_number": red and red.number,
        "check_code": receipt.check_code,
        "url": receipt.url,
        "issued_at": receipt.issued_at,
        "verified_at": receipt.verified_at,
        "sha256": receipt.sha256,
        "media_type": receipt.media_type,
        "failure_code": receipt.failure_code,
        "updated_at": receipt.updated_at,
    }


def _number(code: str | None, number: str | None) -> ReceiptNumber | None:
    return ReceiptNumber(code, number) if code and number else None


def _receipt(row: Row[Any]) -> FiscalReceipt:
    return FiscalReceipt(
        receipt_id=row.receipt_id,
        bill_id=row.bill_id,
        state=ReceiptState(row.state),
        amount_fen=Fen(row.amount_fen),
        created_at=row.created_at,
        updated_at=row.updated_at,
        number=_number(row.code, row.number),
        check_code=row.check_code,
        url=row.url,
        issued_at=row.issued_at,
        verified_at=row.verified_at,
        sha256=row.sha256,
        media_type=row.media_type,
        red_number=_number(row.red_code, row.red_number),
        failure_code=row.failure_code,
        version=row.version,
    )
