"""Whole cases through the interface: applicant, staff, worker, and four systems on real sockets."""

from __future__ import annotations

from typing import Any

import pytest

import e_seal
from identity import StaffRole
from tests.api.world import (
    COMPANY,
    ROAD,
    ROAD_FEE_FEN,
    ROAD_FORM,
    Caller,
    World,
    ok,
    refused,
    submitted,
)

INSTANT = "11370100MB9000058W3000715021000"
"""An instant item of a department with a seal."""
INSTANT_UNSEALED = "11370000MB900002352000714004000"
"""An instant item of a department that issues no documents."""
FREE_PERMIT = "11370102MB9000074F4000123017000"
"""A promise item for organisations, without a fee."""
ADVICE = "材料齐全，符合规定。"


async def staff_of(world: World, item: str) -> tuple[Caller, Caller, Caller]:
    """A clerk, a reviewer and an approver of the department that offers an item."""
    department = (await world.container.catalog.get(item)).department
    roles = (StaffRole.CLERK, StaffRole.DEPARTMENT, StaffRole.APPROVER)
    clerk, reviewer, approver = [
        await world.staff(role, department=department.uscc, region=department.region)
        for role in roles
    ]
    return clerk, reviewer, approver


async def reviewed(world: World, citizen: Caller, case_id: str, item: str = ROAD) -> Caller:
    """Bring a submitted case through a favourable review; return the approver."""
    clerk, reviewer, approver = await staff_of(world, item)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    await reviewer.desk(case_id, "take")
    await reviewer.desk(case_id, "review", {"opinion": "PASSED", "remark": ADVICE})
    await world.work()
    return approver


async def topics(citizen: Caller, case_id: str) -> list[str]:
    """What happened to a case, in order; the sequence must have no holes."""
    events: list[dict[str, Any]] = ok(await citizen.get(f"/v1/cases/{case_id}/timeline"))
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    return [event["type"] for event in events if event["type"].startswith("case.")]


async def documents(world: World, citizen: Caller, case_id: str) -> dict[str, Any]:
    """The case's documents by kind; each downloads as the file that was verified."""
    listed = ok(await citizen.get(f"/v1/cases/{case_id}/documents"))
    for document in listed:
        assert (document["state"], document["verdict"]) == ("SEALED", "VALID"), document
        path = f"/v1/cases/{case_id}/documents/{document['document_id']}/content"
        answer = await citizen.get(path)
        assert answer.headers["content-type"] == "application/ofd"
        assert answer.headers["etag"] == f'"{document["sha256"]}"'
        report = await world.container.seals.verify(answer.content)
        assert report.verdict == e_seal.Verdict.VALID
    kinds = {document["kind"]: document for document in listed}
    assert len(kinds) == len(listed)
    return kinds


async def test_from_declaration_to_collection(any_world: World):
    world = any_world
    citizen = await world.sign_in()
    outlook = ok(
        await citizen.post(
            "/v1/prechecks", {"item_code": ROAD, "form": ROAD_FORM, "licence_consent": True}
        )
    )
    assert (outlook["to_bring"], outlook["fee_fen"]) == (1, ROAD_FEE_FEN)

    case_id = await citizen.declare()
    for material in outlook["materials"]:
        if material["replaced"]:
            path = f"/v1/cases/{case_id}/materials/{material['code']}/licence"
            brought = ok(await citizen.post(path, {"consent": True}))
            assert (brought["source"], brought["licence_name"] != "") == ("LICENCE", True)
        else:
            assert ok(await citizen.upload(case_id, material["code"]))["source"] == "UPLOAD"
    case = await citizen.act(case_id, "submit")
    assert case["case_no"].startswith(ROAD)
    assert case["receipt_no"].startswith("370102")

    approver = await reviewed(world, citizen, case_id)
    assert (await citizen.case(case_id))["public_state"] == "ACTION_NEEDED"
    refused(
        await approver.post(f"/v1/staff/cases/{case_id}/decide", {"outcome": "GRANTED"}),
        409,
        "illegal_transition",
    )
    bill = ok(await citizen.post(f"/v1/cases/{case_id}/payments"), 201)
    assert (bill["amount_fen"], bill["amount_yuan"]) == (ROAD_FEE_FEN, "80.00")
    await world.pay(bill["pay_url"])
    case = await citizen.case(case_id)
    assert (case["state"], case["fee_paid"]) == ("REVIEWING", True)
    (paid,) = ok(await citizen.get(f"/v1/cases/{case_id}/payments"))
    assert (paid["bill_id"], paid["pay"]) == (bill["bill_id"], "paid")

    await approver.desk(case_id, "decide", {"outcome": "GRANTED"})
    await world.work()
    assert set(await documents(world, citizen, case_id)) == {"RECEIPT", "ACCEPTANCE", "GRANT"}
    assert (await citizen.act(case_id, "collect"))["public_state"] == "DONE"
    happened = [topic for topic in await topics(citizen, case_id) if "document" not in topic]
    assert happened == [
        "case.declared",
        *["case.material_added"] * 3,
        "case.submitted",
        "case.received",
        "case.accepted",
        "case.review_started",
        "case.reviewed",
        "case.payment_requested",
        "case.payment_settled",
        "case.decided",
        "case.concluded",
        "case.delivery_started",
        "case.delivered",
    ]


