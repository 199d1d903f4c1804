"""Programs that sign their requests: what they may see, and every way a signature can be wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from identity import ClientKind, ClientStatus, CryptoProfile, RateClass
from kernel.crypto import sm3
from kernel.signing import sdgw1
from tests.api.partner import Program, department, portal, with_secret, with_sm2
from tests.api.world import OTHER, Caller, World, ok, refused, submitted

EVENTS = "/v1/events"
SELF = "/v1/clients/self"


def outcomes(world: World, reason: str) -> float:
    found = world.container.metrics.get_sample_value(
        "onewindow_signatures_total", {"outcome": reason}
    )
    return found or 0.0


@pytest.fixture
async def program(world: World) -> Program:
    return await portal(world)


async def test_a_portal_reads_events_of_its_own_cases_only(world: World, citizen: Caller):
    program = await portal(world)
    case_id = await citizen.declare()
    rows = ok(await program.get(EVENTS))["rows"]
    assert {row["subject"] for row in rows} == {case_id}
    other = await department(
        world, client_id="other-portal", kind=ClientKind.PORTAL, sector="other"
    )
    assert ok(await other.get(EVENTS))["rows"] == []
    assert ok(await other.get(f"{SELF}/cases"))["rows"] == []
    refused(await other.get(f"{SELF}/cases/{case_id}"), 404, "case_not_found")
    assert ok(await program.get(f"{SELF}/cases/{case_id}"))["case_id"] == case_id
    assert [row["case_id"] for row in ok(await program.get(f"{SELF}/cases"))["rows"]] == [case_id]


async def test_regions_limit_what_a_client_sees(world: World, citizen: Caller):
    case_id = await citizen.declare()
    program = await portal(world, region_codes=("370200",))
    assert ok(await program.get(EVENTS))["rows"] == []
    await world.container.clients.change(program.client_id, "test", region_codes=("370100",))
    assert {row["subject"] for row in ok(await program.get(EVENTS))["rows"]} == {case_id}


async def test_a_department_sees_what_was_sent_to_it(world: World, citizen: Caller):
    system = await department(world)
    await citizen.declare()
    assert ok(await system.get(f"{SELF}/cases"))["rows"] == []
    case_id = await submitted(world, citizen)
    assert [row["case_id"] for row in ok(await system.get(f"{SELF}/cases"))["rows"]] == [case_id]
    assert {row["subject"] for row in ok(await system.get(EVENTS))["rows"]} == {case_id}
    assert ok(await system.get(f"{SELF}/cases/{case_id}/payments")) == []


async def test_an_applicant_still_reads_with_a_token(world: World, citizen: Caller):
    case_id = await citizen.declare()
    assert {row["subject"] for row in ok(await citizen.get(EVENTS))["rows"]} == {case_id}
    other = await world.sign_in(OTHER)
    assert ok(await other.get(EVENTS))["rows"] == []


async def test_both_algorithms_and_the_digest_of_the_request(world: World, program: Program):
    answer = await program.get(SELF, "b=2&a=1")
    view = ok(answer)
    assert (view["client_id"], view["kind"]) == (program.client_id, "portal")
    assert [key["key_id"] for key in view["keys"]] == [program.key_id]
    headers = program.headers("GET", SELF)
    claim = sdgw1.read("GET", SELF, "", headers.items())
    answer = await world.http.get(SELF, headers=headers)
    digest = sm3.digest(sdgw1.text_of(claim)).hex()
    assert answer.headers["x-gw-request-digest"] == digest
    other = await with_sm2(world, program.client_id)
    ok(await other.get(SELF))


async def test_what_needs_sm2_is_not_given_for_a_shared_secret(
    world: World, citizen: Caller, program: Program
):
    path = f"{SELF}/cases/{await citizen.declare()}/payments"
    refused(await program.get(path), 403, "sig_sm2_required")
    strong = await with_sm2(world, program.client_id)
    assert ok(await strong.get(path)) == []


async def test_a_scope_that_was_not_granted(world: World):
    program = await department(world, scopes=frozenset({"event.read"}))
    ok(await program.get(EVENTS))
    told = refused(await program.get(f"{SELF}/cases"), 403, "forbidden")
    assert told["scopes"] == ["case.read"]


async def test_a_replay(world: World, program: Program):
    headers = program.headers("GET", SELF)
    ok(await world.http.get(SELF, headers=headers))
    refused(await world.http.get(SELF, headers=headers), 401, "sig_bad")
    assert outcomes(world, "SIG_REPLAY") == 1
    world.clock.shift += timedelta(seconds=301)
    refused(await world.http.get(SELF, headers=headers), 401, "sig_skew")


async def test_a_wrong_signature_burns_no_nonce(world: World, program: Program):
    headers = program.headers("GET", SELF)
    wrong = {**headers, sdgw1.SIGNATURE: "0" * 64}
    refused(await world.http.get(SELF, headers=wrong), 401, "sig_bad")
    ok(await world.http.get(SELF, headers=headers))


@pytest.mark.parametrize("seconds", [-301, 302])
async def test_a_clock_that_is_off(world: World, program: Program, seconds: int):
    at = int(world.clock.now().timestamp()) + seconds
    told = refused(await program.get(SELF, timestamp=str(at)), 401, "sig_skew")
    assert abs(told["server_time"] - world.clock.now().timestamp()) < 5
    # The same for a key that does not exist: nothing is learnt from the clock.
    refused(await program.get(SELF, timestamp=str(at), key_id="ak-nobody"), 401, "sig_skew")
    assert outcomes(world, "SIG_SKEW") == 2


MUTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("SIG_BAD", {"url": f"{SELF}/cases"}),
    ("SIG_BAD", {"url": f"{SELF}?limit=3"}),
    ("SIG_BAD", {"url": SELF, "method": "HEAD"}),
    ("SIG_BAD", {"headers": {"Idempotency-Key": "k-2"}}),
    ("SIG_BAD", {"headers": {"Content-Type": "text/plain"}}),
    ("SIG_DIGEST", {"content": b"x"}),
    ("SIG_DIGEST", {"headers": {sdgw1.DIGEST: "0" * 64}}),
    ("SIG_BAD", {"headers": {sdgw1.NONCE: "n" * 20}}),
    ("SIG_BAD", {"headers": {sdgw1.SIGNATURE: "f" * 64}}),
    ("SIG_BAD", {"headers": {sdgw1.SIGNATURE: "A" * 96}}),
    ("SIG_BAD", {"headers": {sdgw1.ALGORITHM: "HMAC-SHA256"}}),
    ("SIG_UNKNOWN_KEY", {"headers": {sdgw1.ALGORITHM: "SM2-SM3"}}),
    ("SIG_UNKNOWN_KEY", {"headers": {sdgw1.KEY: "ak-nobody"}}),
    ("SIG_MALFORMED", {"headers": {sdgw1.ALGORITHM: "none"}}),
    ("SIG_MALFORMED", {"headers": {sdgw1.NONCE: "x"}}),
    ("SIG_MALFORMED", {"headers": {sdgw1.TIMESTAMP: "now"}}),
    ("SIG_MALFORMED", {"headers": {sdgw1.SIGNATURE: ""}}),
    ("SIG_MALFORMED", {"without": sdgw1.NONCE}),
    ("SIG_MALFORMED", {"without": sdgw1.KEY}),
    ("SIG_MALFORMED", {"twice": sdgw1.KEY}),
    ("SIG_MALFORMED", {"twice": sdgw1.SIGNATURE}),
    ("SIG_MALFORMED", {"twice": sdgw1.DIGEST}),
    ("SIG_MALFORMED", {"twice": "Content-Type"}),
]


@pytest.mark.parametrize(("reason", "change"), MUTATIONS)
async def test_a_changed_request_is_refused(
    world: World, program: Program, reason: str, change: dict[str, Any]
):
    made = program.headers("GET", SELF, content_type="application/json")
    made.update(change.get("headers", {}))
    made.pop(change.get("without", ""), None)
    headers = [*made.items()]
    if twice := change.get("twice"):
        headers.append((twice, made[twice]))
    answer = await world.http.request(
        change.get("method", "GET"),
        change.get("url", SELF),
        headers=headers,
        content=change.get("content", b""),
    )
    if change.get("method") != "HEAD":
        told = refused(answer, 401, "sig_bad")
        assert "SIG" not in str(told)
    assert answer.status_code in {401, 405}
    if answer.status_code == 401:
        assert outcomes(world, reason) == 1


async def test_suspended_retired_expired(world: World, program: Program):
    ok(await program.get(SELF))
    clients = world.container.clients
    await clients.move(program.client_id, ClientStatus.SUSPENDED, "test")
    refused(await program.get(SELF), 401, "sig_bad")
    await clients.move(program.client_id, ClientStatus.ACTIVE, "test")
    ok(await program.get(SELF))
    fresh = await with_secret(world, program.client_id)
    await clients.retire(program.client_id, program.key_id, "test")
    refused(await program.get(SELF), 401, "sig_bad")
    ok(await fresh.get(SELF))
    world.clock.shift += timedelta(days=180)
    refused(await fresh.get(SELF), 401, "sig_bad")
    assert outcomes(world, "SIG_UNKNOWN_KEY") == 3


async def test_a_national_profile_refuses_sha256(world: World):
    program = await portal(world)
    program.algorithm = "HMAC-SHA256"
    ok(await program.get(SELF))
    await world.container.clients.change(program.client_id, "test", profile=CryptoProfile.GM)
    refused(await program.get(SELF), 401, "sig_bad")


async def test_where_a_client_may_call_from(world: World):
    program = await portal(world, ip_cidrs=("10.0.0.0/8",))
    refused(await program.get(SELF), 401, "sig_bad")
    assert outcomes(world, "SIG_UNKNOWN_KEY") == 1
    await world.container.clients.change(program.client_id, "test", ip_cidrs=("127.0.0.0/8",))
    ok(await program.get(SELF))


async def test_a_rate_class(world: World):
    program = await portal(world, rate_class=RateClass.SMALL)
    answers = [await program.get(SELF) for _ in range(12)]
    assert [answer.status_code for answer in answers[:10]] == [200] * 10
    told = answers[11]
    refused(told, 429, "too_many_requests")
    assert 1 <= int(told.headers["retry-after"]) <= 2
    world.clock.shift += timedelta(seconds=2)
    ok(await program.get(SELF))


async def test_without_any_signature(world: World):
    refused(await world.http.get(SELF), 401, "sig_bad")
    refused(await world.http.get(EVENTS), 401, "unauthenticated")
