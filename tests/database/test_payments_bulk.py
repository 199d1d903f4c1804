"""Many pushes booked in one unit: the same rows as one by one, and only what is plain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from kernel.db.errors import AlreadyExists
from kernel.db.tables import events, history, tasks
from kernel.db.work import SqlWorks, connection
from kernel.errors import StaleVersion
from kernel.money import Fen
from payments import Bill, PayState
from payments import tables as t
from payments.model import Attempt, AttemptState, PaymentFact
from payments.repository import SqlBills
from payments.stores import Settled
from tests.database.test_payments import Parts, bills, parts, pending
from tests.unit.payments.fakes import push_of

__all__ = ["bills", "parts"]


async def many(parts: Parts, count: int) -> list[Bill]:
    return [await pending(parts, f"case-{n}") for n in range(count)]


async def book(parts: Parts, works: SqlWorks, facts: list[PaymentFact]) -> list[bool]:
    async with works.begin(whole=True) as work:
        return list(await parts[0].book(work, facts))


async def written(works: SqlWorks, bill: Bill) -> list[list[tuple[Any, ...]]]:
    """Return every row about a bill, without what names a single row."""
    b, a, f, h, e, k = t.bill.c, t.attempt.c, t.fact.c, history.c, events.c, tasks.c
    wanted = [
        select(b.pay, b.paid_at, b.paid_fen, b.delay_fen, b.exceptions, b.version, b.updated_at)
        .where(b.bill_id == bill.bill_id),
        select(a.state, a.amount_fen, a.opened_here, a.settled_at, a.day, a.channel, a.channel_raw)
        .where(a.bill_id == bill.bill_id),
        select(f.source, f.amount_fen, f.paid_at, f.channel, f.account, f.outcome, f.received_at)
        .where(f.bill_id == bill.bill_id),
        select(h.machine, h.old, h.new, h.event, h.actor, h.note, h.at)
        .where(h.entity == bill.bill_id).order_by(h.id),
        select(e.topic, e.sequence, e.machine, e.actor, e.at, e.data["axes"])
        .where(e.reference == bill.reference).order_by(e.sequence),
        select(k.kind, k.state, k.step, k.attempts, k.due)
        .where(k.key.startswith(bill.bill_id)).order_by(k.kind, k.key),
    ]  # fmt: skip
    async with works.read() as work:
        conn = connection(work)
        return [[tuple(row) for row in await conn.execute(each)] for each in wanted]


async def test_the_same_rows_as_one_by_one(parts: Parts, works: SqlWorks) -> None:
    service, _, _ = parts
    alone, opened_alone, together, opened_together = await many(parts, 4)
    for bill in (opened_alone, opened_together):
        await service.open(bill.bill_id)
    for number, bill in enumerate((alone, opened_alone)):
        await service.handle_fact(push_of(bill, f"A{number}"))
    facts = [push_of(bill, f"B{n}") for n, bill in enumerate((together, opened_together))]
    assert await book(parts, works, facts) == [True, True]
    assert await written(works, together) == await written(works, alone)
    assert await written(works, opened_together) == await written(works, opened_alone)
    paid = await service.get(together.bill_id)
    assert (paid.pay, paid.paid_fen) == (PayState.PAID, 8000)


async def test_what_is_not_plain_is_left(parts: Parts, works: SqlWorks) -> None:
    service, _, bills = parts
    plain, wrong, flagged, voided, other, suspended = await many(parts, 6)
    await service.void(voided.bill_id)
    await service.handle_fact(push_of(flagged, "F1", 1))
    money = Attempt(
        "attempt-x", suspended.bill_id, False, AttemptState.CLOSED, suspended.created_at
    )
    async with works.begin() as work:
        await bills.put_attempt(work, money)
    before = await service.get(wrong.bill_id)
    facts = [
        push_of(plain, "T1"),
        push_of(plain, "T1"),  # the same news again
        push_of(plain, "T2"),  # other money for the same bill
        push_of(wrong, "T3", 7999),
        push_of(flagged, "T4"),
        push_of(voided, "T5"),
        push_of(other, "T1"),  # a transaction that has paid another bill
        push_of(suspended, "T6"),
        replace(push_of(other, ""), tra_no=""),
        replace(push_of(other, "T7"), pay_code="37000026100000999999"),
        replace(push_of(other, "T8"), account="none of ours"),
        replace(push_of(other, "T9"), original_fen=Fen(7000)),
    ]
    assert await book(parts, works, facts) == [True, True] + [False] * 10
    assert await service.get(wrong.bill_id) == before
    assert (await service.get(other.bill_id)).pay is PayState.PENDING
    # Again, and everything that was booked is known.
    assert await book(parts, works, facts[:3]) == [True, True, False]
    assert len(await service.attempts(plain.bill_id)) == 1


async def test_whoever_is_slower_writes_nothing(
    parts: Parts, works: SqlWorks, bills: SqlBills
) -> None:
    one, two = await many(parts, 2)

    await parts[0].handle_fact(push_of(one, "T1"))
    fact = push_of(two, "T1")
    paid = replace(two, pay=PayState.PAID, version=two.version + 1)
    at = two.created_at
    attempt = Attempt("attempt-y", two.bill_id, False, AttemptState.SUCCEEDED, at, "T1", Fen(8000))
    late = Settled("fact-y", fact, two, paid, attempt, at)
    with pytest.raises(AlreadyExists):
        async with works.begin(whole=True) as work:
            await bills.settle_many(work, [late], [], [])
    # And a bill that was paid in the meantime is not paid by another transaction.
    twice = replace(late, before=one, paid=one, attempt=replace(attempt, bill_id=one.bill_id))
    twice = replace(twice, attempt=replace(twice.attempt, tra_no="T2"), fact=push_of(one, "T2"))
    with pytest.raises(StaleVersion):
        async with works.begin(whole=True) as work:
            await bills.settle_many(work, [twice], [], [])
    assert (await parts[0].get(two.bill_id)).pay is PayState.PENDING
    assert len(await parts[0].attempts(one.bill_id)) == 1
