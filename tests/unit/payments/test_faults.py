"""The payment faults that are the domain's to survive, each by its number in the fault list."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.db.errors import DatabaseUnavailable
from kernel.errors import UpstreamRejected, UpstreamUnavailable
from kernel.money import Fen
from payments import (
    STEPS,
    AttemptState,
    BillClosed,
    BillDiffers,
    BillException,
    BillItem,
    BillNotReady,
    InvalidBill,
    NoFeeDue,
    Outcome,
    PayState,
    PublicStatus,
    PushedFact,
    UpstreamState,
    public_status,
    push_step,
)
from tests.unit.payments.fakes import (
    FakeFinance,
    Town,
    order,
    push_of,
    town,
    unavailable,
    unknown,
)


async def test_01_a_push_delivered_twice_is_one_payment() -> None:
    here = town()
    bill = await here.pending()
    assert await here.service.handle_fact(push_of(bill)) is Outcome.PAID
    assert await here.service.handle_fact(push_of(bill)) is Outcome.DUPLICATE
    assert Outcome.DUPLICATE.acknowledged
    assert (await here.now(bill)).pay is PayState.PAID
    assert here.memory.paid_events() == 1
    assert len(here.memory.facts) == 1


async def test_02_a_push_delivered_fifty_times_at_once_is_one_payment() -> None:
    here = town()
    bill = await here.pending()
    outcomes = await asyncio.gather(*(here.service.handle_fact(push_of(bill)) for _ in range(50)))
    assert sorted(outcomes) == [Outcome.DUPLICATE] * 49 + [Outcome.PAID]
    assert here.memory.paid_events() == 1


async def test_03_a_push_that_overtakes_the_answer_to_the_issue() -> None:
    here = town()
    bill = await here.raised()

    async def overtake() -> None:
        fact = here.finance.pay(bill.pay_code)
        assert fact is not None
        assert await here.service.handle_fact(fact) is Outcome.PAID

    here.finance.before_answer.append(overtake)
    issued = await here.service.issue(bill.bill_id)
    assert issued.pay is PayState.PAID
    assert issued.pay_url
    assert "payments.issued" not in here.memory.topics()


async def test_04_an_accepted_issue_whose_answer_is_lost() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", unknown(), after=True)
    assert (await here.service.issue(bill.bill_id)).pay is PayState.ISSUING
    assert ("payments.confirm", f"{bill.bill_id}:1") in here.memory.tasks
    await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    after = await here.now(bill)
    assert (after.pay, after.pay_code) == (PayState.PENDING, bill.pay_code)
    assert after.pay_url
    assert list(here.finance.kept) == [bill.pay_code]
    assert [name for name, _ in here.finance.calls] == ["issue", "query", "issue"]


async def test_05_the_answer_is_lost_and_the_query_is_down_too() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", unknown(), after=True)
    here.finance.fail("query", unavailable())
    await here.service.issue(bill.bill_id)
    with pytest.raises(UpstreamUnavailable):
        await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    stuck = await here.now(bill)
    assert (stuck.pay, public_status(stuck)) == (PayState.ISSUING, PublicStatus.ISSUING)
    with pytest.raises(BillNotReady):
        await here.service.open(bill.bill_id)
    assert (await here.raised()).pay_code == bill.pay_code
    assert {code for _, code in here.finance.calls} == {bill.pay_code}


async def test_05_nothing_was_reached_and_the_worker_sends_the_same_code() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", unavailable())
    assert (await here.service.issue(bill.bill_id)).pay is PayState.ISSUING
    await STEPS["payments.issue"](here.service, {"bill_id": bill.bill_id})
    assert (await here.now(bill)).pay is PayState.PENDING
    assert list(here.finance.kept) == [bill.pay_code]


async def test_06_a_refused_issue_has_no_pay_page_and_its_code_is_not_used_again() -> None:
    here = town()
    bill = await here.raised()
    here.finance.fail("issue", UpstreamRejected("no", upstream_code="18012"))
    failed = await here.service.issue(bill.bill_id)
    assert (failed.pay, failed.failure_code, failed.pay_url) == (
        PayState.ISSUE_FAILED,
        "18012",
        "",
    )
    with pytest.raises(BillClosed):
        await here.service.open(bill.bill_id)
    other = await here.raised(fee_version="2")
    assert other.pay_code != bill.pay_code


async def test_07_a_double_click_is_one_bill_and_one_attempt() -> None:
    here = town()
    first, second = await asyncio.gather(here.raised(), here.raised())
    assert first.bill_id == second.bill_id
    await asyncio.gather(*(here.service.issue(first.bill_id) for _ in range(2)))
    urls = await asyncio.gather(*(here.service.open(first.bill_id) for _ in range(2)))
    assert len(set(urls)) == 1
    assert len(here.memory.attempts) == 1
    assert here.memory.topics().count("payments.issued") == 1


async def test_09_the_business_key_returns_the_existing_bill() -> None:
    here = town()
    assert (await here.raised()).bill_id == (await here.raised()).bill_id
    dearer = (BillItem("103043211", "不动产登记费", Fen(9000)),)
    with pytest.raises(BillDiffers):
        await here.service.raise_bill(order(items=dearer))
    assert len(here.memory.bills) == 1


async def test_10_two_channels_pay_the_same_code() -> None:
    here = town()
    bill = await here.pending()
    await here.service.open(bill.bill_id)
    assert await here.service.handle_fact(push_of(bill, "T1")) is Outcome.PAID
    assert await here.service.handle_fact(push_of(bill, "T2")) is Outcome.EXCESS
    assert await here.service.handle_fact(push_of(bill, "T2")) is Outcome.DUPLICATE
    after = await here.now(bill)
    assert after.exceptions == {BillException.EXCESS_PAYMENT}
    states = [a.state for a in await here.service.attempts(bill.bill_id)]
    assert states == [AttemptState.SUCCEEDED, AttemptState.EXCESS_SUCCESS]
    assert [topic for topic, _, _ in here.memory.emitted] == ["payments.exception_raised"]
    assert (await here.service.discrepancies()).bills == (after,)


async def test_11_money_after_the_deadline_but_before_the_upstream_void() -> None:
    here = town()
    bill = await here.pending()
    here.clock.advance(timedelta(days=16))
    here.finance.pay(bill.pay_code)
    expired = await here.service.expire(bill.bill_id)
    assert expired.pay is PayState.PAID
    assert ("void", bill.pay_code) not in here.finance.calls


async def test_12_money_for_a_voided_bill_is_never_ignored() -> None:
    here = town()
    bill = await here.pending()
    voided = await here.service.void(bill.bill_id)
    assert voided.pay is PayState.VOIDED
    fact = here.finance.pay(bill.pay_code, force=True)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID_LATE
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (PayState.PAID, {BillException.LATE_PAYMENT})
    assert here.memory.topics()[-1] == "payments.paid_late"


async def test_13_already_paid_abandons_the_void() -> None:
    here = town()
    bill = await here.pending()
    here.finance.pay(bill.pay_code)
    here.finance.stale = 1
    after = await here.service.void(bill.bill_id)
    assert after.pay is PayState.PAID
    assert here.memory.topics()[-2:] == ["payments.void_started", "payments.paid"]


async def test_13_a_void_that_is_refused_for_another_reason_leaves_the_bill_payable() -> None:
    here = town()
    bill = await here.pending()
    here.finance.fail("void", UpstreamRejected("busy", upstream_code="20007"))
    after = await here.service.void(bill.bill_id)
    assert (after.pay, after.closing) == (PayState.PENDING, None)


@pytest.mark.parametrize(
    ("after", "paid", "end"),
    [
        (True, False, PayState.VOIDED),
        (False, False, PayState.VOIDED),
        (False, True, PayState.PAID),
    ],
)
async def test_14_a_void_without_an_answer(*, after: bool, paid: bool, end: PayState) -> None:
    here = town()
    bill = await here.pending()
    here.finance.fail("void", unknown(), after=after)
    assert (await here.service.void(bill.bill_id)).pay is PayState.VOIDING
    assert any(kind == "payments.void" for kind, _ in here.memory.tasks)
    if paid:
        here.finance.pay(bill.pay_code)
    await STEPS["payments.void"](here.service, {"bill_id": bill.bill_id})
    assert (await here.now(bill)).pay is end
    voids = [name for name, _ in here.finance.calls].count("void")
    assert voids == (1 if after or paid else 2)


@pytest.mark.parametrize("amount", [7999, 8001, 800000])
async def test_15_a_wrong_amount_is_kept_but_not_paid(amount: int) -> None:
    here = town()
    bill = await here.pending()
    outcome = await here.service.handle_fact(push_of(bill, amount=amount))
    assert outcome is Outcome.AMOUNT_MISMATCH
    assert outcome.acknowledged
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (PayState.PENDING, {BillException.AMOUNT_MISMATCH})
    assert (await here.service.discrepancies()).bills == (after,)
    # A query repeats what is due, so it must not settle the contradiction.
    here.finance.pay(bill.pay_code)
    assert (await here.service.refresh(bill.bill_id)).pay is PayState.PENDING
    # The same transaction with the right amount does.
    assert await here.service.handle_fact(push_of(bill)) is Outcome.PAID
    assert (await here.now(bill)).exceptions == frozenset()


async def test_15_a_foreign_account_is_kept_but_not_paid() -> None:
    here = town()
    bill = await here.pending()
    foreign = replace(push_of(bill), account="999")
    assert await here.service.handle_fact(foreign) is Outcome.ACCOUNT_MISMATCH
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (PayState.PENDING, {BillException.ACCOUNT_MISMATCH})


async def test_16_a_late_fee_explains_a_higher_amount() -> None:
    here = town()
    bill = await here.pending()
    here.finance.kept[bill.pay_code].delay = Fen(40)
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID
    after = await here.now(bill)
    assert (after.original_fen, after.delay_fen, after.amount_fen) == (8000, 40, 8040)


async def test_16_the_upstream_cannot_be_asked_about_the_late_fee() -> None:
    here = town()
    bill = await here.pending()
    here.finance.fail("query", unavailable())
    with pytest.raises(UpstreamUnavailable):
        await here.service.handle_fact(push_of(bill, amount=8040))
    assert not here.memory.facts


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
        {BillException.TRANSACTION_REUSED},
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
