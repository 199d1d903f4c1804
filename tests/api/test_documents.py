"""Documents through the interface: receipt, proof of delivery, preview, and public checks."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from e_seal import read_ofd
from gateway.api.limiter import PER_MINUTE, Limiter, TooManyRequests
from gateway.cases.orders import check_code
from kernel.crypto import sm3
from tests.api.test_journey import INSTANT, staff_of
from tests.api.world import OTHER, PERSONAL, Caller, World, ok, refused, submitted


async def received(world: World, citizen: Caller) -> tuple[str, dict[str, str]]:
    """A received case and its sealed receipt."""
    case_id = await submitted(world, citizen, INSTANT)
    clerk, _, _ = await staff_of(world, INSTANT)
    await clerk.desk(case_id, "receive")
    await world.work()
    (receipt,) = ok(await citizen.get(f"/v1/cases/{case_id}/documents"))
    assert (receipt["kind"], receipt["title"], receipt["state"]) == (
        "RECEIPT",
        "收件凭证",
        "SEALED",
    )
    return case_id, receipt


async def check(world: World, number: str, code: str) -> httpx.Response:
    path = f"/v1/public/documents/{quote(number, safe='')}"
    return await world.http.get(path, params={"code": code})


async def test_the_holder_of_a_document_checks_it_without_signing_in(world: World, citizen: Caller):
    case_id, receipt = await received(world, citizen)
    found = ok(await check(world, receipt["number"], receipt["check_code"]))
    path = f"/v1/cases/{case_id}/documents/{receipt['document_id']}/content"
    content = (await citizen.get(path)).content
    assert found == {
        "number": receipt["number"],
        "kind": "RECEIPT",
        "title": "收件凭证",
        "department": "济南市自然资源和规划局",
        "issued_on": found["issued_on"],
        "sealed_at": receipt["sealed_at"],
        "sha256": hashlib.sha256(content).hexdigest(),
        "sm3": sm3.digest(content).hex(),
        "verdict": "VALID",
    }
    assert not [secret for secret in PERSONAL if secret in str(found)]
    spaced = f"{receipt['check_code'][:4].lower()} {receipt['check_code'][4:]}"
    assert ok(await check(world, receipt["number"], spaced)) == found


async def test_whoever_guesses_learns_nothing(world: World, citizen: Caller):
    _, receipt = await received(world, citizen)
    answers = [
        refused(await check(world, number, code), 404, "document_not_found")
        for number, code in [
            (receipt["number"], "22222222"),
            (receipt["number"], ""),
            (receipt["number"], "校验码"),
            ("〔2026〕370100收999999号", receipt["check_code"]),
            ("x", "-" * 8),
        ]
    ]
    for answer in answers:
        answer.pop("trace_id")
    assert all(answer == answers[0] for answer in answers)
    missing = await world.http.get(f"/v1/public/documents/{quote(receipt['number'])}")
    refused(missing, 422, "fields_invalid")


async def test_a_document_is_checked_only_once_it_is_sealed(world: World, citizen: Caller):
    case_id = await submitted(world, citizen, INSTANT)
    clerk, _, _ = await staff_of(world, INSTANT)
    await clerk.desk(case_id, "receive")
    (queued,) = ok(await citizen.get(f"/v1/cases/{case_id}/documents"))
    assert queued["state"] == "QUEUED"
    answer = await check(world, queued["number"], queued["check_code"])
    refused(answer, 404, "document_not_found")


async def test_an_address_that_asks_too_often_must_wait(world: World):
    for _ in range(PER_MINUTE):
        refused(await check(world, "x", "x"), 404, "document_not_found")
    late = await check(world, "x", "x")
    refused(late, 429, "too_many_requests")
    assert int(late.headers["retry-after"]) >= 1
    world.clock.shift += timedelta(minutes=1)
    refused(await check(world, "x", "x"), 404, "document_not_found")


def test_addresses_are_counted_apart_and_forgotten():
    limiter = Limiter(per_minute=2)
    for address in ("a", "a", "b"):
        limiter.take(address, 0.0)
    with pytest.raises(TooManyRequests) as refusal:
        limiter.take("a", 0.0)
    assert refusal.value.retry_after == 31
    limiter.take("a", 31.0)
    limiter.take("b", 31.0)
    for number in range(20_000):
        limiter.take(f"other-{number}", 31.0)
    limiter.take("a", 31.0)
    limiter.take("a", 31.0)


def test_codes_are_readable_and_differ():
    codes = {check_code(f"secret-{number}") for number in range(500)}
    assert len(codes) == 500
    assert {len(code) for code in codes} == {8}
    assert not set("01IO") & set("".join(codes))


async def test_preview_shows_the_sealed_page(world: World, citizen: Caller):
    case_id, receipt = await received(world, citizen)
    path = f"/v1/cases/{case_id}/documents/{receipt['document_id']}/preview"
    answer = await citizen.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "private, no-store"
    picture = Image.open(io.BytesIO(answer.content)).convert("RGB")
    assert picture.size == (992, 1403)
    red, green, _ = picture.split()
    assert sum(red.histogram()[200:]) > sum(green.histogram()[200:]) + 1000, "no red seal"
    assert (await citizen.get(path, page=0)).content == answer.content
    refused(await citizen.get(path, page=1), 404, "document_not_found")
    refused(await citizen.get(path, page=-1), 422, "fields_invalid")
    other = await world.sign_in(OTHER)
    refused(await other.get(path), 404, "case_not_found")
    refused(await world.http.get(path), 401, "unauthenticated")


async def test_collecting_the_result_puts_delivery_on_record(world: World, citizen: Caller):
    case_id, _ = await received(world, citizen)
    clerk, _, approver = await staff_of(world, INSTANT)
    await clerk.desk(case_id, "accept")
    await approver.desk(case_id, "decide", {"outcome": "GRANTED"})
    await world.work()
    await citizen.act(case_id, "collect")
    await world.work()
    listed = ok(await citizen.get(f"/v1/cases/{case_id}/documents"))
    assert [document["kind"] for document in listed] == [
        "RECEIPT",
        "ACCEPTANCE",
        "GRANT",
        "DELIVERY",
    ]
    assert {document["verdict"] for document in listed} == {"VALID"}
    delivery = listed[-1]
    path = f"/v1/cases/{case_id}/documents/{delivery['document_id']}/content"
    text = "".join(read_ofd((await citizen.get(path)).content).text().split())
    for document in listed[1:3]:
        assert f"《{document['title']}》{document['number']}" in text
    assert (await citizen.case(case_id))["state"] == "DELIVERED"
