"""The routes of payments: reading, voiding, payables, the public look-up, the finance desk."""

from __future__ import annotations

import hashlib

import pytest

from gateway.cases.bill_lookup import FLOOR_SECONDS, TRIES_PER_CODE
from identity import StaffRole
from tests.api.test_payments import at_the_till, bill_of, due, push
from tests.api.world import OTHER, ROAD_FEE_FEN, Caller, World, ok, refused

LAST4, LAST = "0001", "轩"
LOOKUP = "/v1/public/bills:lookup"


async def test_one_bill_is_read_with_its_events(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    path = f"/v1/cases/{case_id}/payments/{bill['bill_id']}"
    assert ok(await citizen.get(path))["status"] == "paying"
    await world.pay(bill["pay_url"])
    assert ok(await citizen.get(path))["pay"] == "paid"
    events = ok(await citizen.get(f"{path}/events"))
    types = [event["type"] for event in events]
    assert types[0] == "payments.bill_raised"
    assert types.count("payments.paid") == 1
    sequences = [event["sequence"] for event in events]
    assert sequences == sorted(sequences)


async def test_bills_of_others_do_not_exist(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    other = await world.sign_in(OTHER)
    path = f"/v1/cases/{case_id}/payments/{bill['bill_id']}"
    for answer in (await other.get(path), await other.post(f"{path}/void")):
        refused(answer, 404, "case_not_found")
    unknown = f"/v1/cases/{case_id}/payments/bill_unknown"
    refused(await citizen.get(unknown), 404, "bill_not_found")


async def test_a_voided_bill_is_billed_anew_under_another_code(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    path = f"/v1/cases/{case_id}/payments"
    voided = ok(await citizen.post(f"{path}/{bill['bill_id']}/void"))
    assert (voided["pay"], voided["pay_url"]) == ("voided", None)
    again = ok(await citizen.post(path), 201)
    assert again["bill_id"] != bill["bill_id"]
    assert again["pay_code"] != bill["pay_code"]
    assert ok(await citizen.post(path), 201)["bill_id"] == again["bill_id"]
    await world.pay(again["pay_url"])
    assert (await citizen.case(case_id))["fee_paid"] is True


async def test_late_money_for_the_old_bill_voids_the_new_one(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    path = f"/v1/cases/{case_id}/payments"
    ok(await citizen.post(f"{path}/{bill['bill_id']}/void"))
    again = ok(await citizen.post(path), 201)
    await at_the_till(world, bill["pay_code"], force=True)
    await world.deliver()
    await world.work()
    assert (await citizen.case(case_id))["fee_paid"] is True
    states = {b["bill_id"]: b["pay"] for b in ok(await citizen.get(path))}
    assert states == {bill["bill_id"]: "paid", again["bill_id"]: "voided"}


async def test_voiding_a_paid_bill_finds_out_that_it_is_paid(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    world.town.knob("no_push")
    await at_the_till(world, bill["pay_code"])
    path = f"/v1/cases/{case_id}/payments/{bill['bill_id']}/void"
    assert ok(await citizen.post(path))["pay"] == "paid"


async def test_payables(world: World, citizen: Caller):
    assert ok(await citizen.get("/v1/me/payables")) == []
    case_id, bill = await due(world, citizen)
    (found,) = ok(await citizen.get("/v1/me/payables"))
    assert found["case_id"] == case_id
    assert found["bill"]["pay_url"] == bill["pay_url"]
    assert found["bill"]["amount_fen"] == ROAD_FEE_FEN
    assert ok(await (await world.sign_in(OTHER)).get("/v1/me/payables")) == []
    await world.pay(bill["pay_url"])
    assert ok(await citizen.get("/v1/me/payables")) == []


@pytest.mark.parametrize("factor", [{"mobile_last4": LAST4}, {"payer_name_last_char": LAST}])
async def test_whoever_holds_the_bill_may_look(
    world: World, citizen: Caller, factor: dict[str, str]
):
    _, bill = await due(world, citizen)
    found = ok(await world.http.post(LOOKUP, json={"pay_code": bill["pay_code"], **factor}))
    assert (found["amount_fen"], found["pay_url"]) == (ROAD_FEE_FEN, bill["pay_url"])
    assert "case_id" not in found
    assert not {"payer", "name", "mobile"} & set(found)


async def test_a_wrong_factor_and_an_unknown_code_get_one_answer(world: World, citizen: Caller):
    _, bill = await due(world, citizen)
    answers = []
    for code, factor in (
        (bill["pay_code"], {"mobile_last4": "9999"}),
        (bill["pay_code"], {"payer_name_last_char": "无"}),
        ("37000026109999999999", {"mobile_last4": LAST4}),
    ):
        started = world.clock.monotonic()
        answer = await world.http.post(LOOKUP, json={"pay_code": code, **factor})
        assert world.clock.monotonic() - started >= FLOOR_SECONDS
        problem = refused(answer, 404, "bill_lookup_failed")
        problem.pop("trace_id")
        answers.append(problem)
    assert answers[0] == answers[1] == answers[2]


async def test_a_code_cannot_be_tried_out(world: World, citizen: Caller):
    _, bill = await due(world, citizen)
    for code in (bill["pay_code"], "37000026109999999999"):
        for number in range(TRIES_PER_CODE):
            body = {"pay_code": code, "mobile_last4": f"{number:04}"}
            expected = (200,) if number == int(LAST4) and code == bill["pay_code"] else (404,)
            assert (await world.http.post(LOOKUP, json=body)).status_code in expected
        right = {"pay_code": code, "mobile_last4": LAST4}
        answer = await world.http.post(LOOKUP, json=right)
        refused(answer, 429, "too_many_tries")
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "body",
    [
        {"pay_code": "3" * 20},
        {"pay_code": "3" * 20, "mobile_last4": "12"},
        {"pay_code": "3" * 20, "mobile_last4": "1234", "payer_name_last_char": "轩"},
        {"pay_code": "", "mobile_last4": "1234"},
        {"pay_code": "3" * 21, "mobile_last4": "1234"},
    ],
)
async def test_look_ups_that_cannot_be_right(world: World, body: dict[str, str]):
    refused(await world.http.post(LOOKUP, json=body), 422, "fields_invalid")


async def test_the_finance_desk_sees_what_is_wrong(world: World, citizen: Caller):
    case_id, bill = await due(world, citizen)
    await at_the_till(world, bill["pay_code"])
    await at_the_till(world, bill["pay_code"], force=True)
    await world.deliver()
    forged = b"200     CNNONTAX1.05996" + b"x" * 177
    assert await push(world, forged)
    finance = await world.staff(StaffRole.FINANCE)
    found = ok(await finance.get("/v1/staff/payments:discrepancies"))
    (flagged,) = found["bills"]
    assert (flagged["case_id"], flagged["bill"]["exceptions"]) == (case_id, ["excess_payment"])
    (trace,) = found["refused"]
    assert trace["sha256"] == hashlib.sha256(forged).hexdigest()
    assert (trace["size"], trace["reason"][:6]) == (200, "90002:")
    assert (await bill_of(citizen, case_id))["pay"] == "paid"


async def test_the_finance_desk_is_not_for_everybody(world: World, citizen: Caller):
    path = "/v1/staff/payments:discrepancies"
    refused(await citizen.get(path), 401, "unauthenticated")
    for role in (StaffRole.CLERK, StaffRole.DEPARTMENT, StaffRole.APPROVER):
        refused(await (await world.staff(role)).get(path), 403, "forbidden")
    for role in (StaffRole.FINANCE, StaffRole.OPS, StaffRole.AUDITOR):
        assert ok(await (await world.staff(role)).get(path)).keys() == {
            *("bills", "unmatched", "refused"),
        }
