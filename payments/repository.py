"""All SQL of the payment domain; rows become the frozen values of the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Row, insert, select, update

from kernel.crypto.fields import Place
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
    BillException,
    BillItem,
    Channel,
    Closing,
    FactSource,
    FundState,
    Outcome,
    Payer,
    PaymentFact,
    PayState,
    ReceiptState,
    ReconState,
    RefundState,
    UnmatchedPayment,
)
from payments.states import UNSETTLED

_UNSETTLED: Final = sorted(str(state) for state in UNSETTLED)


class Cipher(Protocol):
    """Encrypts single cells; kernel.crypto.fields.FieldCipher does."""

    def encrypt(self, text: str, place: Place) -> bytes:
        """Return the cell of a text."""
        ...

    def decrypt(self, cell: bytes, place: Place) -> str:
        """Return the text of a cell."""
        ...


class SqlBills:
    """Keeps bills in the database (payments.ports.BillRepository)."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, bill: Bill) -> bool:
        conn = connection(work)
        values = {**_changing(bill), "version": bill.version}
        row = upsert(conn, t.bill).values(
            bill_id=bill.bill_id,
            reference=bill.reference,
            fee_version=bill.fee_version,
            pay_code=bill.pay_code,
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
            }
            for line, item in enumerate(bill.items, 1)
        ]
        await conn.execute(insert(t.item), lines)
        return True

    async def get(self, work: Work, bill_id: str, *, lock: bool = False) -> Bill | None:
        return await self._one(work, t.bill.c.bill_id == bill_id, lock=lock)

    async def by_pay_code(self, work: Work, pay_code: str, *, lock: bool = False) -> Bill | None:
        return await self._one(work, t.bill.c.pay_code == pay_code, lock=lock)

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
            .order_by(t.bill.c.updated_at.desc(), t.bill.c.id.desc())
            .limit(limit)
        )
        return await self._bills(work, statement)

    async def unsettled(self, work: Work, after: str, limit: int) -> Sequence[str]:
        statement = (
            select(t.bill.c.bill_id)
            .where(t.bill.c.pay.in_(_UNSETTLED), t.bill.c.bill_id > after)
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

    async def attempts(self, work: Work, bill_id: str) -> Sequence[Attempt]:
        statement = select(t.attempt).where(t.attempt.c.bill_id == bill_id).order_by(t.attempt.c.id)
        return [_attempt(row) for row in await connection(work).execute(statement)]

    async def put_attempt(self, work: Work, attempt: Attempt) -> bool:
        conn = connection(work)
        values = {
            "state": str(attempt.state),
            "tra_no": attempt.tra_no or None,
            "amount_fen": attempt.amount_fen,
            "channel": None if attempt.channel is None else str(attempt.channel),
            "channel_raw": attempt.channel_raw,
            "settled_at": attempt.settled_at,
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
        row = upsert(conn, t.fact).values(
            fact_id=fact_id,
            dedupe_key=fact.key,
            bill_id=bill.bill_id,
            source=str(fact.source),
            pay_code=fact.pay_code,
            tra_no=fact.tra_no,
            amount_fen=fact.amount_fen,
            original_fen=fact.original_fen,
            delay_fen=fact.delay_fen,
            paid_at=fact.paid_at,
            channel=str(fact.channel),
            channel_raw=fact.channel_raw,
            account=fact.account,
            outcome=str(outcome),
            received_at=at,
        )
        row = row.on_conflict_do_nothing(index_elements=["dedupe_key"])
        if (await conn.execute(row.returning(t.fact.c.id))).first() is None:
            raise AlreadyExists("this payment fact is stored already")

    async def fact_outcome(self, work: Work, key: str) -> Outcome | None:
        statement = select(t.fact.c.outcome).where(t.fact.c.dedupe_key == key)
        found = (await connection(work).execute(statement)).scalar_one_or_none()
        return None if found is None else Outcome(found)

    async def note_unmatched(self, work: Work, fact: PaymentFact, at: datetime) -> int:
        conn = connection(work)
        row = upsert(conn, t.unmatched).values(
            dedupe_key=fact.key,
            source=str(fact.source),
            pay_code=fact.pay_code,
            tra_no=fact.tra_no,
            amount_fen=fact.amount_fen,
            first_seen=at,
            last_seen=at,
            times=1,
        )
        row = row.on_conflict_do_update(
            index_elements=["dedupe_key"],
            set_={"times": t.unmatched.c.times + 1, "last_seen": at},
        )
        times: int = (await conn.execute(row.returning(t.unmatched.c.times))).scalar_one()
        return times

    async def matched(self, work: Work, fact: PaymentFact, at: datetime) -> None:
        statement = (
            update(t.unmatched)
            .where(t.unmatched.c.dedupe_key == fact.key, t.unmatched.c.matched_at.is_(None))
            .values(matched_at=at)
        )
        await connection(work).execute(statement)

    async def unmatched(self, work: Work, limit: int) -> Sequence[UnmatchedPayment]:
        statement = (
            select(t.unmatched)
            .where(t.unmatched.c.matched_at.is_(None))
            .order_by(t.unmatched.c.id)
            .limit(limit)
        )
        return [
            UnmatchedPayment(
                pay_code=row.pay_code,
                tra_no=row.tra_no,
                amount_fen=Fen(row.amount_fen),
                source=FactSource(row.source),
                first_seen=row.first_seen,
                times=row.times,
            )
            for row in await connection(work).execute(statement)
        ]

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
            version=row.version,
        )


def _changing(bill: Bill) -> dict[str, Any]:
    return {
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
    )


def _attempt(row: Row[Any]) -> Attempt:
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
    )
