"""Drills 3 to 9, 26, 48 to 50, 52: raising bills while the finance system misbehaves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

import payments
from kernel.errors import UpstreamError
from kernel.money import fen
from payments import PayState
from payments import tables as pt
from tests.api.test_payments import due
from tests.api.world import PERSON, ok, refused
from tests.contract.payments.drill import Drill


async def test_fault03_push_before_the_answer_to_the_issue(drill: Drill):
    bill = await drill.raised()
    await drill.knob("push_before_response")
    after = await drill.service.issue(bill.bill_id)
    await drill.deliver()
    assert after.pay in {PayState.PENDING, PayState.PAID}
    assert await drill.state(bill) is PayState.PAID
    await drill.later(minutes=1)
    assert await drill.state(bill) is PayState.PAID


async def test_fault04_accepted_but_the_answer_is_lost(drill: Drill):
    bill = await drill.raised()
    await drill.knob("drop_response_after_commit", msg_no="8994", times=0)
    assert (await drill.service.issue(bill.bill_id)).pay is PayState.ISSUING
    await drill.calm()
    await drill.later(minutes=1)
    after = await drill.get(bill)
    assert (after.pay, after.pay_code) == (PayState.PENDING, bill.pay_code)
    assert after.pay_url
    assert (await drill.sim.get("/sim/bills")).json()["bills"] == 1


async def test_fault05_answer_lost_and_the_query_is_down(drill: Drill):
    bill = await drill.raised()
    await drill.knob("drop_response_after_commit", msg_no="8994", times=0)
    await drill.network("refuse", operation="query", times=0)
    for _ in range(3):
        assert (await drill.service.issue(bill.bill_id)).pay is PayState.ISSUING
        await drill.later(minutes=1)
    assert payments.public_status(await drill.get(bill)) is payments.PublicStatus.ISSUING
    assert await drill.count(pt.bill, pt.bill.c.reference == bill.reference) == 1
    with pytest.raises(payments.BillNotReady):
        await drill.service.open(bill.bill_id)
    await drill.calm()
    await drill.later(minutes=30)
    assert await drill.state(bill) is PayState.PENDING


async def test_fault06_agency_not_entitled(drill: Drill):
    bill = await drill.raised(code="103999999")
    failed = await drill.service.issue(bill.bill_id)
    assert (failed.pay, failed.failure_code) == (PayState.ISSUE_FAILED, "18012")
    assert failed.pay_url == ""
    with pytest.raises(payments.BillClosed):
        await drill.service.open(bill.bill_id)
    other = await drill.pending()
    assert other.pay_code != bill.pay_code


async def test_fault07_double_click(drill: Drill):
    order = await drill.order()
    raised = await asyncio.gather(*(drill.service.raise_bill(order) for _ in range(10)))
    ids = {bill.bill_id for bill in raised if isinstance(bill, payments.Bill)}
    assert len(ids) == 1
    (bill_id,) = ids
    issued = await asyncio.gather(*(drill.service.issue(bill_id) for _ in range(5)))
    assert {bill.pay for bill in issued} == {PayState.PENDING}
    urls = await asyncio.gather(*(drill.service.open(bill_id) for _ in range(5)))
    assert len(set(urls)) == 1
    assert await drill.count(pt.attempt, pt.attempt.c.bill_id == bill_id) == 1
    assert (await drill.sim.get("/sim/bills")).json()["bills"] == 1


async def test_fault08_same_key_for_something_else(town_drill: Drill):
    world = town_drill.world
    citizen = await world.sign_in(PERSON)
    case_id, _ = await due(world, citizen)
    other, _ = await due(world, citizen)
    ok(await citizen.post(f"/v1/cases/{case_id}/payments", key="click"), 201)
    answer = await citizen.post(f"/v1/cases/{other}/payments", key="click")
    refused(answer, 422, "idempotency_key_reused")
    assert len(ok(await citizen.get(f"/v1/cases/{other}/payments"))) == 1


async def test_fault09_same_fee_under_another_key(drill: Drill):
    bill = await drill.pending()
    again = await drill.service.raise_bill(await drill.order(reference=bill.reference))
    assert isinstance(again, payments.Bill)
    assert again.bill_id == bill.bill_id
    with pytest.raises(payments.BillDiffers):
        await drill.service.raise_bill(await drill.order(reference=bill.reference, amount=1))
    assert await drill.count(pt.bill) == 1


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([("103000001", "带|号的项目")], id="pipe"),
        pytest.param([("103000001", "带#号的项目")], id="hash"),
        pytest.param(
            [(f"1030000{n:02}", "名称很长的收费项目" * 4) for n in range(12)], id="overflow"
        ),
    ],
)
async def test_fault26_items_that_cannot_be_written(drill: Drill, items: list[tuple[str, str]]):
    lines = tuple(payments.BillItem(code, name, fen(100)) for code, name in items)
    order = await drill.order(items=lines)
    with pytest.raises(payments.InvalidBill):
        await drill.service.raise_bill(order)
    assert await drill.count(pt.bill) == 0
    assert (await drill.sim.get("/sim/bills")).json()["bills"] == 0


@pytest.mark.parametrize("fault", ["html_200", "empty_information"])
async def test_fault48_success_that_is_none(drill: Drill, fault: str):
    bill = await drill.raised()
    await drill.knob(fault, msg_no="8994", times=0)
    assert (await drill.service.issue(bill.bill_id)).pay is PayState.ISSUING
    await drill.knob("html_200", msg_no="8997", times=0)
    with pytest.raises(UpstreamError):
        await drill.service.refresh(bill.bill_id)
    assert await drill.state(bill) is PayState.ISSUING
    await drill.calm()
    await drill.later(minutes=5)
    assert await drill.state(bill) is PayState.PENDING


async def test_fault49_a_hung_finance_system_hurts_nobody_else(town_drill: Drill):
    drill, world = town_drill, town_drill.world
    citizen = await world.sign_in(PERSON)
    bills = [await drill.raised() for _ in range(200)]
    await drill.knob("delay_ms", msg_no="8994", times=0, value=29_000)

    async def asked(bill: payments.Bill) -> payments.Bill:
        # As a request has it: whoever waits behind the bulkhead is told in time.
        async with world.container.deadline(4):
            return await drill.service.issue(bill.bill_id)

    begun = time.monotonic()
    hung = [asyncio.create_task(asked(bill)) for bill in bills]
    await asyncio.sleep(0.5)
    spent = []
    for _ in range(20):
        started = time.monotonic()
        ok(await citizen.get("/v1/items"))
        spent.append(time.monotonic() - started)
    # Another upstream, asked for real while this one hangs.
    started = time.monotonic()
    await world.sign_in(PERSON)
    assert time.monotonic() - started < 3
    assert sorted(spent)[-2] < 1
    assert {(await task).pay for task in hung} == {PayState.ISSUING}
    assert time.monotonic() - begun < 15
    await drill.calm()
    retried = [await drill.service.raise_bill(await _same(drill, bill)) for bill in bills[:5]]
    assert [b.bill_id for b in retried if isinstance(b, payments.Bill)] == [
        bill.bill_id for bill in bills[:5]
    ]
    assert await drill.count(pt.bill) == len(bills)


async def _same(drill: Drill, bill: payments.Bill) -> payments.BillOrder:
    return await drill.order(reference=bill.reference)


async def test_fault50_nothing_due(drill: Drill):
    exempt = payments.BillItem(
        "103000001", "占道费", fen(0), exempted_fen=fen(8000), exemption="小微企业免征"
    )
    order = await drill.order(items=(exempt,))
    assert isinstance(await drill.service.raise_bill(order), payments.NoFeeDue)
    assert await drill.count(pt.bill) == 0
    assert (await drill.sim.get("/sim/bills")).json()["bills"] == 0


async def test_fault52_forged_return_of_the_browser(town_drill: Drill):
    drill, world = town_drill, town_drill.world
    citizen = await world.sign_in(PERSON)
    case_id, bill = await due(world, citizen)
    forged: dict[str, Any] = {"status": "success", "billId": bill["pay_code"], "amount": "80.00"}
    for path in (
        f"/v1/cases/{case_id}/payments/{bill['bill_id']}",
        f"/v1/cases/{case_id}/payments",
        "/portal/",
    ):
        await citizen.get(f"{path}?{httpx.QueryParams(forged)}")
    await world.http.post("/callbacks/nontax/370000", json=forged)
    await drill.work()
    assert (await citizen.case(case_id))["fee_paid"] is False
