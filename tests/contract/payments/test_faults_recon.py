"""Drills 42 to 44: reconciliation files that are wrong, and days that do not agree."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kernel.clock import beijing
from kernel.errors import UpstreamUnavailable
from payments import (
    DayReport,
    Decision,
    PayState,
    ReceiptState,
    ReconFileInvalid,
    ReconState,
    Subject,
)
from payments.reconciliation import tables as rt
from tests.contract.payments.drill import FEE, Drill


async def reconciled(drill: Drill, day: date) -> DayReport:
    report = await drill.service.recon.reconcile(day)
    assert report is not None
    return report


async def republish(drill: Drill, day: date) -> int:
    body = {"fileDate": f"{day:%Y%m%d}"}
    return int((await drill.sim.post("/sim/recon", json=body)).raise_for_status().json()["rev"])


async def test_fault42_missing_file(drill: Drill):
    bill = await drill.paid()
    with pytest.raises(UpstreamUnavailable):
        await drill.service.recon.reconcile(drill.day(bill))
    assert (await drill.get(bill)).recon is ReconState.UNCHECKED
    await drill.tomorrow()
    assert (await reconciled(drill, drill.day(bill))).agrees


async def test_fault42_empty_day(drill: Drill):
    day = beijing(drill.world.clock.now()).date()
    await drill.tomorrow()
    report = await reconciled(drill, day)
    assert (report.agrees, report.listed.count) == (True, 0)


async def test_fault42_half_a_file(drill: Drill):
    bill = await drill.paid()
    await drill.tomorrow()
    await drill.knob("recon_truncate")
    with pytest.raises(ReconFileInvalid):
        await drill.service.recon.reconcile(drill.day(bill))
    assert (await drill.get(bill)).recon is ReconState.UNCHECKED
    assert await drill.count(rt.line) == 0
    assert (await reconciled(drill, drill.day(bill))).agrees
    assert (await drill.get(bill)).recon is ReconState.MATCHED


@pytest.mark.parametrize("action", ["recon_repeat", "recon_trailer"])
async def test_fault42_a_file_that_contradicts_itself(drill: Drill, action: str):
    bill = await drill.paid()
    day = drill.day(bill)
    await drill.tomorrow()
    await drill.knob(action)
    with pytest.raises(ReconFileInvalid):
        await drill.service.recon.reconcile(day)
    assert (await drill.get(bill)).recon is ReconState.UNCHECKED
    assert await drill.count(rt.line) == 0
    assert await republish(drill, day) == 2
    report = await reconciled(drill, day)
    assert (report.revision, report.agrees) == (2, True)
    assert (await drill.get(bill)).recon is ReconState.MATCHED


async def test_fault42_a_payment_at_24_00(drill: Drill):
    bill = await drill.paid()
    day = drill.day(bill)
    await drill.tomorrow()
    await drill.knob("recon_midnight")
    report = await reconciled(drill, day)
    assert (report.agrees, report.matched.count) == (True, 1)
    assert (await drill.get(bill)).recon is ReconState.MATCHED


async def test_fault42_leap_day(drill: Drill):
    now = beijing(drill.world.clock.now())
    year = now.year + 4 - now.year % 4
    leap = now.replace(year=year, month=2, day=29, hour=12)
    drill.world.clock.shift += leap - now
    moved = await drill.sim.post("/sim/clock", json={"at": leap.isoformat()})
    moved.raise_for_status()
    bill = await drill.paid()
    assert drill.day(bill) == date(year, 2, 29)
    await drill.tomorrow()
    assert beijing(drill.world.clock.now()).date() == date(year, 3, 1)
    report = await reconciled(drill, date(year, 2, 29))
    assert (report.agrees, report.matched.count) == (True, 1)


async def test_fault42_same_day_twice_and_a_new_revision(drill: Drill):
    bill = await drill.paid()
    day = drill.day(bill)
    await drill.tomorrow()
    await drill.knob("recon_omit")
    first = await reconciled(drill, day)
    assert (first.revision, first.listed.count) == (1, 0)
    again = await reconciled(drill, day)
    assert (again.revision, await drill.count(rt.file, rt.file.c.day == day)) == (1, 1)
    assert await republish(drill, day) == 2
    second = await reconciled(drill, day)
    assert (second.revision, second.agrees, second.matched.count) == (2, True, 1)
    assert await drill.count(rt.file, rt.file.c.day == day) == 2
    assert await drill.events(bill, "payments.reconciled") == 1
    await reconciled(drill, day)
    assert await drill.events(bill, "payments.reconciled") == 1


async def test_fault42_paid_at_the_last_second_of_the_day(drill: Drill):
    now = beijing(drill.world.clock.now())
    midnight = now.replace(hour=23, minute=59, second=55, microsecond=0)
    shift = int((midnight - now).total_seconds()) % 86_400
    drill.world.clock.shift += timedelta(seconds=shift)
    await drill.pass_upstream(shift)
    bill = await drill.paid()
    day = drill.day(bill)
    (payment,) = (await drill.upstream(bill.pay_code))["payments"]
    assert payment["acct_date"] == f"{day + timedelta(days=1):%Y%m%d}"
    await drill.tomorrow()
    await reconciled(drill, day)
    await drill.tomorrow()
    report = await reconciled(drill, day + timedelta(days=1))
    assert report.agrees
    assert (await drill.get(bill)).recon is ReconState.MATCHED


async def test_fault42_year_change(drill: Drill):
    now = beijing(drill.world.clock.now())
    eve = now.replace(month=12, day=31, hour=12)
    shift = int((eve - now).total_seconds())
    drill.world.clock.shift += timedelta(seconds=shift)
    await drill.pass_upstream(shift)
    old = await drill.pending()
    await drill.tomorrow()
    new = await drill.pending()
    assert old.pay_code[6:8] != new.pay_code[6:8]
    for bill in (old, new):
        await drill.pay(bill.pay_code)
    left = await drill.push()
    assert left == 0, (await drill.refusals(), drill.world.book.lines[-10:])
    await drill.work()
    await drill.tomorrow()
    report = await reconciled(drill, drill.day(await drill.get(new)))
    assert (report.agrees, report.matched.count) == (True, 2)


async def test_fault43_a_payment_that_we_never_heard_of(drill: Drill):
    bill = await drill.pending()
    await drill.knob("no_push")
    await drill.pay(bill.pay_code)
    day = beijing(drill.world.clock.now()).date()
    await drill.tomorrow()
    assert await drill.state(bill) is PayState.PENDING
    report = await reconciled(drill, day)
    await drill.work()
    after = await drill.get(bill)
    assert (after.pay, after.recon) == (PayState.PAID, ReconState.MATCHED)
    assert report.agrees
    assert await drill.events(bill, "payments.paid") == 1
    await reconciled(drill, day)
    assert await drill.events(bill, "payments.paid") == 1
    assert (await drill.read_case(bill.reference)).fee_paid is True


async def test_fault43_money_for_a_code_that_nobody_knows(drill: Drill):
    bill = await drill.paid()
    day = drill.day(bill)
    await drill.tomorrow()
    await drill.knob("recon_extra")
    report = await reconciled(drill, day)
    assert report.differences == {"unknown_code": 1}
    (unmatched,) = (await drill.service.discrepancies()).unmatched
    assert unmatched.amount_fen == 100


async def test_fault44_a_payment_that_the_file_lacks(drill: Drill):
    bill = await drill.pending()
    await drill.knob("receipt_fail", times=0)
    await drill.pay(bill.pay_code)
    await drill.deliver()
    day = drill.day(await drill.get(bill))
    await drill.calm()
    await drill.knob("recon_omit", times=0)
    await drill.knob("stale_status", times=0)
    for _ in range(2):
        await drill.tomorrow()
    await reconciled(drill, day)
    await reconciled(drill, day + timedelta(days=1))
    after = await drill.get(bill)
    # Nothing is unpaid by itself: people decide, and until then no receipt is made.
    assert (after.pay, after.recon) == (PayState.PAID, ReconState.SHORT)
    assert after.receipt is not ReceiptState.ISSUED
    (difference,) = await drill.service.recon.differences(day=day)
    assert (difference.kind, difference.ours_fen) == ("short", FEE)
    await drill.calm()
    ruling = await drill.service.rulings.propose(
        Subject.DIFFERENCE,
        difference.difference_id,
        Decision.ACCEPT,
        actor="staff:a",
        note="银行回单已核对",
    )
    await drill.service.rulings.confirm(ruling.ruling_id, "staff:b")
    after = await drill.get(bill)
    assert (after.pay, after.recon) == (PayState.PAID, ReconState.RESOLVED)
