"""Step-up from challenge to raised session, over the simulated face verification service."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.world import COMPANY, OTHER, PERSON, ROAD, Caller, World, ok, refused

STRONG = "urn:sd:loa:3:aal:2"


async def begun(caller: Caller, acr: str = STRONG) -> tuple[str, str]:
    """Begin a step-up; return the address of its result and of the provider's page."""
    body = ok(await caller.begin_step_up(acr), 201)
    assert body["state"] == "PENDING"
    assert (body["factor"], body["access_token"]) == ("face", None)
    return f"/v1/auth/step-up/{body['step_up_id']}/result", body["url"]


async def test_the_challenge_leads_to_a_raised_session(any_world: World):
    world = any_world
    company = await world.sign_in(COMPANY, "LEGAL_PERSON")
    body = {"item_code": "11370102MB9000074F4000123017000", "channel": "PC_WEB"}
    challenge = refused(
        await company.post("/v1/cases", body), 401, "insufficient_user_authentication"
    )
    result, page = await begun(company, challenge["acr_values"])
    assert ok(await company.post(result))["state"] == "PENDING"
    back = await world.verify_face(page, "pass")
    assert back.startswith(f"{world.town.gateway_url}/portal/?step_up=stu_")
    passed = ok(await company.post(result))
    world.secrets.add(passed["access_token"])
    assert passed["state"] == "PASSED"
    refused(await company.get("/v1/me"), 401, "unauthenticated")
    raised = Caller(world, passed["access_token"])
    assert ok(await raised.get("/v1/me")) | {"ial": 3, "aal": 2} == ok(await raised.get("/v1/me"))
    ok(await raised.post("/v1/cases", body), 201)
    again = ok(await raised.post(result))
    assert (again["state"], again["access_token"]) == ("PASSED", None)


async def test_a_step_up_ages(world: World, citizen: Caller):
    raised = await world.step_up(citizen)
    assert ok(await raised.get("/v1/me/mandates")) == {"given": [], "held": []}
    revoke = "/v1/me/mandates/mdt_none/revoke"
    refused(await raised.post(revoke), 404, "mandate_not_found")
    world.clock.shift += timedelta(minutes=6)
    problem = refused(await raised.post(revoke), 401, "insufficient_user_authentication")
    assert problem["missing"] == ["auth_time"]


@pytest.mark.parametrize(("outcome", "state"), [("fail", "FAILED"), ("other", "FAILED")])
async def test_who_does_not_pass_gains_nothing(
    world: World, citizen: Caller, outcome: str, state: str
):
    result, page = await begun(citizen)
    await world.verify_face(page, outcome)
    answer = ok(await citizen.post(result))
    assert (answer["state"], answer["access_token"]) == (state, None)
    assert ok(await citizen.get("/v1/me"))["aal"] == 1


async def test_an_answer_that_is_lost_is_asked_for_again(world: World, citizen: Caller):
    result, page = await begun(citizen)
    await world.verify_face(page, "pass")
    world.town.fault("face", "refuse", times=0)
    assert ok(await citizen.post(result))["state"] == "PENDING"
    world.town.calm()
    world.clock.shift += timedelta(minutes=1)
    answer = ok(await citizen.post(result))
    world.secrets.add(answer["access_token"])
    assert answer["state"] == "PASSED"


async def test_attempts_are_limited(citizen: Caller):
    for _ in range(5):
        await begun(citizen)
    answer = await citizen.begin_step_up(STRONG)
    refused(answer, 429, "too_many_step_ups")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_step_up_belongs_to_its_session(world: World):
    first, second = await world.sign_in(PERSON), await world.sign_in(PERSON)
    stranger = await world.sign_in(OTHER)
    result, page = await begun(first)
    await world.verify_face(page, "pass")
    for caller in (second, stranger):
        refused(await caller.post(result), 404, "step_up_not_found")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"acr": "urn:sd:loa:9"}, 422, "acr_unknown"),
        ({"acr": "urn:sd:loa:4"}, 403, "step_up_not_possible"),
        ({"acr": "urn:sd:loa:3:aal:3"}, 403, "step_up_not_possible"),
        ({"factor": "sms"}, 403, "step_up_not_possible"),
        ({"return_to": "https://evil.example/"}, 403, "return_address_not_registered"),
        ({"level": "3"}, 422, "fields_invalid"),
    ],
)
async def test_step_up_that_may_not_begin(
    citizen: Caller, change: dict[str, str], status: int, code: str
):
    changes = {"acr": STRONG, **change}
    refused(await citizen.begin_step_up(changes.pop("acr"), **changes), status, code)


@pytest.mark.parametrize(
    "applicant",
    [
        {"name": "李静怡", "id_number": "370102199003071238"},
        {"name": "张明轩", "id_number": "370202198811120246"},
    ],
)
async def test_another_applicant_than_the_proven_one_blocks(
    citizen: Caller, applicant: dict[str, str]
):
    body = {"item_code": ROAD, "channel": "PC_WEB", "applicant": applicant}
    refused(await citizen.post("/v1/cases", body), 403, "applicant_differs")


async def test_the_proven_applicant_may_name_itself(citizen: Caller):
    applicant = {"name": "张明轩", "id_number": "370102199003071238"}
    body = {"item_code": ROAD, "channel": "PC_WEB", "applicant": applicant}
    ok(await citizen.post("/v1/cases", body), 201)
