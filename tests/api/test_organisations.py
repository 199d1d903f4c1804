"""A legal person's organisations: listed by pages, and another taken up with a new token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import COMPANY, Caller, World, ok, refused

PATH = "/v1/me/organisations"
OTHER = "济南泉城示例商贸有限公司"


@pytest.fixture
async def clerk_of_company(world: World) -> Caller:
    return await world.sign_in(COMPANY, "LEGAL_PERSON")


async def listed(caller: Caller) -> list[Any]:
    rows: list[Any] = []
    page, more = 0, True
    while more:
        page += 1
        body = ok(await caller.get(PATH, page=page))
        assert body["page"] == page
        rows += body["rows"]
        more = body["more"]
    return rows


async def test_every_company_is_listed_once_and_one_is_the_present_one(clerk_of_company: Caller):
    rows = await listed(clerk_of_company)
    assert len(rows) == len({row["uscc"] for row in rows}) == 7
    assert [row["name"] for row in rows if row["current"]] == ["山东一窗示例科技有限公司"]


async def test_switching_gives_a_new_token_and_ends_the_old_one(
    world: World, clerk_of_company: Caller
):
    before = ok(await clerk_of_company.get("/v1/me"))
    (other,) = [row for row in await listed(clerk_of_company) if row["name"] == OTHER]
    answer = await clerk_of_company.post(f"{PATH}/{other['id']}/switch")
    body = ok(answer)
    world.secrets.add(body["access_token"])
    assert (body["me"]["organisation"], body["me"]["acting_role"]) == (OTHER, "OPERATOR")
    assert body["me"]["sub"] != before["sub"]
    refused(await clerk_of_company.get("/v1/me"), 401, "unauthenticated")
    again = await clerk_of_company.post(f"{PATH}/{other['id']}/switch")
    refused(again, 401, "unauthenticated")
    fresh = Caller(world, body["access_token"])
    after = ok(await fresh.get("/v1/me"))
    assert (after["uscc"], after["aal"]) == (other["uscc"], before["aal"])
    assert [row["name"] for row in await listed(fresh) if row["current"]] == [OTHER]


@pytest.mark.parametrize(
    ("organisation", "status"),
    [("jis-org-000008", 404), ("nobody", 404), ("a%20b", 404), ("x" * 129, 422)],
)
async def test_somebody_elses_company_is_nobodys(
    clerk_of_company: Caller, organisation: str, status: int
):
    answer = await clerk_of_company.post(f"{PATH}/{organisation}/switch")
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["code"] == "organisation_unknown"
    assert ok(await clerk_of_company.get("/v1/me"))["organisation"]


@pytest.mark.parametrize("page", ["0", "201", "x"])
async def test_a_page_that_cannot_be_is_refused(clerk_of_company: Caller, page: str):
    refused(await clerk_of_company.get(PATH, page=page), 422, "fields_invalid")


async def test_a_natural_person_has_no_companies_here(citizen: Caller):
    refused(await citizen.get(PATH), 403, "legal_person_needed")
    refused(await citizen.post(f"{PATH}/jis-org-000001/switch"), 403, "legal_person_needed")


async def test_nobody_lists_without_a_token(world: World):
    refused(await Caller(world, "sdat_" + "x" * 43).get(PATH), 401, "unauthenticated")
