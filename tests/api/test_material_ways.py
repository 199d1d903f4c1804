"""Every way in which a material need not be brought, the desk's last look, and the report."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from e_license.tables import grants, uses
from gateway.cases.tables import files
from identity import StaffRole
from kernel.db.work import connection
from tests.api.world import ROAD, ROAD_FORM, Caller, World, ok, refused

PDF_TYPE = {"Content-Type": "application/pdf"}
SEARCH = "11370100MB9000058W3000715021000"
OFFICE: Any = {"department": "11370100MB9000058W", "region": "370100"}


async def test_promises_licences_and_what_they_say(world: World, citizen: Caller):
    form = {**ROAD_FORM, "location": "另一处"}
    case_id = await citizen.declare(ROAD, form)
    path = f"/v1/cases/{case_id}/materials"
    brought = ok(await citizen.post(f"{path}/M02/licence", {"consent": True}))
    assert brought["sm3"]
    assert brought["seal_verdict"] not in {"", "NO_FILE"}
    case = await citizen.case(case_id)
    # What the applicant typed stays; the clerk sees both.
    assert case["form"]["location"] == "另一处"
    (conflict,) = case["conflicts"]
    assert conflict["field"] == "location"
    assert conflict["licence"] == "济南市历下区示例路1号1-101"
    promise = {"mode": "COMMITMENT", "agreed": True}
    refused(await citizen.post(f"{path}/M03/exemption", promise), 409, "exemption_not_offered")
    ok(await citizen.post(f"{path}/M03/exemption", {**promise, "mode": "DEFERRED"}))
    await citizen.upload(case_id, "M01")
    await citizen.act(case_id, "submit")
    clerk = await world.staff(StaffRole.CLERK)
    assert (await clerk.get(f"/v1/staff/cases/{case_id}")).json()["conflicts"] == [conflict]
    file = await clerk.get(f"/v1/staff/cases/{case_id}/materials/M02/content")
    assert file.content.startswith(b"PK")
    async with world.container.works.read() as work:
        query = select(files.c.content, files.c.media_type).where(files.c.case_id == case_id)
        kept = {row.media_type: row.content for row in await connection(work).execute(query)}
    assert not kept["application/ofd"].startswith(b"PK")
    report = ok(await clerk.get("/v1/staff/reports/materials"))
    (row,) = [row for row in report["rows"] if row["item_code"] == ROAD]
    assert row["supplied"] == {"LICENCE": 1, "DEFERRED": 1, "ASKED": 1}
    assert (row["required"], row["asked"], row["reduction_bp"]) == (3, 1, 6666)
    assert row["target_met"] is True


async def test_a_licence_that_lapsed_stops_a_grant_until_the_paper_is_there(
    world: World, citizen: Caller
):
    case_id = await citizen.declare(SEARCH)
    ok(await citizen.post(f"/v1/cases/{case_id}/materials/M01/licence", {"consent": True}))
    await citizen.act(case_id, "submit")
    clerk = await world.staff(StaffRole.CLERK, **OFFICE)
    approver = await world.staff(StaffRole.APPROVER, **OFFICE)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    async with world.container.works.begin() as work:
        await connection(work).execute(update(uses).values(state="REVOKED"))
    # The source is silent, so what was recorded last decides.
    world.town.fault("sd_certshare", "refuse", times=0)
    decide = f"/v1/staff/cases/{case_id}/decide"
    problem = refused(await approver.post(decide, {"outcome": "GRANTED"}), 409, "licence_lapsed")
    assert problem["materials"] == ["M01"]
    async with world.container.works.read() as work:
        found = await connection(work).execute(select(grants).where(grants.c.basis == "BY_DUTY"))
        assert {row.operation for row in found} == {"FETCH"}
    path = f"/v1/staff/cases/{case_id}/materials/M01"
    taken = await clerk.send("PUT", path, content=b"%PDF-1.4\n", headers=PDF_TYPE)
    assert ok(taken)["source"] == "UPLOAD"
    ok(await approver.post(decide, {"outcome": "GRANTED"}))
    report = ok(await clerk.get("/v1/staff/reports/materials"))
    (row,) = [row for row in report["rows"] if row["item_code"] == SEARCH]
    assert (row["asked"], row["asked_though_found"]) == (1, 1)
