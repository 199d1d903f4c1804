"""The fee of a case: forged, repeated and wrong news of payments change nothing they should not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.upstreams.cnnontax_tcp import wire
from identity import StaffRole
from tests.api.town import HOST
from tests.api.world import ROAD_FEE_FEN, Caller, World, ok, refused, submitted


async def due(world: World, citizen: Caller) -> tuple[str, Any]:
    """A case that waits for its fee, and its bill."""
    case_id = await submitted(world, citizen)
    clerk, reviewer = await world.staff(StaffRole.CLERK), await world.staff(StaffRole.DEPARTMENT)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    await reviewer.desk(case_id, "take")
    await reviewer.desk(case_id, "review", {"opinion": "PASSED", "remark": ""})
    bill = ok(await citizen.post(f"/v1/cases/{case_id}/payments"), 201)
    return case_id, bill


async def at_the_till(world: World, pay_code: str, **more: Any) -> None:
    async with httpx.AsyncClient() as till:
        url = f"{world.town.url('cnnontax_tcp')}/sim/pay"
        (await till.post(url, json={"payCode": pay_code, **more})).raise_for_status()


async def bill_of(citizen: Caller, case_id: str) -> Any:
    (bill,) = ok(await citizen.get(f"/v1/cases/{case_id}/payments"))
    return bill


async def push(world: World, frame: bytes) -> bytes:
    """Send bytes to the listener as anybody could; return the answer, empty for none."""
    reader, writer = await asyncio.open_connection(HOST, world.town.push_port)
    writer.write(frame)
    writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_asking_twice_is_one_bill(any_world: World):
    citizen = await any_world.sign_in()
    case_id, bill = await due(any_world, citizen)
    again = await asyncio.gather(*(citizen.post(f"/v1/cases/{case_id}/payments") for _ in range(4)))
    bills = {answer.json()["bill_id"] for answer in again if answer.status_code == 201}
    assert bills == {bill["bill_id"]}
    await any_world.work()
    assert (await bill_of(citizen, case_id))["bill_id"] == bill["bill_id"]


async def test_duplicated_news_pays_once(any_world: World):
    world = any_world
    citizen = await world.sign_in()
    case_id, bill = await due(world, citizen)
    world.town.knob("duplicate", value=3)
    await at_the_till(world, bill["pay_code"])
    await world.deliver()
    case = await citizen.case(case_id)
    assert (case["state"], case["fee_paid"]) == ("REVIEWING", True)
    paid = await bill_of(citizen, case_id)
    # The worker may have fetched the receipt already.
    assert paid["status"] in {"paid", "receipted"}
    assert paid["exceptions"] == []
    events = ok(await citizen.get(f"/v1/cases/{case_id}/timeline"))
    assert [e["type"] for e in events].count("case.payment_settled") == 1


async def test_wrong_amount_pays_nothing_and_is_shown(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    # The finance system's own books would settle it; here they lag behind the news.
    world.town.knob("stale_status", times=0)
    world.town.knob("wrong_amount", value=-100, times=0)
    await at_the_till(world, bill["pay_code"])
    await world.deliver()
    case = await citizen.case(case_id)
    assert (case["state"], case["fee_paid"]) == ("AWAITING_PAYMENT", False)
    assert (await bill_of(citizen, case_id))["exceptions"] == ["amount_mismatch"]


@pytest.mark.parametrize("knob", ["wrong_mac", "stranger"])
async def test_forged_news_changes_nothing(world: World, citizen: Caller, knob: str):
    case_id, bill = await due(world, citizen)
    world.town.knob("stale_status", times=0)
    world.town.knob(knob, times=0)
    await at_the_till(world, bill["pay_code"])
    await world.deliver()
    assert (await citizen.case(case_id))["fee_paid"] is False
    # The true news comes with the next repetition.
    world.town.calm()
    await world.deliver()
    assert (await citizen.case(case_id))["fee_paid"] is True


async def test_frames_that_are_rubbish(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    xml = wire.write_xml(
        wire.Head("F370000", "K3700000001", "5996", "1", "1", "20260101"),
        [wire.write_voucher([("PayCode", bill["pay_code"]), ("Amt", "80.00")])],
    )
    for frame in (
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"99999999" * 10,
        b"0" * 64,
        wire.join_frame("5996", xml, "0" * 64),
        wire.join_frame("5996", b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]>", "0" * 64),
    ):
        await push(world, frame)
    await world.work()
    assert (await citizen.case(case_id))["state"] == "AWAITING_PAYMENT"
    assert (await bill_of(citizen, case_id))["pay"] != "paid"


async def test_news_that_never_comes_is_asked_for(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    world.town.knob("no_push")
    await at_the_till(world, bill["pay_code"])
    await world.work_later(timedelta(minutes=2))
    assert (await citizen.case(case_id))["fee_paid"] is True


async def test_grant_needs_the_fee(world: World, citizen: Caller):
    case_id, _ = await due(world, citizen)
    approver = await world.staff(StaffRole.APPROVER)
    path = f"/v1/staff/cases/{case_id}/decide"
    refused(await approver.post(path, {"outcome": "GRANTED"}), 409, "illegal_transition")


async def test_finance_system_that_is_away(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    clerk, reviewer = await world.staff(StaffRole.CLERK), await world.staff(StaffRole.DEPARTMENT)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    await reviewer.desk(case_id, "take")
    await reviewer.desk(case_id, "review", {"opinion": "PASSED", "remark": ""})
    world.town.fault("cnnontax_tcp", "refuse", times=0)
    answer = await citizen.post(f"/v1/cases/{case_id}/payments")
    refused(answer, 409, "bill_not_ready")
    assert int(answer.headers["retry-after"]) > 0
    world.town.calm()
    await world.work_later(timedelta(minutes=1))
    bill = ok(await citizen.post(f"/v1/cases/{case_id}/payments"), 201)
    assert bill["amount_fen"] == ROAD_FEE_FEN
    await world.pay(bill["pay_url"])
    assert (await citizen.case(case_id))["fee_paid"] is True


async def test_withdrawing_voids_the_bill(any_world: World):
    world = any_world
    citizen = await world.sign_in()
    case_id, _ = await due(world, citizen)
    withdrawn = ok(await citizen.post(f"/v1/cases/{case_id}/withdraw"))
    assert withdrawn["state"] == "WITHDRAWN"
    await world.work()
    assert (await bill_of(citizen, case_id))["status"] == "voided"
    refused(await citizen.post(f"/v1/cases/{case_id}/payments"), 409, "no_fee_due")


async def test_a_fee_that_nobody_paid_in_time_lets_the_department_refuse(
    world: World, citizen: Caller
):
    case_id, bill = await due(world, citizen)
    await world.container.payments.void(bill["bill_id"])
    await world.work()
    case = await citizen.case(case_id)
    assert (case["state"], case["fee_paid"]) == ("REVIEWING", False)
    approver = await world.staff(StaffRole.APPROVER)
    path = f"/v1/staff/cases/{case_id}/decide"
    refused(await approver.post(path, {"outcome": "GRANTED"}), 409, "fee_unpaid")
    decided = ok(await approver.post(path, {"outcome": "REFUSED", "reason": "逾期未缴费"}))
    assert decided["outcome"] == "REFUSED"
