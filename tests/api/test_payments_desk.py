"""The finance desk: refunds, receipts, decisions of two people, reconciliation, reversal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from identity import StaffRole
from kernel.clock import beijing
from tests.api.test_payments import at_the_till, due
from tests.api.town import Town
from tests.api.world import ROAD_FEE_FEN, Caller, World, ok, refused

DIVISION = "370000"


@pytest.fixture(autouse=True)
def punctual(town: Town) -> Iterator[None]:
    """Whatever a test did to the finance system's clock, the next one finds it right."""
    yield
    httpx.delete(f"{town.url('cnnontax_tcp')}/sim/clock").raise_for_status()


async def paid(world: World, citizen: Caller) -> tuple[str, Any]:
    """A case whose fee is paid, and the path of its bill."""
    case_id, bill = await due(world, citizen)
    await world.pay(bill["pay_url"])
    return f"/v1/cases/{case_id}/payments/{bill['bill_id']}", bill


async def two_people(world: World) -> tuple[Caller, Caller]:
    """Two members of the finance staff."""
    first = await world.staff(StaffRole.FINANCE)
    second = await world.staff(StaffRole.FINANCE, region="370100")
    return first, second


async def let_pass(world: World, seconds: int) -> None:
    """Let time pass at the finance system and here."""
    async with httpx.AsyncClient() as browser:
        url = f"{world.town.url('cnnontax_tcp')}/sim/clock"
        (await browser.post(url, json={"advanceSeconds": seconds})).raise_for_status()
    world.clock.shift += timedelta(seconds=seconds)


async def publish(world: World, day: date) -> None:
    """Let the finance system publish a day again: other gateways may have had their file."""
    async with httpx.AsyncClient() as browser:
        url = f"{world.town.url('cnnontax_tcp')}/sim/recon"
        (await browser.post(url, json={"fileDate": f"{day:%Y%m%d}"})).raise_for_status()


def wish(number: str, amount: int, expected: int) -> dict[str, Any]:
    return {
        "refund_no": number,
        "amount_fen": amount,
        "expected_refundable_fen": expected,
        "reason": "申请人撤回",
    }


async def test_receipt_and_refund(world: World, citizen: Caller):
    path, _ = await paid(world, citizen)
    answer = await citizen.get(f"{path}/receipt")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    body = wish("TK1", ROAD_FEE_FEN, ROAD_FEE_FEN)
    wrong = wish("TK0", 100, 1)
    refused(await citizen.post(f"{path}/refunds", wrong), 409, "not_refundable")
    made = ok(await citizen.post(f"{path}/refunds", body, key="tk1"), 201)
    assert ok(await citizen.post(f"{path}/refunds", body, key="tk1"), 201) == made
    assert ok(await citizen.post(f"{path}/refunds", body), 201)["refund"] == made["refund"]
    assert (made["refund"]["step"], made["refundable_fen"]) == ("requested", 0)
    approve = f"/v1/staff/refunds/{made['refund']['refund_id']}/approve"
    refused(await citizen.post(approve), 401, "unauthenticated")
    refused(await (await world.staff(StaffRole.OPS)).post(approve), 403, "forbidden")
    finance, _ = await two_people(world)
    assert ok(await finance.post(approve))["step"] == "approved"
    for _ in range(4):
        await world.work_later(timedelta(minutes=2))
        await let_pass(world, 10)
        await world.deliver()
    (refund,) = ok(await citizen.get(f"{path}/refunds"))["refunds"]
    assert refund["step"] == "done"
    assert ok(await citizen.get(path))["status"] == "refunded"
    refused(await citizen.get(f"{path}/receipt"), 404, "receipt_not_found")


