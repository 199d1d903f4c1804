"""Refunds, receipts, reversals and reconciliation on real databases, above all many at once."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import func, select, update

from kernel.clock import FrozenClock, beijing_day
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db.engine import Database
from kernel.db.events import timeline
from kernel.db.work import SqlWorks, connection
from kernel.ids import SequentialIds
from kernel.money import Fen
from payments import (
    Bill,
    DifferenceKind,
    FactSource,
    NoFeeDue,
    NotRefundable,
    PaymentFact,
    PaymentOptions,
    PaymentService,
    PayState,
    ReceiptState,
    ReconState,
    Refund,
    RefundProgress,
)
from payments import tables as t
from payments.model import Attempt, AttemptState
from payments.receipt_model import FiscalReceipt, ReceiptNumber
from payments.reconciliation import tables as r
from payments.repository import SqlBills
from tests.conftest import START
from tests.support.databases import SqliteDatabases
from tests.unit.payments.fakes import order, push_of
from tests.unit.payments.full_finance import FullFinance, OpenMatters
from tests.unit.payments.test_merged import THREE
from tests.unit.payments.test_walk import scripts
from tests.unit.payments.walk import Walk, walk


def parts(works: SqlWorks, clock: FrozenClock, ids: SequentialIds) -> Walk:
    ring = KeyRing({"k1": bytes(range(32))}, active="k1")
    cipher = FieldCipher(ring, Algorithm.AES_256_GCM, lambda count: b"n" * count)
    finance, matters = FullFinance(clock), OpenMatters()
    service = PaymentService(
        provider=finance,
        repository=SqlBills(cipher),
        works=works,
        clock=clock,
        ids=ids,
        options=PaymentOptions(upstream="fake_finance", refund_four_eyes=False, recon_page=100),
        matters=matters,
    )
    return Walk(service, finance, matters)


@pytest.fixture
def here(works: SqlWorks, frozen_clock: FrozenClock, sequential_ids: SequentialIds) -> Walk:
    return parts(works, frozen_clock, sequential_ids)


async def paid(here: Walk, reference: str = "case-1") -> tuple[Bill, PaymentFact]:
    bill = await here.service.raise_bill(order(reference))
    assert not isinstance(bill, NoFeeDue)
    await here.service.issue(bill.bill_id)
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    await here.service.handle_fact(fact)
    return await here.service.get(bill.bill_id), fact


async def ask(here: Walk, bill: Bill, number: str, amount: int, expected: int = 8000) -> Refund:
    return await here.service.refunds.request(
        bill.bill_id,
        refund_no=number,
        amount_fen=Fen(amount),
        expected_refundable_fen=Fen(expected),
        reason="多收",
        actor="staff:a",
    )


SCRIPTS = [
    "issue pay push receipt refund refund_step finance_pays refund_push night reconcile",
    "issue pay push receipt refund_part refund_step finance_refuses refund_push receipt night",
    "issue pay push receipt funds reverse resume_reverse night reconcile",
    "issue open pay pay_again push push refund_step finance_pays refund_push night reconcile",
    "issue void pay_again push close_matter late refund_step finance_pays refund_push night",
    "issue pay push_wrong refund_misfit refund_step finance_pays refund_push",
    "issue pay push_wrong accept_misfit receipt",
    "issue pay night reconcile revision reconcile receipt",
    "pay issue expire sweep night night reconcile revision reconcile",
]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_walks_that_reach_every_table(here: Walk, script: str) -> None:
    await walk(here, [(action, "") for action in script.split()])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=scripts)
def test_any_walk_on_sqlite(
    sqlite_databases: SqliteDatabases, script: list[tuple[str, str]]
) -> None:
    async def play(folder: Path) -> None:
        clock, ids = FrozenClock(START), SequentialIds()
        database = Database(sqlite_databases.fresh(folder), durable=False)
        try:
            await walk(parts(SqlWorks(database, clock, ids), clock, ids), script)
        finally:
            await database.dispose()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_36_fifty_whole_refunds_at_once_are_one(here: Walk) -> None:
    bill, _ = await paid(here)
    asked = await asyncio.gather(
        *(ask(here, bill, f"R{n}", 8000) for n in range(50)), return_exceptions=True
    )
    kinds = Counter(type(one) for one in asked)
    assert kinds == {Refund: 1, NotRefundable: 49}
    (money,) = await here.service.attempts(bill.bill_id)
    assert money.reserved_fen == 8000


async def test_the_same_refund_fifty_times_at_once_is_one(here: Walk) -> None:
    bill, _ = await paid(here)
    asked = await asyncio.gather(*(ask(here, bill, "R1", 3000) for _ in range(50)))
    assert len({one.refund_id for one in asked}) == 1
    assert await here.service.refunds.refundable(bill.bill_id) == 5000


async def test_the_database_itself_refuses_more_than_was_paid(here: Walk, works: SqlWorks) -> None:
    bill, _ = await paid(here)
    too_much = update(t.attempt).where(t.attempt.c.bill_id == bill.bill_id)
    with pytest.raises(Exception, match="refunds"):
        async with works.begin() as work:
            await connection(work).execute(too_much.values(reserved_fen=8001))


async def test_receipts_and_refunds_by_many_workers_at_once(here: Walk) -> None:
    bill, _ = await paid(here)
    await asyncio.gather(
        *(here.service.receipts.advance(bill.bill_id) for _ in range(8)), return_exceptions=True
    )
    await here.service.receipts.advance(bill.bill_id)
    assert len(here.finance.issued) == 1
    refund = await ask(here, bill, "R1", 8000)
    await asyncio.gather(
        *(here.service.refunds.advance(refund.refund_id) for _ in range(8)),
        return_exceptions=True,
    )
    await here.service.refunds.advance(refund.refund_id)
    here.finance.settle_refund("R1", RefundProgress.PAID)
    news = here.finance.news("R1")
    await asyncio.gather(*(here.service.handle(news) for _ in range(8)))
    after = await here.service.get(bill.bill_id)
    assert after.receipt is ReceiptState.RED
    assert list(here.finance.refunds) == ["R1"]
    assert await here.service.recon.violations() == []


async def test_one_live_receipt_and_one_use_of_a_number(here: Walk, works: SqlWorks) -> None:
    bill, _ = await paid(here)
    other, _ = await paid(here, "case-2")
    bills = here.service._bills
    number = ReceiptNumber("37010126", "0000000001")
    now = here.finance.clock.now()
    first = FiscalReceipt("r1", bill.bill_id, ReceiptState.NUMBERED, Fen(1), now, now, number)
    async with works.begin() as work:
        assert await bills.add_receipt(work, first)
        assert not await bills.add_receipt(work, replace(first, receipt_id="r2", number=None))
        assert not await bills.add_receipt(
            work, replace(first, receipt_id="r3", bill_id=other.bill_id)
        )
        await bills.drop_receipt(work, first)
        await bills.put_free(work, number)
        await bills.put_free(work, number)
        assert await bills.take_free(work) == number
        assert await bills.take_free(work) is None


async def test_45_merged_bills_are_paid_together_under_a_storm(here: Walk) -> None:
    carrier = await here.service.raise_merged(THREE)
    again = await asyncio.gather(*(here.service.raise_merged(THREE) for _ in range(5)))
    assert {bill.bill_id for bill in again} == {carrier.bill_id}
    await here.service.issue(carrier.bill_id)
    fact = here.finance.pay(carrier.pay_code)
    assert fact is not None
    await asyncio.gather(*(here.service.handle_fact(fact) for _ in range(20)))
    members = await here.service.members(carrier.bill_id)
    assert {bill.pay for bill in members} == {PayState.PAID}
    assert sum(bill.paid_fen or 0 for bill in members) == carrier.amount_fen
    assert await here.service.recon.violations() == []
    day = beijing_day(here.finance.clock.now())
    here.finance.publish(day)
    await here.service.recon.reconcile(day)
    members = await here.service.members(carrier.bill_id)
    assert {bill.recon for bill in members} == {ReconState.MATCHED}


async def test_a_day_is_reconciled_in_pages_and_tells_everybody_once(
    here: Walk, works: SqlWorks
) -> None:
    many = [await paid(here, f"case-{n}") for n in range(120)]
    missed = await here.service.raise_bill(order("case-missed"))
    assert isinstance(missed, Bill)
    await here.service.issue(missed.bill_id)
    here.finance.pay(missed.pay_code)
    day = beijing_day(here.finance.clock.now())
    here.finance.clock.advance(timedelta(days=1))
    here.finance.publish(day)
    # Two workers at once, and the whole day once more.
    await asyncio.gather(
        here.service.recon.reconcile(day),
        here.service.recon.reconcile(day),
        return_exceptions=True,
    )
    report = await here.service.recon.reconcile(day)
    assert report is not None
    assert (report.matched.count, report.agrees) == (121, True)
    async with works.read() as work:
        for reference in ("case-0", "case-119", "case-missed"):
            topics = [event.topic for event in await timeline(work, reference)]
            assert topics.count("payments.reconciled") == 1
            assert topics.count("payments.paid") == 1
        sequences = [event.sequence for event in await timeline(work, "case-5")]
        assert sequences == list(range(1, len(sequences) + 1))
        lines = (await connection(work).execute(select(func.count()).select_from(r.line))).scalar()
        told = [e.topic for e in await timeline(work, "recon:370000")]
    assert lines == 121
    assert told == ["payments.day_reconciled"]
    books = await here.service.recon.books("370000")
    assert books.paid_fen - books.refunded_fen == books.booked_fen == 121 * 8000
    assert (await here.service.get(many[0][0].bill_id)).recon is ReconState.MATCHED


async def test_differences_of_every_kind_on_a_database(here: Walk) -> None:
    bill, fact = await paid(here)
    short, _ = await paid(here, "case-2")
    pending = await here.service.raise_bill(order("case-3"))
    assert isinstance(pending, Bill)
    await here.service.issue(pending.bill_id)
    refund = await ask(here, bill, "R1", 500)
    await here.service.refunds.advance(refund.refund_id)
    here.finance.settle_refund("R1", RefundProgress.PAID)
    await here.service.handle(here.finance.news("R1"))
    kept = here.finance.refunds["R1"]
    day = beijing_day(here.finance.clock.now())
    listed = [
        replace(fact, amount_fen=Fen(7000)),
        push_of(pending, "T90"),
        replace(push_of(pending, "T91"), pay_code="9" * 20),
    ]
    strange = replace(kept, order=replace(kept.order, refund_no="R9"))
    here.finance.publish(day, facts=listed, refunds=[strange])
    for _ in range(2):
        await here.service.recon.reconcile(day)
    here.finance.kept[short.pay_code].state = here.finance.kept[pending.pay_code].state
    here.finance.publish(day + timedelta(days=1), facts=[], refunds=[])
    for _ in range(2):
        await here.service.recon.reconcile(day + timedelta(days=1))
    found = Counter(d.kind for d in await here.service.recon.differences())
    assert found == {
        DifferenceKind.AMOUNT: 1,
        DifferenceKind.LONG: 1,
        DifferenceKind.UNKNOWN_CODE: 1,
        DifferenceKind.REFUND_UNKNOWN: 1,
        DifferenceKind.SHORT: 1,
        DifferenceKind.REFUND_SHORT: 1,
    }
    assert (await here.service.recon.books("370000")).tie_out
    # The right list comes after all: everything that it explains goes away.
    here.finance.publish(day, revision=2, facts=[fact, *here.finance.money(day)[1:]])
    await here.service.recon.reconcile(day)
    report = await here.service.recon.report("370000", day)
    assert report.agrees
    assert await here.service.recon.differences() == []


async def test_broken_invariants_are_seen(here: Walk, works: SqlWorks) -> None:
    bill, fact = await paid(here)
    assert await here.service.recon.violations() == []
    extra = Attempt(
        "a9",
        bill.bill_id,
        False,
        AttemptState.SUCCEEDED,
        here.finance.clock.now(),
        "T99",
        Fen(8000),
    )
    async with works.begin() as work:
        await here.service._bills.put_attempt(work, extra)
        await connection(work).execute(
            update(t.bill).where(t.bill.c.bill_id == bill.bill_id).values(receipt="issued")
        )
        await connection(work).execute(update(t.attempt).values(reserved_fen=1))
    names = {violation.invariant for violation in await here.service.recon.violations()}
    assert "two payments of one bill are kept" in names
    assert "what is set aside is not what is refunded" in names
    async with works.begin() as work:
        await connection(work).execute(update(t.bill).values(pay="voided"))
    names = {violation.invariant for violation in await here.service.recon.violations()}
    assert "a valid receipt without a payment" in names
    assert fact.source is FactSource.PUSH
