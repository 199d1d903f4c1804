"""Faults of pushes, queries and content, each by its number in the fault list."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.db.errors import DatabaseUnavailable
from kernel.money import Fen
from payments import (
    AttemptState,
    BillException,
    BillItem,
    InvalidBill,
    NoFeeDue,
    Outcome,
    PayState,
    PushedFact,
    UpstreamState,
    push_step,
)
from tests.unit.payments.fakes import (
    FakeFinance,
    Town,
    order,
    push_of,
    town,
)


async def test_20_yesterdays_push_again_changes_nothing() -> None:
    here = town()
    bill = await here.pending()
    fact = push_of(bill)
    await here.service.handle_fact(fact)
    here.clock.advance(timedelta(days=1))
    before = await here.now(bill)
    assert await here.service.handle_fact(fact) is Outcome.DUPLICATE
    assert await here.now(bill) == before


async def test_21_an_unknown_code_is_noted_refused_and_matched_later() -> None:
    here = town()
    kept: list[bytes] = []

    async def keep(raw: bytes, push: PushedFact) -> None:
        kept.append(raw)

    code = here.finance.mint("370000", 2026, 1)
    raw = f"{code},T1,8000".encode()
    for _ in range(2):
        assert await here.service.accept_push(raw, keep) == b"again"
    (noted,) = (await here.service.discrepancies()).unmatched
    assert (noted.pay_code, noted.times) == (code, 2)
    assert kept == []
    bill = await here.pending()
    assert bill.pay_code == code
    assert await here.service.accept_push(raw, keep) == b"ok"
    await push_step(here.service, kept[0])
    assert (await here.now(bill)).pay is PayState.PAID
    assert (await here.service.discrepancies()).unmatched == ()


async def test_27_without_a_database_nothing_is_acknowledged() -> None:
    here = town()
    bill = await here.pending()
    raw = f"{bill.pay_code},T1,8000".encode()

    async def broken(raw: bytes, push: PushedFact) -> None:
        raise DatabaseUnavailable

    async def keep(raw: bytes, push: PushedFact) -> None:
        await push_step(here.service, raw)

    with pytest.raises(DatabaseUnavailable):
        await here.service.accept_push(raw, broken)
    here.works.down = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        await here.service.accept_push(raw, keep)
    here.works.down = None
    assert await here.service.accept_push(raw, keep) == b"ok"
    assert (await here.now(bill)).pay is PayState.PAID


async def test_28_a_crash_after_the_commit_and_before_the_answer() -> None:
    here = town()
    bill = await here.pending()
    raw = f"{bill.pay_code},T1,8000".encode()

    async def stored_then_crashed(raw: bytes, push: PushedFact) -> None:
        await push_step(here.service, raw)
        raise ConnectionResetError

    async def keep(raw: bytes, push: PushedFact) -> None:
        await push_step(here.service, raw)

    with pytest.raises(ConnectionResetError):
        await here.service.accept_push(raw, stored_then_crashed)
    assert await here.service.accept_push(raw, keep) == b"ok"
    assert here.memory.paid_events() == 1


async def test_30_a_push_and_a_poll_at_the_same_moment() -> None:
    here = town()
    bill = await here.pending()
    await here.service.open(bill.bill_id)
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    await asyncio.gather(
        here.service.handle_fact(fact),
        here.service.refresh(bill.bill_id),
        here.service.handle_fact(fact),
        here.service.refresh(bill.bill_id),
    )
    assert here.memory.paid_events() == 1
    (attempt,) = await here.service.attempts(bill.bill_id)
    assert (attempt.state, attempt.tra_no) == (AttemptState.SUCCEEDED, fact.tra_no)
    assert (await here.now(bill)).exceptions == frozenset()


async def test_31_a_stale_query_does_not_unlearn_the_payment() -> None:
    here = town()
    bill = await here.pending()
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    await here.service.handle_fact(fact)
    here.finance.stale = 5
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.PAID
    assert (await here.service.void(bill.bill_id)).pay is PayState.PAID
    assert (await here.service.expire(bill.bill_id)).pay is PayState.PAID


async def test_32_a_transaction_that_belongs_to_another_bill() -> None:
    here = town()
    first, second = await here.pending("case-1"), await here.pending("case-2")
    assert await here.service.handle_fact(push_of(first)) is Outcome.PAID
    outcome = await here.service.handle_fact(push_of(second))
    assert outcome is Outcome.TRANSACTION_REUSED
    assert not outcome.acknowledged
    assert await here.service.handle_fact(push_of(second)) is Outcome.TRANSACTION_REUSED
    after = await here.now(second)
    assert (after.pay, after.exceptions) == (
        PayState.PENDING,
        frozenset({BillException.TRANSACTION_REUSED}),
    )


async def test_50_nothing_due_needs_no_code() -> None:
    here = town()
    free = order(items=(BillItem("103043211", "不动产登记费", Fen(0)),))
    assert await here.service.raise_bill(free) == NoFeeDue("case-1", "1")
    assert (here.memory.bills, here.memory.numbers, here.finance.calls) == ({}, {}, [])


async def test_51_no_personal_data_in_logs_events_or_tasks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    here = town()
    bill = await here.pending()
    await here.service.handle_fact(push_of(bill, amount=7999))
    await here.service.handle_fact(push_of(bill))
    await here.service.handle_fact(push_of(bill, "T2"))
    said = repr(
        [here.memory.moves, here.memory.emitted, here.memory.tasks, caplog.text, bill.payer]
    )
    assert "张明轩" not in said
    assert "13800000001" not in said


async def test_26_what_cannot_be_written_is_refused_at_once() -> None:
    here = town()
    with pytest.raises(InvalidBill):
        await here.service.raise_bill(order(items=(BillItem("1", "工本费|加急", Fen(100)),)))
    assert here.memory.bills == {}


def voided_upstream(here: Town, code: str) -> None:
    here.finance.kept[code].state = UpstreamState.VOIDED


async def test_a_void_by_the_finance_side_is_adopted() -> None:
    here = town()
    bill = await here.pending()
    await here.service.open(bill.bill_id)
    voided_upstream(here, bill.pay_code)
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.VOIDED
    (attempt,) = await here.service.attempts(bill.bill_id)
    assert attempt.state is AttemptState.CLOSED


async def test_a_code_that_upstream_holds_for_another_amount_is_never_ours() -> None:
    here = town()
    first = await here.pending("case-1")
    twin: FakeFinance = here.finance
    # As after restoring an old database: the next serial was used before.
    code = twin.mint("370000", 2026, 2)
    twin.kept[code] = replace(twin.kept[first.pay_code], original=Fen(5))
    bill = await here.raised("case-2")
    failed = await here.service.issue(bill.bill_id)
    assert (failed.pay, failed.failure_code) == (PayState.ISSUE_FAILED, "pay_code_taken")
