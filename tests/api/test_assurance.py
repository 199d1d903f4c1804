"""What a sign-in, a role and a mandate permit, route by route."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gateway.api import v1
from gateway.api.assurance import Permit
from gateway.api.callers import citizen as citizen_dependency
from identity import ActingRole
from tests.api.known import PEOPLE, KnownWorld, known
from tests.api.world import ROAD, ROAD_FORM, Caller, World, ok, refused

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
DRAFT = {"item_code": ROAD, "channel": "PC_WEB", "form": ROAD_FORM}


@pytest.fixture
async def town_hall(world: World) -> AsyncIterator[KnownWorld]:
    async with known(world) as made:
        yield made


def below(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for child in dependant.dependencies:
        yield from below(child)


def routes() -> list[APIRoute]:
    """Return every route of the package of interfaces, mounted or not."""
    found = []
    for module in iter_modules(v1.__path__):
        router = getattr(import_module(f"{v1.__name__}.{module.name}"), "router", None)
        if isinstance(router, APIRouter):
            found += [route for route in router.routes if isinstance(route, APIRoute)]
    return found


def test_every_citizen_write_has_a_policy_action() -> None:
    checked = set()
    for route in routes():
        if not (route.methods or set()) & WRITES:
            continue
        calls = [one.call for one in below(route.dependant)]
        if citizen_dependency in calls:
            actions = [call.action for call in calls if isinstance(call, Permit)]
            assert len(actions) == 1, f"{route.path} has no policy action"
            checked.add(route.path)
    assert len(checked) > 10, checked


async def test_a_sign_in_that_is_too_old_or_too_weak_is_asked_for_more(town_hall: KnownWorld):
    tired = town_hall.person("zhang", age=8 * 3600 + 1)
    answer = await tired.post("/v1/cases", DRAFT)
    problem = refused(answer, 401, "insufficient_user_authentication")
    assert problem["missing"] == ["auth_time"]
    assert problem["step_up_url"].endswith("/v1/auth/step-up")
    assert "max_age=28800" in answer.headers["www-authenticate"]
    weak = town_hall.person("zhang", aal=1)
    body = mandate(town_hall, "li")
    answer = await weak.post("/v1/me/mandates", body)
    assert refused(answer, 401, "insufficient_user_authentication")["missing"] == ["aal"]
    assert 'acr_values="urn:sd:loa:3:aal:2", max_age=300' in answer.headers["www-authenticate"]


def mandate(town_hall: KnownWorld, name: str, **changes: object) -> dict[str, object]:
    person = PEOPLE[name]
    until = town_hall.world.clock.now() + timedelta(days=10)
    return {
        "operator_name": person.name,
        "operator_id_type": "RESIDENT_ID",
        "operator_id_number": person.id_number,
        "items": [ROAD],
        "actions": ["declare", "query"],
        "valid_to": until.isoformat(),
        **changes,
    }


async def test_an_operator_needs_a_mandate_of_its_organisation(town_hall: KnownWorld):
    boss = town_hall.company("zhang", ActingRole.ORG_ADMIN)
    operator = town_hall.company("li", ActingRole.OPERATOR)
    problem = refused(await operator.post("/v1/cases", DRAFT), 403, "mandate_required")
    assert problem["mandate"] == "declare"
    given = ok(await boss.post("/v1/me/mandates", mandate(town_hall, "li")), 201)
    assert given["operator_name"] == "李**"
    case_id = await operator.declare()
    ok(await operator.get(f"/v1/cases/{case_id}"))
    assert ok(await boss.get(f"/v1/cases/{case_id}"))["case_id"] == case_id
    path = f"/v1/cases/{case_id}/materials/M01/licence"
    problem = refused(await operator.post(path, {"consent": True}), 403, "mandate_required")
    assert problem["mandate"] == "licence_use"
    told = ok(await boss.get(f"/v1/cases/{case_id}/timeline"))
    assert told[0]["type"] == "case.declared"
    ok(await boss.post(f"/v1/me/mandates/{given['mandate_id']}/revoke"))
    path = f"/v1/cases/{case_id}/discard"
    refused(await operator.post(path), 403, "mandate_required")
    refused(await operator.get(f"/v1/cases/{case_id}"), 403, "mandate_required")
    refused(await operator.post("/v1/cases", DRAFT), 403, "mandate_required")
    refused(await operator.post("/v1/me/mandates", mandate(town_hall, "zhang")), 403, WHO)


WHO = "mandate_grant_refused"


async def test_somebody_acts_for_another_person(town_hall: KnownWorld):
    grandma, grandson = town_hall.person("zhang"), town_hall.person("li")
    given = ok(await grandma.post("/v1/me/mandates", mandate(town_hall, "li")), 201)
    listed = ok(await grandson.get("/v1/me/mandates"))
    assert [one["mandate_id"] for one in listed["held"]] == [given["mandate_id"]]
    body = {**DRAFT, "mandate_id": given["mandate_id"]}
    case = ok(await grandson.post("/v1/cases", body), 201)
    assert case["applicant"] == "张**"
    path = f"/v1/cases/{case['case_id']}"
    ok(await grandma.get(path))
    ok(await grandson.put(f"{path}/form", {"form": ROAD_FORM}))
    told = ok(await grandma.get(f"{path}/timeline"))
    used = [one for one in told if one["type"] == "identity.mandate_used"]
    assert used[-1]["data"]["by"] == "P_li"
    assert ok(await grandson.get("/v1/cases"))["rows"] == []
    ok(await grandma.post(f"/v1/me/mandates/{given['mandate_id']}/revoke"))
    refused(await grandson.get(path), 404, "case_not_found")
    refused(await grandson.post(f"{path}/discard"), 404, "case_not_found")
    refused(await grandson.post("/v1/cases", body), 403, "mandate_required")


async def test_a_mandate_is_for_its_holder_only(town_hall: KnownWorld):
    grandma, other = town_hall.person("zhang"), town_hall.company("zhang", ActingRole.LEGAL_REP)
    given = ok(await grandma.post("/v1/me/mandates", mandate(town_hall, "li")), 201)
    body = {**DRAFT, "mandate_id": given["mandate_id"]}
    refused(await other.post("/v1/cases", body), 404, "mandate_not_found")
    path = f"/v1/me/mandates/{given['mandate_id']}/revoke"
    refused(await other.post(path), 404, "mandate_not_found")


@pytest.mark.parametrize(
    "change",
    [
        {"valid_to": "2026-01-01T00:00:00"},
        {"actions": ["fly"]},
        {"items": []},
        {"operator_id_number": "37020219881112024x"},
        {"granted_as": "LEGAL_REP"},
    ],
)
async def test_a_grant_is_read_strictly(town_hall: KnownWorld, change: dict[str, object]):
    caller: Caller = town_hall.person("zhang")
    body = mandate(town_hall, "li", **change)
    refused(await caller.post("/v1/me/mandates", body), 422, "fields_invalid")
