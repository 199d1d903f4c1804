"""Stored proofing: raises outlive their session; windows raise, other clerks revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from identity import StaffMember, StaffRole
from identity.proofing.tables import proofings
from kernel.db.work import connection
from tests.api.world import PERSON, WEAK, Caller, World, ok, refused

WANG = {"name": "王建国", "document": "RESIDENT_ID", "number": "370112196505010119"}
ROUTE = "/v1/staff/proofings"


async def clerk(world: World, number: str = "clerk-one", name: str = "受理员") -> Caller:
    member = StaffMember(number, name, StaffRole.CLERK, "", "370102")
    await world.container.staff.accounts.provision(member)
    token = await world.container.staff.accounts.issue_token(number, timedelta(hours=8))
    world.secrets.add(token)
    return Caller(world, token)


async def at_window(holder: Caller, **changes: str) -> dict[str, Any]:
    sub = ok(await holder.get("/v1/me"))["sub"]
    return {"sub": sub, "office": "济南市公安局", **WANG, **changes}


async def test_a_face_raises_the_account_beyond_its_session(world: World):
    weak = await world.sign_in(WEAK)
    before = ok(await weak.get("/v1/me"))["ial"]
    assert before < 3
    await world.step_up(weak)
    fresh = ok(await (await world.sign_in(WEAK)).get("/v1/me"))
    assert (fresh["ial"], fresh["aal"]) == (3, 1)
    async with world.container.works.begin() as work:
        await connection(work).execute(
            update(proofings).values(expires_at=world.container.clock.now())
        )
    assert ok(await (await world.sign_in(WEAK)).get("/v1/me"))["ial"] == before


async def test_a_window_raises_and_another_clerk_revokes(world: World):
    holder, one = await world.sign_in(WEAK), await clerk(world)
    before = ok(await holder.get("/v1/me"))["ial"]
    made = ok(await one.post(ROUTE, await at_window(holder)), 201)
    assert (made["ial"], made["last_four"], made["made_by"]) == (4, "0119", "clerk-one")
    assert "370112196505010119" not in str(made)
    assert ok(await holder.get("/v1/me"))["ial"] == 4
    again = await world.sign_in(WEAK)
    assert ok(await again.get("/v1/me"))["ial"] == 4
    listed = ok(await one.get(ROUTE, sub=made["sub"]))
    assert [row["proofing_id"] for row in listed] == [made["proofing_id"]]

    route = f"{ROUTE}/{made['proofing_id']}/revoke"
    refused(await one.post(route), 403, "proofing_of_oneself")
    other = await clerk(world, "clerk-two")
    assert ok(await other.post(route))["revoked_by"] == "clerk-two"
    refused(await again.get("/v1/me"), 401, "unauthenticated")
    assert ok(await (await world.sign_in(WEAK)).get("/v1/me"))["ial"] == before
    refused(await other.post(route), 409, "illegal_transition")
    refused(await other.post(f"{ROUTE}/prf_none/revoke"), 404, "proofing_not_found")


async def test_whose_document_it_is_not_is_never_told(world: World):
    holder, one = await world.sign_in(WEAK), await clerk(world)
    body = await at_window(holder)
    ended = await world.sign_in(PERSON)
    gone = ok(await ended.get("/v1/me"))["sub"]
    ok(await ended.post("/v1/auth/logout"))
    spoilt = (
        {"name": "张明轩"},
        {"number": "370102199003071238"},
        {"document": "TAIWAN_PERMIT"},
        {"sub": "P_0000000000000000000000000"},
        {"sub": gone, "name": "张明轩", "number": "370102199003071238"},
    )
    answers = [await one.post(ROUTE, {**body, **change}) for change in spoilt]
    told = [refused(answer, 403, "proofing_refused") for answer in answers]
    assert len({str({**one, "trace_id": ""}) for one in told}) == 1
    assert ok(await holder.get("/v1/me"))["ial"] < 4


async def test_a_clerk_does_not_prove_itself(world: World):
    holder = await world.sign_in(WEAK)
    body = await at_window(holder)
    namesake = await clerk(world, "clerk-wang", WANG["name"])
    refused(await namesake.post(ROUTE, body), 403, "proofing_of_oneself")
    approver = await world.staff(StaffRole.APPROVER)
    refused(await approver.post(ROUTE, body), 403, "forbidden")
    refused(await holder.post(ROUTE, body), 401, "unauthenticated")
    assert ok(await holder.get("/v1/me"))["ial"] < 4