async def test_one_person_cannot_decide_alone(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    world.town.knob("stale_status", times=0)
    world.town.knob("wrong_amount", value=-100)
    await at_the_till(world, bill["pay_code"])
    await world.deliver()
    first, second = await two_people(world)
    resolve = f"/v1/staff/payments/{bill['bill_id']}/resolve"
    body = {"exception": "amount_mismatch", "decision": "accept", "note": "银行回单已核对"}
    ruling = ok(await first.post(resolve, body), 201)
    refused(await second.post(resolve, body), 409, "ruling_open")
    confirm = f"/v1/staff/rulings/{ruling['ruling_id']}/confirm"
    refused(await first.post(confirm), 403, "four_eyes")
    assert (await citizen.case(case_id))["fee_paid"] is False
    assert [r["ruling_id"] for r in ok(await second.get("/v1/staff/rulings"))] == [
        ruling["ruling_id"]
    ]
    done = ok(await second.post(confirm))
    assert done["state"] == "done"
    assert done["confirmed_by"] != done["proposed_by"]
    await world.work()
    assert (await citizen.case(case_id))["fee_paid"] is True


async def test_money_for_nobody_is_claimed_by_two_people(world: World, citizen: Caller):
    _, bill = await due(world, citizen)
    first, second = await two_people(world)
    body = {"key": "push:none", "decision": "claim", "note": "x", "bill_id": bill["bill_id"]}
    refused(await first.post("/v1/staff/unmatched:resolve", body), 404, "ruling_not_found")
    assert ok(await second.get("/v1/staff/rulings")) == []


async def test_a_day_is_reconciled(world: World, citizen: Caller):
    path, bill = await paid(world, citizen)
    at = beijing(datetime.fromisoformat(ok(await citizen.get(path))["paid_at"]))
    await let_pass(world, 86_400 * 2)
    await publish(world, at.date())
    finance, _ = await two_people(world)
    day = f"/v1/staff/recon/{DIVISION}/{at.date().isoformat()}"
    before = ok(await finance.get(day))
    assert (before["revision"], before["agrees"], before["ours"]["count"]) == (None, False, 1)
    # The finance system has served other gateways today: what is theirs is nobody's here.
    fetched = ok(await finance.post(f"{day}/fetch"))
    assert (fetched["matched"]["count"], fetched["matched"]["amount_fen"]) == (1, ROAD_FEE_FEN)
    assert set(fetched["open_differences"]) <= {"unknown_code", "refund_unknown"}
    assert ok(await finance.get(day)) == {**fetched, "state": "matched"}
    after = await world.container.payments.get(bill["bill_id"])
    assert after.recon == "matched"
    books = ok(await finance.get(f"/v1/staff/recon/{DIVISION}/books"))
    assert (books["tie_out"], books["violations"]) == (True, [])
    assert books["paid_fen"] == ROAD_FEE_FEN
    reverse = f"/v1/staff/payments/{bill['bill_id']}/reverse"
    answer = await finance.post(reverse, {"reason": "重复收费"})
    refused(answer, 409, "already_reconciled")


async def test_a_payment_of_today_is_reversed(world: World, citizen: Caller):
    path, bill = await paid(world, citizen)
    finance, _ = await two_people(world)
    reverse = f"/v1/staff/payments/{bill['bill_id']}/reverse"
    refused(await citizen.post(reverse, {"reason": "x"}), 401, "unauthenticated")
    assert (await finance.post(reverse, {"reason": "重复收费"})).status_code in {200, 409, 503}
    await world.work_later(timedelta(minutes=5))
    assert ok(await citizen.get(path))["pay"] == "reversed"


async def test_bad_divisions_and_days(world: World):
    finance, _ = await two_people(world)
    for path in ("37000/2026-01-01", "370000/2026-13-01", "abcdef/2026-01-01"):
        refused(await finance.get(f"/v1/staff/recon/{path}"), 422, "fields_invalid")
    clerk = await world.staff(StaffRole.CLERK)
    refused(await clerk.get("/v1/staff/recon/370000/2026-01-01"), 403, "forbidden")
