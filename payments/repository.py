"""The SQL of bills; rows become the frozen values of the model."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Row, bindparam, insert, select, update

from kernel.crypto.fields import Place
from kernel.db.base import require_one, upsert
from kernel.db.work import connection
from kernel.money import Fen
from kernel.work import Work
from payments import tables as t
from payments.bulk_repository import SqlBulk
from payments.fact_repository import SqlFacts
from payments.model import (
    Bill,
    BillException,
    BillItem,
    Closing,
    FundState,
    Payer,
    PayState,
    ReceiptState,
    ReconState,
    RefundState,
)
from payments.receipt_repository import SqlReceipts
from payments.reconciliation.differences_repository import SqlDifferences
from payments.reconciliation.reports_repository import SqlReports
from payments.reconciliation.repository import SqlRecon
from payments.refund_repository import SqlRefunds
from payments.ruling_repository import SqlRulings
from payments.states import UNSETTLED

# Built once: every push asks this before anything else.
_KNOWN: Final = (
    select(t.bill.c.id)
    .where(t.bill.c.pay_code == bindparam("code"), t.bill.c.merged_into == "")
    .where(t.bill.c.pay_code != "")
    .limit(1)
)
_UNSETTLED: Final = sorted(str(state) for state in UNSETTLED)


class Cipher(Protocol):
    """Encrypts single cells; kernel.crypto.fields.FieldCipher does."""

    def encrypt(self, text: str, place: Place) -> bytes:
        """Return the cell of a text."""
        ...

    def decrypt(self, cell: bytes, place: Place) -> str:
        """Return the text of a cell."""
        ...


class SqlBills(
    SqlBulk, SqlFacts, SqlReceipts, SqlRefunds, SqlRulings, SqlRecon, SqlDifferences, SqlReports
):
    """Keeps everything about payments in the database (payments.service.Repository)."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, bill: Bill) -> bool:
        conn = connection(work)
        values = {**_changing(bill), "version": bill.version}
        row = upsert(conn, t.bill).values(
            bill_id=bill.bill_id,
            reference=bill.reference,
            fee_version=bill.fee_version,
            order_no=bill.order_no,
            merged=bill.merged,
            merged_into=bill.merged_into,
            division=bill.division,
            agency=bill.agency,
            account=bill.account,
            payer=self._cipher.encrypt(_payer_text(bill.payer), _payer_place(bill.bill_id)),
            original_fen=bill.original_fen,
            deadline=bill.deadline,
            created_at=bill.created_at,
            **values,
        )
        row = row.on_conflict_do_nothing(index_elements=["reference", "fee_version"])
        if (await conn.execute(row.returning(t.bill.c.id))).first() is None:
            return False
        lines = [
            {
                "bill_id": bill.bill_id,
                "line": line,
                "item_code": item.item_code,
                "name": item.name,
                "amount_fen": item.amount_fen,
                "quantity": str(item.quantity),
                "unit": item.unit,
                "exempted_fen": item.exempted_fen,
                "exemption": item.exemption,
            }
            for line, item in enumerate(bill.items, 1)
        ]
        await conn.execute(insert(t.item), lines)
        return True

    async def get(self, work: Work, bill_id: str, *, lock: bool = False) -> Bill | None:
        return await self._one(work, t.bill.c.bill_id == bill_id, lock=lock)

    async def by_pay_code(self, work: Work, pay_code: str, *, lock: bool = False) -> Bill | None:
        if not pay_code:
            return None
        carrier = (t.bill.c.pay_code == pay_code) & (t.bill.c.merged_into == "")
        return await self._one(work, carrier, lock=lock)

    async def lock_payable(self, work: Work, pay_codes: Collection[str]) -> dict[str, Bill]:
        bills = (
            select(t.bill)
            .where(t.bill.c.pay_code.in_(pay_codes), t.bill.c.pay_code != "")
            .where(t.bill.c.merged_into == "")
            .order_by(t.bill.c.id)
            .with_for_update()
        )
        return {bill.pay_code: bill for bill in await self._bills(work, bills)}

    async def is_known(self, work: Work, pay_code: str) -> bool:
        found = await connection(work).execute(_KNOWN, {"code": pay_code})
        return found.first() is not None

    async def by_business_key(self, work: Work, reference: str, fee_version: str) -> Bill | None:
        key = (t.bill.c.reference == reference) & (t.bill.c.fee_version == fee_version)
        return await self._one(work, key, lock=False)

    async def by_reference(self, work: Work, reference: str) -> Sequence[Bill]:
        statement = select(t.bill).where(t.bill.c.reference == reference).order_by(t.bill.c.id)
        return await self._bills(work, statement)

    async def flagged(self, work: Work, limit: int) -> Sequence[Bill]:
        statement = (
            select(t.bill)
            .where(t.bill.c.exceptions != "")
            .order_by(t.bill.c.id.desc())
            .limit(limit)
        )
        return await self._bills(work, statement)

    async def unsettled(self, work: Work, after: str, limit: int) -> Sequence[str]:
        statement = (
            select(t.bill.c.bill_id)
            .where(
                t.bill.c.pay.in_(_UNSETTLED),
                t.bill.c.merged_into == "",
                t.bill.c.bill_id > after,
            )
            .order_by(t.bill.c.bill_id)
            .limit(limit)
        )
        return list((await connection(work).execute(statement)).scalars())

    async def save(self, work: Work, bill: Bill) -> Bill:
        saved = replace(bill, version=bill.version + 1)
        statement = (
            update(t.bill)
            .where(t.bill.c.bill_id == bill.bill_id, t.bill.c.version == bill.version)
            .values(version=saved.version, **_changing(saved))
        )
        require_one(await connection(work).execute(statement))
        return saved

    async def members(self, work: Work, bill_id: str) -> Sequence[Bill]:
        statement = select(t.bill).where(
            t.bill.c.merged_into == bill_id, t.bill.c.merged_into != ""
        )
        return await self._bills(work, statement.order_by(t.bill.c.id))

    async def _one(self, work: Work, where: ColumnElement[bool], *, lock: bool) -> Bill | None:
        statement = select(t.bill).where(where)
        # SQLite has no row locks and needs none: its writer holds the whole file.
        found = await self._bills(work, statement.with_for_update() if lock else statement)
        return found[0] if found else None

    async def _bills(self, work: Work, statement: Any) -> Sequence[Bill]:
        conn = connection(work)
        rows = (await conn.execute(statement)).all()
        lines: dict[str, list[BillItem]] = {row.bill_id: [] for row in rows}
        if rows:
            items = select(t.item).where(t.item.c.bill_id.in_(list(lines)))
            for row in await conn.execute(items.order_by(t.item.c.bill_id, t.item.c.line)):
                lines[row.bill_id].append(_item(row))
        return [self._bill(row, tuple(lines[row.bill_id])) for row in rows]

    def _bill(self, row: Row[Any], items: tuple[BillItem, ...]) -> Bill:
        payer = json.loads(self._cipher.decrypt(row.payer, _payer_place(row.bill_id)))
        return Bill(
            bill_id=row.bill_id,
            reference=row.reference,
            fee_version=row.fee_version,
            pay_code=row.pay_code,
            division=row.division,
            agency=row.agency,
            account=row.account,
            payer=Payer(**payer),
            items=items,
            original_fen=Fen(row.original_fen),
            delay_fen=Fen(row.delay_fen),
            deadline=row.deadline,
            created_at=row.created_at,
            updated_at=row.updated_at,
            pay_url=row.pay_url,
            pay=PayState(row.pay),
            fund=FundState(row.fund),
            receipt=ReceiptState(row.receipt),
            refund=RefundState(row.refund),
            recon=ReconState(row.recon),
            exceptions=frozenset(BillException(flag) for flag in row.exceptions.split()),
            closing=None if row.closing is None else Closing(row.closing),
            paid_at=row.paid_at,
            failure_code=row.failure_code,
            order_no=row.order_no,
            merged=row.merged,
            merged_into=row.merged_into,
            paid_fen=None if row.paid_fen is None else Fen(row.paid_fen),
            version=row.version,
        )


