"""Licences as results of cases: minted, sealed, checked, changed, and used instead of paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import e_seal
from e_license.issuing import LOCAL
from gateway.catalog.model import Material, Necessity
from gateway.cli.licences import Format, _write
from identity import StaffMember, StaffRole
from kernel.gbcodes import CheckVerdict, parse_licence_identifier
from tests.api.test_journey import reviewed, staff_of
from tests.api.world import (
    OTHER,
    PERSONAL,
    ROAD,
    ROAD_DEPARTMENT,
    Caller,
    World,
    ok,
    refused,
    submitted,
)

TYPE = "11370102MB9000066L001"
NAME = "张明轩"


async def granted(world: World, citizen: Caller) -> tuple[str, Caller]:
    """A granted case whose licence is sealed, and the approver."""
    case_id = await submitted(world, citizen)
    approver = await reviewed(world, citizen, case_id)
    ordered = ok(await citizen.post(f"/v1/cases/{case_id}/payments"), 201)
    await world.pay(ordered["pay_url"])
    await approver.desk(case_id, "decide", {"outcome": "GRANTED", "reason": "符合规定"})
    return case_id, approver


async def licences(citizen: Caller, case_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(await citizen.get(f"/v1/cases/{case_id}/licences"))
    return found


async def check(world: World, licence: dict[str, Any]) -> Any:
    path = f"/v1/public/licences/{licence['identifier']}"
    return ok(await world.http.get(path, params={"code": licence["check_code"]}))


async def colleague(world: World) -> Caller:
    """Another approver of the same department."""
    member = StaffMember("approver-b", "测试员", StaffRole.APPROVER, ROAD_DEPARTMENT, "370102")
    await world.container.staff.accounts.provision(member)
    token = await world.container.staff.accounts.issue_token(member.id, timedelta(hours=1))
    world.secrets.add(token)
    return Caller(world, token)


async def change(approver: Caller, licence_id: str, to: str) -> Any:
    body = {"to": to, "reason": "依法处理"}
    return await approver.post(f"/v1/staff/licences/{licence_id}/state", body)


async def test_a_grant_becomes_a_sealed_licence_that_anybody_can_check(
    world: World, citizen: Caller
):
    case_id, approver = await granted(world, citizen)
    assert await licences(citizen, case_id) == []
    await world.work()
    (licence,) = await licences(citizen, case_id)
    parsed = parse_licence_identifier(licence["identifier"])
    assert (parsed.type_code, parsed.issuer) == (TYPE, ROAD_DEPARTMENT)
    assert (parsed.version, parsed.verdict) == ("001", CheckVerdict.OK)
    assert (licence["state"], licence["verdict"]) == ("VALID", "VALID")
    assert licence["valid_to"] == "2027-06-30"
    # The sealed file, as any verifier reads it: data and tags lie under the signature.
    path = f"/v1/cases/{case_id}/licences/{licence['licence_id']}/content"
    content = (await citizen.get(path)).content
    report = await world.container.seals.verify(content)
    assert report.verdict is e_seal.Verdict.VALID
    covered = report.signatures[0].covered
    assert any(name.endswith("Attachs/license.xml") for name in covered)
    assert any(name.endswith("Tags/ElectronicLicence.xml") for name in covered)
    document = e_seal.read_ofd(content)
    data = next(
        document.package.get(name) for name in document.package if name.endswith("license.xml")
    ).decode()
    for key, value in {
        "CZZT": NAME,
        "CZZTDMLXDM": "111",
        "ZZBS": licence["identifier"],
        "ZYMJ": "4",
        "ZZYXQJZRQ": "2027-06-30",
    }.items():
        assert f"<{key}>{value}</{key}>" in data
    shown = await check(world, licence)
    assert (shown["state"], shown["sha256"]) == ("VALID", licence["sha256"])
    assert not [secret for secret in PERSONAL if secret in str(shown)]
    page = await world.http.get(f"/check/{licence['identifier']}?code={licence['check_code']}")
    assert page.status_code == 200
    assert "城镇道路占用、挖掘许可证" in page.text
    # The index record is ready, in order, and says what the catalogue must know.
    (row,) = await world.container.issued.index_page(0, 10)
    assert row.lacks == ()
    assert row.record["certificate_source_id"] == licence["identifier"]
    assert (row.record["certificate_holder"], row.record["cd_operation"]) == (NAME, "I")
    assert row.record["certificate_area_code"] == "370102000000"
    listed = ok(await approver.get("/v1/staff/licences"))["rows"]
    assert [(one["licence_id"], one["lacks"]) for one in listed] == [(licence["licence_id"], [])]


async def test_nobody_else_reads_or_guesses_a_licence(world: World, citizen: Caller):
    case_id, _ = await granted(world, citizen)
    await world.work()
    (licence,) = await licences(citizen, case_id)
    stranger = await world.sign_in(OTHER)
    path = f"/v1/cases/{case_id}/licences"
    refused(await stranger.get(path), 404, "case_not_found")
    wrong = f"/v1/public/licences/{licence['identifier']}?code=22222222"
    refused(await world.http.get(wrong), 404, "issued_licence_not_found")
    elsewhere = await world.staff(
        StaffRole.APPROVER, department="11370202MB9000082F", region="370202"
    )
    assert ok(await elsewhere.get("/v1/staff/licences"))["rows"] == []
    answer = await change(elsewhere, licence["licence_id"], "CANCELLED")
    refused(answer, 404, "issued_licence_not_found")
    clerk, reviewer, _ = await staff_of(world, ROAD)
    for caller in (clerk, reviewer):
        refused(await change(caller, licence["licence_id"], "CANCELLED"), 403, "forbidden")


async def test_a_revocation_takes_two_people(world: World, citizen: Caller):
    case_id, approver = await granted(world, citizen)
    await world.work()
    (licence,) = await licences(citizen, case_id)
    licence_id = licence["licence_id"]
    assert ok(await change(approver, licence_id, "SUSPENDED"))["licence"]["state"] == "SUSPENDED"
    assert (await check(world, licence))["state"] == "SUSPENDED"
    assert ok(await change(approver, licence_id, "VALID"))["licence"]["state"] == "VALID"
    proposed = ok(await change(approver, licence_id, "REVOKED"))
    assert proposed["licence"]["state"] == "VALID"
    (proposal,) = proposed["proposals"]
    refused(await change(approver, licence_id, "CANCELLED"), 409, "licence_change_pending")
    path = f"/v1/staff/licences/{licence_id}/proposals/{proposal['proposal_id']}/decide"
    refused(await approver.post(path, {"confirm": True}), 403, "second_person_needed")
    other = await colleague(world)
    decided = ok(await other.post(path, {"confirm": True}))
    assert decided["licence"]["state"] == "REVOKED"
    refused(await other.post(path, {"confirm": True}), 404, "licence_proposal_not_found")
    assert (await check(world, licence))["state"] == "REVOKED"
    refused(await change(approver, licence_id, "VALID"), 409, "illegal_transition")
    told = [
        row.record["certificate_state"] for row in await world.container.issued.index_page(0, 9)
    ]
    assert told == ["VALID", "SUSPENDED", "VALID", "REVOKED"]
    types = [one["type"] for one in ok(await citizen.get(f"/v1/cases/{case_id}/timeline"))]
    assert [one for one in types if one.startswith("elicense.")] == [
        "elicense.minted",
        "elicense.issued",
        "elicense.suspended",
        "elicense.restored",
        "elicense.revoked",
    ]


async def test_a_reissue_supersedes_the_old_version_once_it_is_sealed(
    world: World, citizen: Caller
):
    case_id, approver = await granted(world, citizen)
    await world.work()
    (first,) = await licences(citizen, case_id)
    path = f"/v1/staff/licences/{first['licence_id']}/reissue"
    bad = await approver.post(path, {"face": {"XYZ": "1"}, "reason": "面积更正"})
    refused(bad, 422, "licence_award_invalid")
    ok(await approver.post(path, {"face": {"ZYMJ": "3"}, "reason": "面积更正"}), 202)
    again = await approver.post(path, {"face": {"ZYMJ": "2"}, "reason": "面积更正"})
    refused(again, 409, "licence_change_pending")
    assert (await check(world, first))["state"] == "VALID"
    await world.work()
    old, new = await licences(citizen, case_id)
    assert (old["state"], new["state"], new["edition"]) == ("SUPERSEDED", "VALID", 2)
    before, after = (parse_licence_identifier(one["identifier"]) for one in (old, new))
    assert (before.serial, before.version, after.version) == (after.serial, "001", "002")
    assert (await check(world, first))["state"] == "SUPERSEDED"
    told = [
        (row.operation, row.record["certificate_state"])
        for row in await world.container.issued.index_page(0, 9)
    ]
    assert told == [("I", "VALID"), ("U", "SUPERSEDED"), ("I", "VALID")]


async def test_a_licence_issued_here_replaces_paper_in_the_next_case(world: World, citizen: Caller):
    await granted(world, citizen)
    await world.work()
    item = await world.container.catalog.get(ROAD)
    earlier = Material("M09", "原许可证", "Earlier permit", Necessity.REQUIRED, (TYPE,))
    await world.container.catalog.take_in([replace(item, materials=(*item.materials, earlier))])
    case_id = await citizen.declare()
    answer = await citizen.post(f"/v1/cases/{case_id}/materials/M09/licence", {"consent": True})
    assert ok(answer)["source"] == "LICENCE"
    (use,) = await world.container.licences.served(case_id)
    assert (use.source, use.state.value) == (LOCAL, "VALID")


async def test_a_province_that_does_not_answer_delays_the_licence_and_makes_no_second_one(
    world: World, citizen: Caller
):
    case_id, _ = await granted(world, citizen)
    world.town.fault("sd_seal", "error", times=0)
    await world.work()
    assert [one["state"] for one in await licences(citizen, case_id)] == ["NOT_ACTIVE"]
    world.town.calm()
    # Not further than the province's clock, which runs on, lets a request's time differ.
    await world.work_later(timedelta(minutes=1))
    await world.work_later(timedelta(minutes=1))
    (licence,) = await licences(citizen, case_id)
    assert licence["state"] == "VALID"
    acts = await world.container.seals.by_reference(case_id)
    assert len([act for act in acts if act.document_id == licence["licence_id"]]) == 1


async def test_exported_records_are_lines_or_a_table(world: World, citizen: Caller, capsys):
    await granted(world, citizen)
    await world.work()
    rows = list(await world.container.issued.index_page(0, 10))
    _write(rows, Format.JSONL)
    _write(rows, Format.CSV)
    out = capsys.readouterr().out
    assert out.startswith('{"sequence": 1, "certificate_type"')
    assert "sequence,certificate_type," in out
