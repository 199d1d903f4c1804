"""Who may see and do what: nobody learns of another's case, and every role stays in its place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from identity import STAFF_PREFIX, TOKEN_PREFIX, StaffRole
from tests.api.world import (
    COMPANY,
    OTHER,
    ROAD,
    ROAD_FORM,
    WEAK,
    Caller,
    World,
    ok,
    refused,
    submitted,
)

HEALTH_DEPARTMENT = "11370102MB9000074F"
"""Another department of the same district."""
READS = ("", "/timeline", "/payments", "/documents", "/documents/doc_x/content")
WRITES = ("/submit", "/withdraw", "/discard", "/collect", "/payments")


async def foreign(caller: Caller, case_id: str) -> None:
    """Try everything there is to try on a case; it must not exist."""
    path = f"/v1/cases/{case_id}"
    for tail in READS:
        refused(await caller.get(path + tail), 404, "case_not_found")
    for tail in WRITES:
        refused(await caller.post(path + tail), 404, "case_not_found")
    refused(await caller.put(f"{path}/form", {"form": ROAD_FORM}), 404, "case_not_found")
    refused(await caller.upload(case_id, "M01"), 404, "case_not_found")
    licence = await caller.post(f"{path}/materials/M01/licence", {"consent": True})
    refused(licence, 404, "case_not_found")


async def test_case_of_another_person_does_not_exist(world: World, citizen: Caller):
    draft, sent = await citizen.declare(), await submitted(world, citizen)
    other = await world.sign_in(OTHER)
    for case_id in (draft, sent, "case_00000000000000000000000000"):
        await foreign(other, case_id)
    assert ok(await other.get("/v1/cases"))["rows"] == []
    assert ok(await other.get("/v1/events"))["rows"] == []


async def test_own_company_is_somebody_else(world: World, citizen: Caller):
    """The same human, acting for a company, is another applicant."""
    case_id = await citizen.declare()
    company = await world.step_up(await world.sign_in(COMPANY, "LEGAL_PERSON"))
    await foreign(company, case_id)


async def test_document_of_another_case(world: World, citizen: Caller):
    clerk = await world.staff(StaffRole.CLERK)
    first, second = await submitted(world, citizen), await submitted(world, citizen)
    await clerk.desk(first, "reject", {"reason": "不属于职权范围"})
    (document,) = ok(await citizen.get(f"/v1/cases/{first}/documents"))
    path = f"/v1/cases/{second}/documents/{document['document_id']}/content"
    refused(await citizen.get(path), 404, "document_not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": f"Bearer {TOKEN_PREFIX}"},
        {"Authorization": f"Bearer {TOKEN_PREFIX}{'x' * 43}"},
        {"Authorization": f"Bearer {TOKEN_PREFIX}{'x' * 100_000}"},
        {"Authorization": f"Bearer {STAFF_PREFIX}{'x' * 43}"},
        {"Authorization": f"Bearer {TOKEN_PREFIX}' OR 1=1 --"},
    ],
)
async def test_without_a_valid_token(world: World, headers: dict[str, str]):
    for path in ("/v1/me", "/v1/cases", "/v1/events", "/v1/staff/cases?state=SUBMITTED"):
        answer = await world.http.get(path, headers=headers)
        refused(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] in {"Bearer", 'Bearer error="invalid_token"'}


async def test_two_tokens_at_once(world: World, citizen: Caller):
    header = ("Authorization", f"Bearer {citizen.token}")
    refused(await world.http.get("/v1/me", headers=[header, header]), 401, "unauthenticated")


async def test_token_of_the_other_kind(world: World, citizen: Caller):
    clerk = await world.staff(StaffRole.CLERK)
    for path in ("/v1/me", "/v1/cases", "/v1/events"):
        refused(await clerk.get(path), 401, "unauthenticated")
    for path in ("/v1/staff/cases/x", "/v1/staff/events"):
        refused(await citizen.get(path), 401, "unauthenticated")
    refused(await citizen.post("/v1/staff/cases/x/accept"), 401, "unauthenticated")


async def test_session_that_is_over(world: World, citizen: Caller):
    ok(await citizen.get("/v1/me"))
    world.clock.shift += timedelta(hours=9)
    refused(await citizen.get("/v1/me"), 401, "unauthenticated")


async def test_session_that_nobody_used(world: World, citizen: Caller):
    world.clock.shift += timedelta(minutes=31)
    refused(await citizen.get("/v1/me"), 401, "unauthenticated")


async def test_logout_ends_the_session_and_may_be_repeated(world: World, citizen: Caller):
    ended = ok(await citizen.post("/v1/auth/logout"))
    assert set(ended) == {"logout_url"}
    refused(await citizen.get("/v1/me"), 401, "unauthenticated")
    ok(await citizen.post("/v1/auth/logout"))


async def test_staff_token_that_is_over(world: World):
    clerk = await world.staff(StaffRole.CLERK, hours=1)
    ok(await clerk.get("/v1/staff/cases", state="SUBMITTED"))
    world.clock.shift += timedelta(hours=2)
    refused(await clerk.get("/v1/staff/cases", state="SUBMITTED"), 401, "unauthenticated")


ACTS: dict[str, tuple[StaffRole, dict[str, str] | None]] = {
    "receive": (StaffRole.CLERK, None),
    "accept": (StaffRole.CLERK, None),
    "reject": (StaffRole.CLERK, {"reason": "理由"}),
    "take": (StaffRole.DEPARTMENT, None),
    "review": (StaffRole.DEPARTMENT, {"opinion": "PASSED", "remark": ""}),
    "decide": (StaffRole.APPROVER, {"outcome": "GRANTED"}),
}


@pytest.mark.parametrize("act", ACTS)
async def test_every_act_belongs_to_one_role(world: World, citizen: Caller, act: str):
    case_id = await submitted(world, citizen)
    allowed, body = ACTS[act]
    for role in StaffRole:
        if role is allowed:
            continue
        member = await world.staff(role)
        answer = await member.post(f"/v1/staff/cases/{case_id}/{act}", body)
        assert refused(answer, 403, "forbidden")["roles"] == [str(allowed)]
    assert (await citizen.case(case_id))["state"] == "SUBMITTED"


async def test_all_events_are_for_operations_and_audit(world: World):
    for role in StaffRole:
        answer = await (await world.staff(role, region="370000")).get("/v1/staff/events")
        assert answer.status_code == (200 if role in {StaffRole.OPS, StaffRole.AUDITOR} else 403), (
            role
        )


@pytest.mark.parametrize(
    ("role", "department", "region", "sees"),
    [
        (StaffRole.CLERK, HEALTH_DEPARTMENT, "370102", True),
        (StaffRole.CLERK, HEALTH_DEPARTMENT, "370100", True),
        (StaffRole.CLERK, HEALTH_DEPARTMENT, "370103", False),
        (StaffRole.CLERK, HEALTH_DEPARTMENT, "370202", False),
        (StaffRole.APPROVER, HEALTH_DEPARTMENT, "370102", False),
        (StaffRole.DEPARTMENT, HEALTH_DEPARTMENT, "370102", False),
        (StaffRole.AUDITOR, HEALTH_DEPARTMENT, "370000", True),
        (StaffRole.APPROVER, ROAD[:18], "370102", True),
    ],
)
async def test_region_and_department_of_staff(
    world: World, citizen: Caller, role: StaffRole, department: str, region: str, sees: bool
):
    case_id = await submitted(world, citizen)
    member = await world.staff(role, department=department, region=region)
    rows = ok(await member.get("/v1/staff/cases", state="SUBMITTED"))["rows"]
    assert [row["case_id"] for row in rows] == ([case_id] if sees else [])
    answer = await member.get(f"/v1/staff/cases/{case_id}")
    file = await member.get(f"/v1/staff/cases/{case_id}/materials/M01/content")
    if sees:
        ok(answer)
        assert file.status_code == 200
    else:
        refused(answer, 404, "case_not_found")
        refused(file, 404, "case_not_found")


async def test_clerk_of_another_region_cannot_act(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    clerk = await world.staff(StaffRole.CLERK, region="370202")
    for act in ("receive", "accept"):
        refused(await clerk.post(f"/v1/staff/cases/{case_id}/{act}"), 404, "case_not_found")


async def test_applicant_whose_proofing_is_too_weak(world: World):
    weak = await world.sign_in(WEAK)
    body = {"item_code": ROAD, "channel": "PC_WEB", "form": {}}
    answer = await weak.post("/v1/cases", body)
    problem = refused(answer, 401, "insufficient_user_authentication")
    assert (problem["acr_values"], problem["missing"]) == ("urn:sd:loa:2", ["ial"])
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="urn:sd:loa:2", max_age=28800'
    )


async def test_person_who_applies_for_an_organisations_item(citizen: Caller):
    body = {"item_code": "11370102MB9000074F4000123017000", "channel": "PC_WEB"}
    problem = refused(await citizen.post("/v1/cases", body), 403, "applicant_not_eligible")
    assert problem["applicants"] == ["LEGAL_PERSON"]


async def test_item_that_does_not_exist(citizen: Caller):
    for item in ("x", ROAD[:-1] + "9"):
        body = {"item_code": item, "channel": "PC_WEB"}
        refused(await citizen.post("/v1/cases", body), 404, "item_not_found")
        refused(await citizen.get(f"/v1/items/{item}"), 404, "item_not_found")


ILLEGAL = [
    ("DRAFT", "collect", ["SUBMITTED", "DISCARDED"]),
    ("DRAFT", "withdraw", ["SUBMITTED", "DISCARDED"]),
    ("SUBMITTED", "submit", ["RECEIVED", "NOT_ACCEPTED", "WITHDRAWN"]),
    ("SUBMITTED", "discard", ["RECEIVED", "NOT_ACCEPTED", "WITHDRAWN"]),
]


@pytest.mark.parametrize(("state", "act", "allowed"), ILLEGAL)
async def test_act_that_the_state_does_not_allow(
    world: World, citizen: Caller, state: str, act: str, allowed: list[str]
):
    case_id = await (submitted(world, citizen) if state == "SUBMITTED" else citizen.declare())
    problem = refused(await citizen.post(f"/v1/cases/{case_id}/{act}"), 409, "illegal_transition")
    assert (problem["state"], problem["allowed"]) == (state, allowed)
    assert (await citizen.case(case_id))["state"] == state


async def test_materials_and_form_are_closed_after_submission(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    refused(await citizen.upload(case_id, "M03"), 409, "illegal_transition")
    path = f"/v1/cases/{case_id}"
    answer = await citizen.post(f"{path}/materials/M01/licence", {"consent": True})
    refused(answer, 409, "illegal_transition")
    answer = await citizen.put(f"{path}/form", {"form": ROAD_FORM})
    refused(answer, 409, "illegal_transition")
    refused(await citizen.post(f"{path}/payments"), 409, "no_fee_due")
