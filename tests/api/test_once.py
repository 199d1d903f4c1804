"""Idempotency-Key at the interface: every write is done once, however often it is sent."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from gateway.api.once import HEADER
from identity import StaffRole
from kernel.db.idempotency import Claimed
from tests.api.world import OTHER, ROAD, ROAD_FORM, Caller, World, ok, refused, submitted

BODY = {"item_code": ROAD, "channel": "PC_WEB", "form": ROAD_FORM}


async def with_keys(caller: Caller, *keys: str) -> httpx.Response:
    token = (b"Authorization", f"Bearer {caller.token}".encode())
    headers = [token, *((HEADER.encode(), key.encode("latin-1")) for key in keys)]
    return await caller.world.http.post("/v1/cases", json=BODY, headers=headers)


async def count(caller: Caller) -> int:
    return len(ok(await caller.get("/v1/cases"))["rows"])


@pytest.mark.parametrize(
    ("keys", "status", "code"),
    [
        ((), 400, "idempotency_key_missing"),
        (("",), 400, "idempotency_key_invalid"),
        (("a", "a"), 400, "idempotency_key_invalid"),
        (("a", "b"), 400, "idempotency_key_invalid"),
        (("x" * 256,), 400, "idempotency_key_invalid"),
        (("has space",), 400, "idempotency_key_invalid"),
        (("caf\xe9",), 400, "idempotency_key_invalid"),
    ],
)
async def test_key_that_cannot_be_used(
    citizen: Caller, keys: tuple[str, ...], status: int, code: str
):
    refused(await with_keys(citizen, *keys), status, code)
    assert await count(citizen) == 0


async def test_longest_key(citizen: Caller):
    ok(await with_keys(citizen, "x" * 255), 201)


async def test_repetition_gets_the_first_answer(any_world: World):
    citizen = await any_world.sign_in()
    first = await citizen.post("/v1/cases", BODY, key="k1")
    again = await citizen.post("/v1/cases", BODY, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await count(citizen) == 1


async def test_same_key_with_other_content_or_elsewhere(citizen: Caller):
    case_id = ok(await citizen.post("/v1/cases", BODY, key="k1"), 201)["case_id"]
    other = {**BODY, "channel": "APP"}
    refused(await citizen.post("/v1/cases", other, key="k1"), 422, "idempotency_key_reused")
    answer = await citizen.post(f"/v1/cases/{case_id}/discard", key="k1")
    refused(answer, 422, "idempotency_key_reused")
    assert (await citizen.case(case_id))["state"] == "DRAFT"


async def test_keys_of_different_callers_do_not_meet(world: World, citizen: Caller):
    other = await world.sign_in(OTHER)
    first = ok(await citizen.post("/v1/cases", BODY, key="k1"), 201)
    second = ok(await other.post("/v1/cases", BODY, key="k1"), 201)
    assert first["case_id"] != second["case_id"]


async def test_refusal_is_not_remembered(citizen: Caller):
    case_id = await citizen.declare()
    path = f"/v1/cases/{case_id}/submit"
    refused(await citizen.post(path, key="k1"), 422, "materials_missing")
    for code in ("M01", "M02", "M03"):
        ok(await citizen.upload(case_id, code))
    assert ok(await citizen.post(path, key="k1"))["state"] == "SUBMITTED"
    assert ok(await citizen.post(path, key="k1"))["state"] == "SUBMITTED"


async def test_racing_repetitions_do_it_once(any_world: World):
    citizen = await any_world.sign_in()
    answers = await asyncio.gather(*(citizen.post("/v1/cases", BODY, key="race") for _ in range(6)))
    made = {answer.json()["case_id"] for answer in answers if answer.status_code == 201}
    late = [answer for answer in answers if answer.status_code != 201]
    assert len(made) == 1
    for answer in late:
        refused(answer, 409, "operation_in_progress")
    assert await count(citizen) == 1


async def test_while_the_first_request_is_under_way(any_world: World):
    world = any_world
    citizen = await world.sign_in()
    case_id = await citizen.declare()
    path = f"/v1/cases/{case_id}/materials/M01/licence"
    sub = ok(await citizen.get("/v1/me"))["sub"]
    async with world.container.works.begin() as work:
        claim = await world.container.idempotency.claim(
            work,
            caller=f"citizen:{sub}",
            key="k1",
            route=f"POST {path}",
            body=b'{"consent":true}',
        )
    assert isinstance(claim, Claimed)
    answer = await citizen.post(path, {"consent": True}, key="k1")
    refused(answer, 409, "operation_in_progress")
    assert int(answer.headers["retry-after"]) > 0
    async with world.container.works.begin() as work:
        await world.container.idempotency.release(work, claim)
    ok(await citizen.post(path, {"consent": True}, key="k1"))


async def test_failed_call_to_an_upstream_gives_the_key_back(world: World, citizen: Caller):
    case_id = await citizen.declare()
    path = f"/v1/cases/{case_id}/materials/M01/licence"
    world.town.fault("sd_certshare", "error", times=0)
    refused(await citizen.post(path, {"consent": True}, key="k1"), 409, "licence_not_usable")
    world.town.calm()
    assert ok(await citizen.post(path, {"consent": True}, key="k1"))["source"] == "LICENCE"


async def test_staff_repeat_too(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    clerk = await world.staff(StaffRole.CLERK)
    path = f"/v1/staff/cases/{case_id}/receive"
    first = await clerk.post(path, key="k1")
    again = await clerk.post(path, key="k1")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    problem = refused(await clerk.post(path, key="k2"), 409, "illegal_transition")
    assert problem["allowed"] == ["ACCEPTED", "NOT_ACCEPTED", "WITHDRAWN"]
    assert (problem["state"], problem["wanted"]) == ("RECEIVED", "RECEIVED")
