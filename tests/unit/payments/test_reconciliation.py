"""Reconciliation: days that agree, files that are bad, late or sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from kernel.errors import UpstreamUnavailable
from kernel.money import Fen
from payments import (
    STEPS,
    Bill,
    DifferenceKind,
    PayState,
    ReconFileInvalid,
    ReconState,
    RefundProgress,
    RefundStep,
)
from tests.unit.payments.fakes import push_of
from tests.unit.payments.full_finance import full_town
from tests.unit.payments.recon_support import differences, reconcile, ties_out
from tests.unit.payments.test_merged import THREE


async def test_a_day_that_agrees() -> None:
    here = full_town(refund_four_eyes=False)
    many = [await here.paid(f"case-{n}") for n in range(5)]
    refund = await here.service.refunds.request(
        many[0][0].bill_id,
        refund_no="R1",
        amount_fen=Fen(500),
        expected_refundable_fen=Fen(8000),
        reason="多收",
        actor="staff:a",
    )
    await here.service.refunds.advance(refund.refund_id)
    await here.service.refunds.handle_news(here.full.settle_refund("R1", RefundProgress.PAID))
    day = here.next_day()
    here.full.publish(day)
    for _ in range(3):
        await here.service.recon.reconcile(day)
    report = await here.service.recon.report("370000", day)
    assert report.agrees
    assert (report.matched.count, report.matched.amount_fen) == (5, 40000)
    assert (report.listed_refunds.amount_fen, report.ours_refunds.amount_fen) == (500, 500)
    assert [(await here.now(bill)).recon for bill, _ in many] == [ReconState.MATCHED] * 5
    assert here.memory.topics().count("payments.reconciled") == 5
    assert [topic for topic, _, _ in here.memory.emitted] == ["payments.day_reconciled"]
    books = await here.service.recon.books("370000")
    assert books.paid_fen - books.refunded_fen == books.booked_fen == 39500


async def test_43_a_payment_that_we_never_heard_of_is_booked_by_the_normal_path() -> None:
    here = full_town()
    bill = await here.pending()
    fact = here.full.pay(bill.pay_code)
    assert fact is not None
    day = here.next_day()
    here.full.publish(day)
    for _ in range(2):
        assert (await reconcile(here, day)).agrees
    after = await here.now(bill)
    assert (after.pay, after.recon) == (PayState.PAID, ReconState.MATCHED)
    assert after.paid_at == fact.paid_at
    assert here.memory.paid_events() == 1
    assert any(kind == "payments.receipt" for kind, _ in here.memory.tasks)


async def test_a_payment_known_from_a_query_gets_its_number_from_the_list() -> None:
    here = full_town()
    bill = await here.pending()
    fact = here.full.pay(bill.pay_code)
    assert fact is not None
    await here.service.refresh(bill.bill_id)
    day = here.next_day()
    here.full.publish(day)
    assert (await reconcile(here, day)).agrees
    (money,) = await here.service.attempts(bill.bill_id)
    assert money.tra_no == fact.tra_no


async def test_money_that_came_twice_is_found_in_the_list_and_goes_back() -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.pay(bill.pay_code, force=True)
    day = here.next_day()
    here.full.publish(day)
    assert (await reconcile(here, day)).agrees
    (refund,) = await here.service.refunds.of_bill(bill.bill_id)
    assert refund.step is RefundStep.APPROVED
    assert await ties_out(here)


@pytest.mark.parametrize(
    ("paid_at", "file_day"),
    [
        # 23:59:59 in Beijing, booked the next day; and over the end of a year and of February.
        (datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC), date(2026, 3, 3)),
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 29, 15, 59, 59, tzinfo=UTC), date(2028, 3, 1)),
        (datetime(2028, 2, 29, 16, 0, 0, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
async def test_42_money_booked_on_the_other_side_of_midnight(
    paid_at: datetime, file_day: date
) -> None:
    here = full_town()
    here.clock.at = paid_at - timedelta(hours=1)
    bill = await here.pending()
    here.clock.at = paid_at
    fact = here.full.pay(bill.pay_code)
    assert fact is not None
    await here.service.handle_fact(fact)
    here.clock.at = paid_at + timedelta(days=2)
    here.full.publish(file_day, facts=[fact])
    report = await here.service.recon.reconcile(file_day)
    assert report is not None
    assert report.agrees
    assert (await here.now(bill)).recon is ReconState.MATCHED


async def test_42_a_bad_file_changes_nothing_and_is_fetched_again() -> None:
    here = full_town()
    bill, _ = await here.paid()
    day = here.next_day()
    with pytest.raises(UpstreamUnavailable):
        await here.service.recon.reconcile(day)
    good = here.full.publish(day)
    here.full.files[day] = replace(good, content=good.content[:-20])
    with pytest.raises(ReconFileInvalid):
        await here.service.recon.reconcile(day)
    assert here.memory.lines == {}
    assert (await here.now(bill)).recon is ReconState.UNCHECKED
    here.full.files[day] = good
    assert await here.service.recon.reconcile(day) is not None


async def test_42_a_revision_recomputes_the_day_and_an_older_one_changes_nothing() -> None:
    here = full_town()
    _, fact = await here.paid()
    other = await here.pending("case-2")
    extra = push_of(other, "T77")
    day = here.next_day()
    here.full.publish(day, facts=[fact, extra])
    await here.service.recon.reconcile(day)
    assert [d.kind for d in await differences(here)] == [DifferenceKind.LONG]
    first = here.full.files[day]
    here.full.publish(day, revision=2, facts=[fact])
    report = await reconcile(here, day)
    assert (report.revision, report.agrees) == (2, True)
    here.full.files[day] = first
    report = await reconcile(here, day)
    assert (report.revision, report.agrees) == (2, True)
    assert len(here.memory.recon_files) == 2, "both revisions are kept"
    here.full.publish(day, revision=2, facts=[])
    with pytest.raises(ReconFileInvalid):
        await here.service.recon.reconcile(day)
    assert here.memory.topics().count("payments.reconciled") == 1


async def test_the_daily_step_looks_back_and_survives_days_without_a_file() -> None:
    here = full_town()
    bill, _ = await here.paid()
    first, _, last = (here.next_day() for _ in range(3))
    here.full.publish(first)
    here.full.publish(last)
    await STEPS["payments.reconcile"](here.service, {})
    assert (await here.now(bill)).recon is ReconState.MATCHED
    await STEPS["payments.reconcile"](here.service, {"day": first.isoformat()})
    here.next_day()
    with pytest.raises(UpstreamUnavailable):
        await STEPS["payments.reconcile"](here.service, {})


async def test_merged_bills_are_reconciled_together() -> None:
    here = full_town()
    carrier = await here.service.raise_merged(THREE)
    await here.service.issue(carrier.bill_id)
    fact = here.full.pay(carrier.pay_code)
    assert fact is not None
    await here.service.handle_fact(fact)
    day = here.next_day()
    here.full.publish(day)
    await here.service.recon.reconcile(day)
    members: list[Bill] = list(await here.service.members(carrier.bill_id))
    assert {bill.recon for bill in members} == {ReconState.MATCHED}