async def test_refusal_states_its_reason_and_remedies(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    clerk, reviewer, approver = await staff_of(world, ROAD)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    await reviewer.desk(case_id, "take")
    path = f"/v1/staff/cases/{case_id}"
    body: dict[str, str] = {"opinion": "FAILED"}
    refused(await reviewer.post(f"{path}/review", body), 422, "reason_missing")
    await reviewer.desk(case_id, "review", {**body, "remark": "与地铁施工范围重叠"})
    refused(await reviewer.post(f"{path}/review", {"opinion": "PASSED"}), 409, "review_exists")
    refused(await approver.post(f"{path}/decide", {"outcome": "GRANTED"}), 409, "review_missing")
    refused(await approver.post(f"{path}/decide", {"outcome": "REFUSED"}), 422, "reason_missing")
    await approver.desk(case_id, "decide", {"outcome": "REFUSED", "reason": "范围重叠"})
    await world.work()
    assert set(await documents(world, citizen, case_id)) == {"RECEIPT", "ACCEPTANCE", "REFUSAL"}
    case = await citizen.act(case_id, "collect")
    assert (case["state"], case["outcome"], case["reason"]) == ("DELIVERED", "REFUSED", "范围重叠")


async def test_not_accepted(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    clerk, _, _ = await staff_of(world, ROAD)
    await clerk.desk(case_id, "reject", {"reason": "不属于本机关职权范围"})
    await world.work()
    assert set(await documents(world, citizen, case_id)) == {"NON_ACCEPTANCE"}
    case = await citizen.case(case_id)
    assert (case["public_state"], case["outcome"]) == ("CLOSED", "NOT_ACCEPTED")
    assert case["finished_at"]


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_withdrawal_until_the_payment(world: World, citizen: Caller, steps: int):
    case_id = await submitted(world, citizen)
    clerk, reviewer, _ = await staff_of(world, ROAD)
    for who, act in [(clerk, "receive"), (clerk, "accept"), (reviewer, "take")][:steps]:
        await who.desk(case_id, act)
    case = await citizen.act(case_id, "withdraw")
    assert (case["state"], case["outcome"]) == ("WITHDRAWN", "WITHDRAWN")
    assert (await topics(citizen, case_id))[-1] == "case.withdrawn"
    refused(await citizen.post(f"/v1/cases/{case_id}/withdraw"), 409, "illegal_transition")


async def test_draft_is_discarded_and_nobody_at_the_desk_ever_sees_it(
    world: World, citizen: Caller
):
    case_id = await citizen.declare()
    clerk, _, _ = await staff_of(world, ROAD)
    refused(await clerk.get(f"/v1/staff/cases/{case_id}"), 404, "case_not_found")
    assert (await citizen.act(case_id, "discard"))["state"] == "DISCARDED"
    refused(await clerk.get(f"/v1/staff/cases/{case_id}"), 404, "case_not_found")


async def test_instant_item_needs_no_review(world: World, citizen: Caller):
    case_id = await submitted(world, citizen, INSTANT)
    clerk, _, approver = await staff_of(world, INSTANT)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    await approver.desk(case_id, "decide", {"outcome": "GRANTED"})
    await world.work()
    assert set(await documents(world, citizen, case_id)) == {"RECEIPT", "ACCEPTANCE", "GRANT"}
    assert (await citizen.case(case_id))["state"] == "DELIVERING"


async def test_department_without_a_seal_issues_no_documents(world: World, citizen: Caller):
    case_id = await submitted(world, citizen, INSTANT_UNSEALED)
    clerk, _, approver = await staff_of(world, INSTANT_UNSEALED)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    decided = await approver.desk(case_id, "decide", {"outcome": "GRANTED"})
    assert decided["state"] == "DELIVERING"
    assert await documents(world, citizen, case_id) == {}
    assert (await citizen.act(case_id, "collect"))["state"] == "DELIVERED"


async def test_organisation_applies_with_its_own_licence(world: World):
    # JIS may tell the level of a company's operator or not; where it does not, it is 0.
    company = await world.sign_in(COMPANY, "LEGAL_PERSON")
    assert ok(await company.get("/v1/me"))["ial"] == 0
    refused(await company.get("/v1/cases"), 401, "insufficient_user_authentication")
    company = await world.step_up(company)
    me = ok(await company.get("/v1/me"))
    assert (me["ial"], me["aal"]) == (3, 2)
    assert (me["organisation"], me["name"][1:]) == ("山东一窗示例科技有限公司", "**")
    case_id = await company.declare(FREE_PERMIT)
    brought = ok(
        await company.post(f"/v1/cases/{case_id}/materials/M01/licence", {"consent": True})
    )
    assert brought["licence_name"] == "营业执照"
    ok(await company.upload(case_id, "M02"))
    await company.act(case_id, "submit")
    approver = await reviewed(world, company, case_id, FREE_PERMIT)
    await approver.desk(case_id, "decide", {"outcome": "GRANTED"})
    await world.work()
    assert set(await documents(world, company, case_id)) == {"RECEIPT", "ACCEPTANCE", "GRANT"}
    case = await company.act(case_id, "collect")
    assert (case["applicant_type"], case["applicant_id"]) == ("LEGAL_PERSON", me["uscc"])


async def test_lists_events_and_downloads_of_the_desk(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    clerk, _, _ = await staff_of(world, ROAD)
    listed = ok(await clerk.get("/v1/staff/cases", state="SUBMITTED"))
    assert [row["case_id"] for row in listed["rows"]] == [case_id]
    file = await clerk.get(f"/v1/staff/cases/{case_id}/materials/M03/content")
    assert (file.status_code, file.headers["content-type"]) == (200, "application/pdf")
    assert [row["case_id"] for row in ok(await citizen.get("/v1/cases"))["rows"]] == [case_id]

    seen = ok(await citizen.get("/v1/events"))
    assert {event["subject"] for event in seen["rows"]} == {case_id}
    assert ok(await citizen.get("/v1/events", after=seen["next"]))["rows"] == []
    ops = await world.staff(StaffRole.OPS, region="370000")
    everything = ok(await ops.get("/v1/staff/events", limit=200))
    assert {event["id"] for event in seen["rows"]} <= {event["id"] for event in everything["rows"]}


async def test_seal_system_that_is_away_delays_the_document_and_nothing_else(
    world: World, citizen: Caller
):
    case_id = await submitted(world, citizen, INSTANT)
    clerk, _, approver = await staff_of(world, INSTANT)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    await world.work()
    world.town.fault("sd_seal", "error", times=0)
    await approver.desk(case_id, "decide", {"outcome": "GRANTED"})
    await world.engine.run_once()
    listed = ok(await citizen.get(f"/v1/cases/{case_id}/documents"))
    late = next(document for document in listed if document["kind"] == "GRANT")
    assert (await citizen.case(case_id))["state"] == "DECIDED"
    answer = await citizen.get(f"/v1/cases/{case_id}/documents/{late['document_id']}/content")
    refused(answer, 409, "document_not_ready")
    assert int(answer.headers["retry-after"]) > 0