def _changing(bill: Bill) -> dict[str, Any]:
    return {
        "pay_code": bill.pay_code,
        "pay_url": bill.pay_url,
        "delay_fen": bill.delay_fen,
        "pay": str(bill.pay),
        "fund": str(bill.fund),
        "receipt": str(bill.receipt),
        "refund": str(bill.refund),
        "recon": str(bill.recon),
        "exceptions": " ".join(sorted(str(flag) for flag in bill.exceptions)),
        "closing": None if bill.closing is None else str(bill.closing),
        "failure_code": bill.failure_code,
        "paid_at": bill.paid_at,
        "paid_fen": bill.paid_fen,
        "updated_at": bill.updated_at,
    }


def _payer_place(bill_id: str) -> Place:
    return Place(t.bill.name, "payer", bill_id)


def _payer_text(payer: Payer) -> str:
    values = {"name": payer.name, "mobile": payer.mobile, "credit_code": payer.credit_code}
    return json.dumps(values, ensure_ascii=False)


def _item(row: Row[Any]) -> BillItem:
    return BillItem(
        item_code=row.item_code,
        name=row.name,
        amount_fen=Fen(row.amount_fen),
        quantity=Decimal(row.quantity),
        unit=row.unit,
        exempted_fen=Fen(row.exempted_fen),
        exemption=row.exemption,
    )
