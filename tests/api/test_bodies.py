"""Requests whose body or parameters are wrong: refused in full sentences, never a 500."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.api.v1.materials import MAX_FILE
from gateway.main import MAX_BODY
from identity import StaffRole
from tests.api.world import PDF, ROAD, ROAD_FORM, Caller, World, ok, refused, submitted

DECLARATION: dict[str, Any] = {"item_code": ROAD, "channel": "PC_WEB", "form": ROAD_FORM}
NUL = "\0"


async def raw(caller: Caller, content: Any, media_type: str = "application/json") -> Any:
    return await caller.send(
        "POST", "/v1/cases", content=content, headers={"Content-Type": media_type}
    )


async def chunks(size: int, head: bytes = b"") -> AsyncIterator[bytes]:
    """A body of unknown length, in pieces."""
    yield head
    left = size - len(head)
    while left > 0:
        yield b" " * min(left, 16_384)
        left -= 16_384


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"not json",
        b'{"item_code": "x"} trailing',
        b"\xff\xfe\x00",
        b'{"item_code": "\xff"}',
        b'{"item_code": "\\ud800"}',
        b"[" * 10_000,
    ],
)
async def test_body_that_is_no_json(citizen: Caller, content: bytes):
    refused(await raw(citizen, content), 400, "malformed_json")


@pytest.mark.parametrize("content", [b"null", b"[]", b"1", b'"text"'])
async def test_json_that_is_no_object(citizen: Caller, content: bytes):
    refused(await raw(citizen, content), 422, "fields_invalid")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"owner": "somebody"}, "owner"),
        ({"item_code": False}, "item_code"),
        ({"item_code": 11370102}, "item_code"),
        ({"item_code": None}, "item_code"),
        ({"item_code": ""}, "item_code"),
        ({"item_code": "x" * 51}, "item_code"),
        ({"channel": "FAX"}, "channel"),
        ({"channel": 1}, "channel"),
        ({"form": []}, "form"),
        ({"form": {"area_m2": 4}}, "form.area_m2"),
        ({"form": {"area_m2": False}}, "form.area_m2"),
        ({"form": {"location": "x" * 1001}}, "form.location"),
    ],
)
async def test_fields_of_the_wrong_kind(citizen: Caller, change: dict[str, Any], field: str):
    problem = refused(
        await citizen.post("/v1/cases", {**DECLARATION, **change}), 422, "fields_invalid"
    )
    assert [fault["field"] for fault in problem["fields"]] == [field]
    assert "somebody" not in json.dumps(problem)


async def test_number_where_true_or_false_is_meant(world: World, citizen: Caller):
    case_id = await citizen.declare()
    path = f"/v1/cases/{case_id}/materials/M01/licence"
    for consent in (1, "true", None):
        refused(await citizen.post(path, {"consent": consent}), 422, "fields_invalid")
    refused(await citizen.post(path, {"consent": False}), 403, "consent_missing")


async def test_missing_fields_are_told_all_at_once(citizen: Caller):
    problem = refused(await citizen.post("/v1/cases", {}), 422, "fields_invalid")
    assert {fault["field"] for fault in problem["fields"]} == {"item_code", "channel"}


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp", "text/json"],
)
async def test_body_of_another_content_type(citizen: Caller, media_type: str):
    problem = refused(
        await raw(citizen, json.dumps(DECLARATION).encode(), media_type),
        415,
        "unsupported_media_type",
    )
    assert problem["accepted"] == ["application/json"]


async def test_content_type_with_parameters_and_capitals(citizen: Caller):
    answer = await raw(citizen, json.dumps(DECLARATION).encode(), "Application/JSON; charset=utf-8")
    ok(answer, 201)


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_above_the_limit_of_ordinary_routes(citizen: Caller, chunked: bool):
    content = chunks(MAX_BODY + 1) if chunked else b" " * (MAX_BODY + 1)
    refused(await raw(citizen, content), 413, "body_too_large")


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_at_the_limit_is_read(citizen: Caller, chunked: bool):
    text = json.dumps(DECLARATION).encode()
    content = chunks(MAX_BODY, text) if chunked else text.ljust(MAX_BODY)
    ok(await raw(citizen, content), 201)


@pytest.mark.parametrize("chunked", [False, True])
async def test_uploads_have_a_limit_of_their_own(citizen: Caller, chunked: bool):
    case_id = await citizen.declare()

    def file(size: int) -> Any:
        return chunks(size, PDF) if chunked else PDF.ljust(size)

    assert ok(await citizen.upload(case_id, "M03", file(MAX_FILE)))["size"] == MAX_FILE
    refused(await citizen.upload(case_id, "M03", file(MAX_FILE + 1)), 413, "body_too_large")


async def test_too_large_is_told_in_english_and_before_the_body_is_read(citizen: Caller):
    answer = await citizen.send(
        "POST",
        "/v1/cases",
        content=b"",
        headers={
            "Content-Type": "application/json",
            "Content-Length": "999999999",
            "Accept-Language": "en",
        },
    )
    assert refused(answer, 413, "body_too_large")["title"] == "The body is too large"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"MZ\x90\x00 an executable", "application/pdf"),
        (b"", "application/pdf"),
        (b"<html><script>", "image/png"),
        (PDF, "image/jpeg"),
        (b"\x89PNG\r\n", "image/png"),
        (PDF, "application/ofd"),
    ],
)
async def test_file_that_is_not_what_it_says(citizen: Caller, content: bytes, media_type: str):
    case_id = await citizen.declare()
    refused(await citizen.upload(case_id, "M03", content, media_type), 422, "file_refused")
    assert (await citizen.case(case_id))["materials"] == []


@pytest.mark.parametrize("media_type", ["text/html", "application/json", "", "image/svg+xml"])
async def test_file_of_a_type_that_is_not_taken(citizen: Caller, media_type: str):
    case_id = await citizen.declare()
    answer = await citizen.upload(case_id, "M03", PDF, media_type)
    assert "application/pdf" in refused(answer, 415, "unsupported_media_type")["accepted"]


async def test_material_that_the_item_does_not_ask_for(citizen: Caller):
    case_id = await citizen.declare()
    refused(await citizen.upload(case_id, "M99"), 404, "material_unknown")
    path = f"/v1/cases/{case_id}/materials/M03/licence"
    refused(await citizen.post(path, {"consent": True}), 409, "licence_not_usable")


async def test_form_with_fields_that_are_not_the_items(citizen: Caller):
    problem = refused(
        await citizen.post("/v1/cases", {**DECLARATION, "form": {"colour": "red"}}),
        422,
        "form_invalid",
    )
    assert problem["fields"] == [{"field": "colour", "fault": "unknown"}]


async def test_submission_tells_every_fault_at_once(citizen: Caller):
    case_id = await citizen.declare(form={"location": " ", "area_m2": "four", "until": "soon"})
    problem = refused(await citizen.post(f"/v1/cases/{case_id}/submit"), 422, "form_invalid")
    assert {fault["field"]: fault["fault"] for fault in problem["fields"]} == {
        "location": "empty",
        "area_m2": "not_a_number",
        "until": "not_a_date",
    }
    ok(await citizen.put(f"/v1/cases/{case_id}/form", {"form": ROAD_FORM}))
    problem = refused(await citizen.post(f"/v1/cases/{case_id}/submit"), 422, "materials_missing")
    assert [missing["code"] for missing in problem["missing"]] == ["M01", "M02", "M03"]


@pytest.mark.parametrize("text", ["x" * 1001, False, None])
async def test_reason_of_the_wrong_kind(world: World, citizen: Caller, text: Any):
    case_id = await submitted(world, citizen)
    clerk = await world.staff(StaffRole.CLERK)
    path = f"/v1/staff/cases/{case_id}/reject"
    refused(await clerk.post(path, {"reason": text}), 422, "fields_invalid")


async def test_texts_that_postgresql_cannot_store(any_world: World):
    world = any_world
    citizen = await world.sign_in()
    case_id = await submitted(world, citizen)
    clerk = await world.staff(StaffRole.CLERK)
    refused(
        await clerk.post(f"/v1/staff/cases/{case_id}/reject", {"reason": f"理由{NUL}"}),
        422,
        "fields_invalid",
    )
    for path in (f"/v1/cases/{case_id}%00", "/v1/items/%00", f"/v1/cases/{case_id}/payments%00"):
        refused(await citizen.get(path), 404, "route_not_found")
    refused(await citizen.upload(f"{case_id}%00", "M01"), 404, "route_not_found")
    refused(await citizen.get("/v1/items", q=NUL), 422, "fields_invalid")
    refused(
        await citizen.post("/v1/cases", {**DECLARATION, "item_code": NUL}), 422, "fields_invalid"
    )
    backslash = {**ROAD_FORM, "location": r"C:\u0000"}
    ok(await citizen.post("/v1/cases", {**DECLARATION, "form": backslash}), 201)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/items", {"limit": "0"}),
        ("/v1/items", {"limit": "201"}),
        ("/v1/items", {"limit": "ten"}),
        ("/v1/items", {"region": "37"}),
        ("/v1/items", {"region": "３７０１００"}),
        ("/v1/items", {"q": "x" * 101}),
        ("/v1/cases", {"limit": "-1"}),
        ("/v1/cases", {"cursor": "x" * 513}),
        ("/v1/events", {"after": "-1"}),
        ("/v1/events", {"after": "9" * 30}),
        ("/v1/events", {"limit": "1e3"}),
    ],
)
async def test_parameters_out_of_range(citizen: Caller, path: str, params: dict[str, str]):
    problem = refused(await citizen.get(path, **params), 422, "fields_invalid")
    assert problem["fields"][0]["field"] == f"query.{next(iter(params))}"


async def test_region_that_is_not_in_the_province(citizen: Caller):
    for region in ("110000", "379999"):
        refused(await citizen.get("/v1/items", region=region), 422, "division_unknown")


async def test_state_that_does_not_exist(world: World):
    clerk = await world.staff(StaffRole.CLERK)
    refused(await clerk.get("/v1/staff/cases", state="LOST"), 422, "fields_invalid")
    refused(await clerk.get("/v1/staff/cases"), 422, "fields_invalid")


@pytest.mark.parametrize(
    "cursor", ["%%%", "bm90IGpzb24", "WzFd", "W10", "WyJhIiwiYiJd", "e30", "WyJcdTAwMDAiXQ"]
)
async def test_cursor_that_is_not_ours(any_world: World, cursor: str):
    citizen = await any_world.sign_in()
    clerk = await any_world.staff(StaffRole.CLERK)
    for answer in (
        await citizen.get("/v1/cases", cursor=cursor),
        await citizen.get("/v1/items", cursor=cursor),
        await clerk.get("/v1/staff/cases", state="SUBMITTED", cursor=cursor),
    ):
        refused(answer, 422, "invalid_cursor")


async def test_pages_follow_one_another_without_gap_or_repeat(citizen: Caller):
    made = [await citizen.declare() for _ in range(5)]
    seen, cursor = [], None
    while True:
        params = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = ok(await citizen.get("/v1/cases", **params))
        seen += [row["case_id"] for row in page["rows"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "POST"])
async def test_method_that_a_route_does_not_have(citizen: Caller, method: str):
    answer = await citizen.send(method, "/v1/me")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/cases", "/v1/cases/x/y/z"])
async def test_address_that_does_not_exist(citizen: Caller, path: str):
    answer = await citizen.get(path)
    refused(answer, 404, "route_not_found")
