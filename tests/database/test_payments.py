"""Bills, facts and attempts on real databases, above all when many come at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from kernel.clock import FrozenClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db import history
from kernel.db.errors import AlreadyExists
from kernel.db.events import timeline
from kernel.db.tables import tasks
from kernel.db.work import SqlWorks, connection
from kernel.errors import StaleVersion
from kernel.ids import SequentialIds
from kernel.money import Fen
from payments import (
    AttemptState,
    Bill,
    BillException,
    BillItem,
    Channel,
    NoFeeDue,
    Outcome,
    PaymentOptions,
    PaymentService,
    PayState,
)
from payments import tables as t
from payments.model import Attempt
from payments.repository import SqlBills
from tests.unit.payments.fakes import FakeFinance, order, push_of

Parts = tuple[PaymentService, FakeFinance, SqlBills]


@pytest.fixture
def bills() -> SqlBills:
    ring = KeyRing({"k1": bytes(range(32))}, active="k1")
    return SqlBills(FieldCipher(ring, Algorithm.AES_256_GCM, lambda count: b"n" * count))


@pytest.fixture
def parts(
    works: SqlWorks, frozen_clock: FrozenClock, sequential_ids: SequentialIds, bills: SqlBills
) -> Parts:
    finance = FakeFinance(frozen_clock)
    service = PaymentService(
        provider=finance,
        repository=bills,
        works=works,
        clock=frozen_clock,
        ids=sequential_ids,
        options=PaymentOptions(upstream="fake_finance", sweep_page=2),
    )
    return service, finance, bills


async def pending(parts: Parts, reference: str = "case-1") -> Bill:
    bill = await parts[0].raise_bill(order(reference))
    assert not isinstance(bill, NoFeeDue)
    return await parts[0].issue(bill.bill_id)


async def count(works: SqlWorks, table: object) -> int:
    async with works.read() as work:
        statement = select(func.count()).select_from(table)  # type: ignore[arg-type]
        found: int = (await connection(work).execute(statement)).scalar_one()
        return found


async def test_a_bill_goes_there_and_back(parts: Parts, works: SqlWorks) -> None:
    service, _, bills = parts
    items = (
        BillItem("103043211", "不动产登记费", Fen(8000), Decimal("1.5"), "件"),
        BillItem("103043212", "工本费", Fen(0)),
    )
    raised = await service.raise_bill(order(items=items, delay_fen=Fen(7)))
    assert not isinstance(raised, NoFeeDue)
    assert await service.get(raised.bill_id) == raised
    async with works.begin() as work:
        full = replace(
            raised,
            pay_url="http://pay.example/",
            exceptions=frozenset({BillException.EXCESS_PAYMENT, BillException.LATE_PAYMENT}),
            paid_at=raised.created_at,
            failure_code="1",
        )
        saved = await bills.save(work, full)
    assert saved == replace(full, version=2)
    assert await service.get(raised.bill_id) == saved
    assert await service.by_reference("case-1") == [saved]
    assert (await service.discrepancies()).bills == (saved,)
    with pytest.raises(StaleVersion):
        async with works.begin() as work:
            await bills.save(work, full)


async def test_the_payer_is_not_readable_in_the_database(parts: Parts, works: SqlWorks) -> None:
    await pending(parts)
    async with works.read() as work:
        stored = (await connection(work).execute(select(t.bill.c.payer))).scalar_one()
    assert "张明轩".encode() not in stored
    assert b"13800000001" not in stored


async def test_02_fifty_concurrent_pushes_are_one_payment(parts: Parts, works: SqlWorks) -> None:
    service = parts[0]
    bill = await pending(parts)
    await service.open(bill.bill_id)
    outcomes = await asyncio.gather(*(service.handle_fact(push_of(bill)) for _ in range(50)))
    assert sorted(outcomes) == [Outcome.DUPLICATE] * 49 + [Outcome.PAID]
    assert (await service.get(bill.bill_id)).pay is PayState.PAID
    assert await count(works, t.fact) == 1
    assert await count(works, t.attempt) == 1
    async with works.read() as work:
        moves = await history.of_entity(work, "payments.pay", bill.bill_id)
        topics = [event.topic for event in await timeline(work, "case-1")]
        changed = await connection(work).execute(
            select(tasks.c.key).where(tasks.c.kind == "payments.changed").order_by(tasks.c.id)
        )
        assert list(changed.scalars()) == [f"{bill.bill_id}:{n}" for n in (2, 3, 4)]
    assert [move.new for move in moves].count("paid") == 1
    assert topics.count("payments.paid") == 1


async def test_07_fifty_orders_at_once_are_one_bill(parts: Parts, works: SqlWorks) -> None:
    service = parts[0]
    raised = await asyncio.gather(*(service.raise_bill(order()) for _ in range(50)))
    assert len({bill.bill_id for bill in raised if isinstance(bill, Bill)}) == 1
    assert await count(works, t.bill) == 1
    assert await count(works, t.item) == 1


async def test_10_fifty_different_payments_at_once(parts: Parts, works: SqlWorks) -> None:
    service = parts[0]
    bill = await pending(parts)
    outcomes = await asyncio.gather(
        *(service.handle_fact(push_of(bill, f"T{n % 25}")) for n in range(50))
    )
    assert outcomes.count(Outcome.PAID) == 1
    assert outcomes.count(Outcome.EXCESS) == 24
    assert outcomes.count(Outcome.DUPLICATE) == 25
    states = [a.state for a in await service.attempts(bill.bill_id)]
    assert states.count(AttemptState.SUCCEEDED) == 1
    assert states.count(AttemptState.EXCESS_SUCCESS) == 24
    async with works.read() as work:
        topics = [event.topic for event in await timeline(work, "case-1")]
    assert topics.count("payments.paid") == 1
    assert topics.count("payments.exception_raised") == 24


async def test_30_pushes_queries_and_a_void_at_once(parts: Parts) -> None:
    service, finance, _ = parts
    bill = await pending(parts)
    fact = finance.pay(bill.pay_code)
    assert fact is not None
    await asyncio.gather(
        *(service.handle_fact(fact) for _ in range(5)),
        *(service.refresh(bill.bill_id) for _ in range(5)),
        service.void(bill.bill_id),
    )
    after = await service.get(bill.bill_id)
    assert (after.pay, after.exceptions) == (PayState.PAID, frozenset())
    (attempt,) = await service.attempts(bill.bill_id)
    assert (attempt.tra_no, attempt.channel) == (fact.tra_no, Channel.ALIPAY)


async def test_32_one_transaction_for_ten_bills_at_once(parts: Parts) -> None:
    service = parts[0]
    many = [await pending(parts, f"case-{n}") for n in range(10)]
    outcomes = await asyncio.gather(*(service.handle_fact(push_of(bill)) for bill in many))
    assert outcomes.count(Outcome.PAID) == 1
    assert outcomes.count(Outcome.TRANSACTION_REUSED) == 9
    flagged = (await service.discrepancies()).bills
    assert len(flagged) == 9
    assert {bill.pay for bill in flagged} == {PayState.PENDING}


async def test_21_an_unknown_code_seen_often_at_once(parts: Parts) -> None:
    service = parts[0]
    bill = await pending(parts)
    stranger = replace(push_of(bill), pay_code="9" * 20)
    await asyncio.gather(*(service.handle_fact(stranger) for _ in range(10)))
    (noted,) = (await service.discrepancies()).unmatched
    assert (noted.times, noted.tra_no, noted.amount_fen) == (10, "T1", 8000)


async def test_only_one_attempt_of_ours_is_open(
    parts: Parts, works: SqlWorks, frozen_clock: FrozenClock
) -> None:
    bills = parts[2]
    bill = await pending(parts)
    first = Attempt("a1", bill.bill_id, True, AttemptState.REDIRECTED, frozen_clock.at)
    async with works.begin() as work:
        assert await bills.put_attempt(work, first)
    with pytest.raises(AlreadyExists):
        async with works.begin() as work:
            await bills.put_attempt(work, replace(first, attempt_id="a2"))
    async with works.begin() as work:
        assert await bills.put_attempt(work, replace(first, state=AttemptState.CLOSED))
        assert await bills.put_attempt(work, replace(first, attempt_id="a2"))
    assert [a.state for a in await parts[0].attempts(bill.bill_id)] == [
        AttemptState.CLOSED,
        AttemptState.REDIRECTED,
    ]


async def test_a_fact_is_stored_once(parts: Parts, works: SqlWorks, frozen_clock) -> None:
    bills = parts[2]
    bill = await pending(parts)
    fact = push_of(bill)
    async with works.begin() as work:
        assert await bills.fact_outcome(work, fact.key) is None
        await bills.add_fact(work, "f1", bill, fact, Outcome.PAID, frozen_clock.at)
        assert await bills.fact_outcome(work, fact.key) is Outcome.PAID
    with pytest.raises(AlreadyExists):
        async with works.begin() as work:
            await bills.add_fact(work, "f2", bill, fact, Outcome.PAID, frozen_clock.at)


async def test_the_sweep_turns_every_page(parts: Parts, frozen_clock: FrozenClock) -> None:
    service, finance, _ = parts
    many = [await pending(parts, f"case-{n}") for n in range(5)]
    finance.pay(many[3].pay_code)
    frozen_clock.advance(timedelta(days=16))
    after: str | None = ""
    pages = 0
    while after is not None:
        after = await service.sweep(after)
        pages += 1
    states = [(await service.get(bill.bill_id)).pay for bill in many]
    assert states == [PayState.EXPIRED] * 3 + [PayState.PAID] + [PayState.EXPIRED]
    assert pages == 3
