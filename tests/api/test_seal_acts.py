"""The log of seal use: every use of a seal for a case, page by page, for auditors only."""

from __future__ import annotations

import pytest

from identity import StaffRole
from tests.api.world import Caller, World, ok, refused, submitted

LOG = "/v1/staff/seal-acts"


async def sealed(world: World, citizen: Caller) -> str:
    """A case with one sealed document."""
    case_id = await submitted(world, citizen)
    clerk = await world.staff(StaffRole.CLERK)
    await clerk.desk(case_id, "reject", {"reason": "不属于职权范围"})
    await world.work()
    return case_id


async def test_an_act_is_told_whole(world: World, citizen: Caller):
    case_id = await sealed(world, citizen)
    auditor = await world.staff(StaffRole.AUDITOR)
    found = ok(await auditor.get(LOG, reference=case_id))
    (act,) = found["rows"]
    assert found["next"] is None
    assert (act["reference"], act["state"], act["kind"]) == (case_id, "verified", "seal")
    assert (act["status_label"]["zh"], act["failure"], act["first_use"]) == ("已签章", None, None)
    assert len(act["digest"]) == 64
    assert act["signer"].startswith("staff:")
    assert act["approver"]
    assert act["created_at"] <= act["signing_at"] <= act["signed_at"]


async def test_the_log_is_paged_newest_first(world: World, citizen: Caller):
    cases = [await sealed(world, citizen) for _ in range(3)]
    auditor = await world.staff(StaffRole.AUDITOR)
    seen: list[str] = []
    page = ok(await auditor.get(LOG, limit="2"))
    seen += [row["reference"] for row in page["rows"]]
    page = ok(await auditor.get(LOG, limit="2", cursor=page["next"]))
    seen += [row["reference"] for row in page["rows"]]
    assert seen == cases[::-1]
    assert page["next"] is None
    refused(await auditor.get(LOG, cursor="none"), 422, "invalid_cursor")
    assert ok(await auditor.get(LOG, reference="case_x"))["rows"] == []


@pytest.mark.parametrize("role", sorted(set(StaffRole) - {StaffRole.AUDITOR}))
async def test_nobody_else_reads_it(world: World, role: StaffRole):
    refused(await (await world.staff(role)).get(LOG), 403, "forbidden")


async def test_an_applicant_does_not(world: World, citizen: Caller):
    refused(await citizen.get(LOG), 401, "unauthenticated")
