"""Staff at the HTTP interface: signing in, the cookie, cross-site writes, certificates, roles."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import IPvAnyNetwork, TypeAdapter
from starlette.types import ASGIApp

from gateway.main import create_app
from identity import FactorMethod, RequestAct, StaffMember, StaffRole
from identity.staff import totp
from identity.staff.repository import SqlStaffRows
from kernel.db import audit
from tests.api.town import HOST
from tests.api.world import ROAD_DEPARTMENT, Caller, World, ok, refused, submitted
from tests.support.staff import secret_of

PASSWORD = "Correct-Horse-7"
COOKIE = "onewindow-sid"


@dataclass
class Desk:
    """A member of staff in front of a browser."""

    world: World
    http: httpx.AsyncClient
    staff_id: str
    secret: bytes = b""
    csrf: str = ""

    def code(self) -> str:
        return totp.code(self.secret, totp.step_of(self.world.clock.now()))

    async def begin(self, password: str = PASSWORD, **headers: str) -> httpx.Response:
        body = {"login": self.staff_id, "password": password}
        return await self.http.post("/v1/staff/session/password", json=body, headers=headers)

    async def finish(self, challenge: str, code: str, **more: Any) -> httpx.Response:
        body = {"challenge": challenge, "method": "TOTP", "code": code}
        return await self.http.post("/v1/staff/session/factor", json=body, **more)

    async def sign_in(self, password: str = PASSWORD) -> Any:
        challenge = ok(await self.begin(password))
        if challenge["enrol"]:
            self.secret = secret_of(challenge["enrol"])
        opened = ok(await self.finish(challenge["challenge"], self.code()))
        self.csrf = opened["csrf_token"]
        self.world.secrets |= {self.csrf, challenge["challenge"], self.http.cookies[COOKIE]}
        return opened

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"X-CSRF-Token": self.csrf, "Idempotency-Key": self.world.ids.new("key"), **headers}
        content = {} if body is None else {"json": body}
        return await self.http.post(path, headers=sent, **content)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=headers)


async def desk_of(world: World, staff_id: str, *roles: StaffRole) -> Desk:
    """Return a member who has signed in and chosen a password."""
    accounts = world.container.staff.accounts
    await accounts.create("system", staff_id, "测试员")
    given = await accounts.activate("system", staff_id)
    for role in roles:
        where = ("", "") if role.value.endswith("ADMIN") else (ROAD_DEPARTMENT, "370102")
        await accounts.provision(StaffMember(staff_id, "测试员", role, *where))
    desk = Desk(world, world.browser(), staff_id)
    world.secrets |= {PASSWORD, given.password}
    assert (await desk.sign_in(given.password))["password_due"]
    changed = await desk.post("/v1/staff/password", {"old": given.password, "new": PASSWORD})
    assert changed.status_code == 204, changed.text
    return desk


def another(world: World, **changes: Any) -> ASGIApp:
    """Return the same gateway with something exchanged."""
    return create_app(replace(world.container, metrics=CollectorRegistry(), **changes))


async def noted(world: World, **wanted: Any) -> list[Any]:
    async with world.container.works.read() as work:
        return [json.loads(row.body) for row in await audit.search(work, limit=500, **wanted)]


async def test_a_working_day(world: World, citizen: Caller):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    case_id = await submitted(world, citizen)
    me = ok(await clerk.get("/v1/staff/session"))
    assert me["roles"][0]["key"] == f"CLERK:{ROAD_DEPARTMENT}:370102"
    assert (me["amr"], me["csrf_token"]) == (["pwd", "totp"], clerk.csrf)
    ok(await clerk.get(f"/v1/staff/cases/{case_id}"))
    file = await clerk.get(f"/v1/staff/cases/{case_id}/materials/M01/content")
    assert file.status_code == 200
    ok(await clerk.post(f"/v1/staff/cases/{case_id}/receive"))
    (read,) = await noted(world, action="case.read")
    assert (read["actor"], read["reference"], read["src_ip"]) == ("staff:clerk-1", case_id, HOST)
    assert read["acting"]["role"] == "CLERK"
    (seen,) = await noted(world, action="material.read")
    assert (seen["object_id"], seen["category"]) == ("M01", "C")
    (session,) = ok(await clerk.get("/v1/staff/sessions"))
    assert session["is_this"]
    ended = await clerk.http.delete("/v1/staff/session", headers={"X-CSRF-Token": clerk.csrf})
    assert ended.status_code == 204
    refused(await clerk.get("/v1/staff/session"), 401, "unauthenticated")


async def test_what_was_not_noted_is_not_shown(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)

    class Full:
        async def record(self, _work: object, _event: object) -> None:
            raise OSError

    clerk = await world.staff(StaffRole.CLERK)
    broken = another(world, audit=Full())
    transport = httpx.ASGITransport(broken, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=world.town.gateway_url) as http:
        path = f"/v1/staff/cases/{case_id}"
        answer = await http.get(path, headers={"Authorization": f"Bearer {clerk.token}"})
    assert answer.status_code == 500
    assert "applicant" not in answer.text


async def test_the_cookie_and_the_secret_behind_it(world: World):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    world.clock.shift += timedelta(seconds=30)
    challenge = ok(await clerk.begin())["challenge"]
    clerk.http.cookies.clear()
    # Fixation: a value that was there before the sign-in is not the one after it.
    planted = {"Cookie": f"{COOKIE}={challenge}"}
    answer = await clerk.finish(challenge, clerk.code(), headers=planted)
    cookie = answer.headers["set-cookie"]
    value = cookie.partition(";")[0].partition("=")[2]
    world.secrets |= {value, challenge}
    assert value not in {challenge, ""}
    assert value not in answer.text
    for part in ("HttpOnly", "Path=/", "SameSite=strict"):
        assert part in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    refused(await world.http.get("/v1/staff/session", headers=planted), 401, "unauthenticated")


async def test_over_https_only_the_prefixed_cookie_counts(world: World):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    settings = world.container.settings
    server = settings.server.model_copy(update={"public_url": "https://gateway.example.gov.cn"})
    secure = another(world, settings=settings.model_copy(update={"server": server}))
    sid = clerk.http.cookies[COOKIE]
    transport = httpx.ASGITransport(secure)
    async with httpx.AsyncClient(transport=transport, base_url="https://gateway.example") as http:
        for name, status in ((COOKIE, 401), ("sid", 401), ("__Host-sid", 200)):
            answer = await http.get("/v1/staff/session", headers={"Cookie": f"{name}={sid}"})
            assert answer.status_code == status, name
        ended = await http.delete(
            "/v1/staff/session",
            headers={"Cookie": f"__Host-sid={sid}", "X-CSRF-Token": clerk.csrf},
        )
        assert "__Host-sid=" in ended.headers["set-cookie"]
        assert "Secure" in ended.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
async def test_a_write_from_elsewhere_is_refused(
    world: World, citizen: Caller, headers: dict[str, str]
):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    case_id = await submitted(world, citizen)
    path = f"/v1/staff/cases/{case_id}/receive"
    refused(await clerk.post(path, **headers), 403, "cross_site_request")
    ok(await clerk.post(path, **{"Sec-Fetch-Site": "same-origin"}))


async def test_signing_somebody_in_from_elsewhere_is_refused(world: World):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    refused(await clerk.begin(**foreign), 403, "cross_site_request")
    answer = await clerk.finish("x" * 43, "000000", headers=foreign)
    refused(answer, 403, "cross_site_request")


async def test_a_refusal_tells_nothing(world: World):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    told = []
    for login, password in (("clerk-1", "Wrong-Horse-7"), ("nobody", PASSWORD)):
        body = {"login": login, "password": password}
        problem = refused(
            await clerk.http.post("/v1/staff/session/password", json=body),
            401,
            "staff_login_failed",
        )
        told.append({name: value for name, value in problem.items() if name != "trace_id"})
    assert told[0] == told[1]


async def test_a_typed_password_reaches_no_log_and_no_problem(world: World):
    # Secrets are held against the whole log when the world closes.
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    typed = "Typed-Into-The-Wrong-Field-1"
    world.secrets.add(typed)
    for body in (
        {"login": typed, "password": typed},
        {"login": "clerk-1", "password": typed, "extra": typed},
        {"login": typed, "password": [typed]},
        {"login": typed * 9, "password": typed},
    ):
        answer = await clerk.http.post("/v1/staff/session/password", json=body)
        assert answer.status_code in {401, 422}
        assert typed not in answer.text
    assert typed not in json.dumps(await noted(world))


async def test_a_due_password_comes_first(world: World):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    async with world.container.works.begin() as work:
        await SqlStaffRows().change_credential(work, "clerk-1", must_change=True)
    path = "/v1/staff/cases?state=SUBMITTED"
    refused(await clerk.get(path), 403, "staff_password_change_needed")
    assert ok(await clerk.get("/v1/staff/session"))["password_due"]


async def test_a_certificate_header_counts_from_the_proxy_only(world: World):
    accounts = world.container.staff.accounts
    await accounts.create("system", "cert-1", "测试员", "ab" * 32)
    given = await accounts.activate("system", "cert-1")
    world.secrets.add(given.password)
    header = {"x-client-cert-sha256": "ab" * 32, "x-forwarded-for": "203.0.113.9"}
    login = {"login": "cert-1", "password": given.password}
    challenge = ok(await world.http.post("/v1/staff/session/password", json=login))["challenge"]
    factor = {"challenge": challenge, "method": FactorMethod.CERTIFICATE.value}
    path = "/v1/staff/session/factor"
    answer = await world.http.post(path, json=factor, headers=header)
    refused(answer, 403, "forged_proxy_header")
    denied = (await noted(world, action="staff.login"))[-1]
    assert (denied["reason"], denied["src_ip"]) == ("forged_proxy_header", HOST)
    refused(await world.http.post(path, json=factor), 401, "staff_login_failed")
    settings = world.container.settings
    proxies = (TypeAdapter(IPvAnyNetwork).validate_python("192.0.2.0/24"),)
    server = settings.server.model_copy(update={"trusted_proxies": proxies})
    behind = another(world, settings=settings.model_copy(update={"server": server}))
    transport = httpx.ASGITransport(behind, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url=world.town.gateway_url) as http:
        twice = [*header.items(), ("x-client-cert-sha256", "cd" * 32)]
        refused(await http.post(path, json=factor, headers=twice), 403, "forged_proxy_header")
        ok(await http.post(path, json=factor, headers=header))
    signed = (await noted(world, action="staff.login"))[-1]
    assert (signed["result"], signed["src_ip"]) == ("OK", "203.0.113.9")


async def test_several_roles_need_a_choice(world: World):
    clerk = await desk_of(world, "clerk-1", StaffRole.CLERK)
    staff = world.container.staff
    await staff.accounts.create("system", "other-1", "测试员")
    asked = await staff.grants.ask(
        "x", RequestAct.GRANT, "clerk-1", StaffRole.APPROVER, ROAD_DEPARTMENT, "370102", "兼岗"
    )
    await staff.grants.approve("y", asked.id)
    path = "/v1/staff/cases?state=SUBMITTED"
    choices = refused(await clerk.get(path), 409, "staff_capacity_needed")["choices"]
    assert len(choices) == 2
    for choice in choices:
        ok(await clerk.get(path, **{"Onewindow-Acting-As": choice}))
    foreign = {"Onewindow-Acting-As": f"CLERK:{ROAD_DEPARTMENT}:370000"}
    refused(await clerk.get(path, **foreign), 409, "staff_capacity_needed")


async def test_three_powers_and_what_each_may(world: World):
    system, security, auditor = [
        await world.staff(role, department="", region="")
        for role in (StaffRole.SYSTEM_ADMIN, StaffRole.SECURITY_ADMIN, StaffRole.AUDIT_ADMIN)
    ]
    new = {"staff_id": "clerk-9", "name": "测试员"}
    for caller in (security, auditor):
        refused(await caller.post("/v1/staff/accounts", new), 403, "forbidden")
    made = ok(await system.post("/v1/staff/accounts", new), 201)
    assert made["kind"] == "NONE"
    world.secrets.add(ok(await system.post("/v1/staff/accounts/clerk-9/activation"))["password"])
    wanted = {
        "act": "GRANT",
        "staff_id": "clerk-9",
        "role": "CLERK",
        "department": ROAD_DEPARTMENT,
        "region": "370102",
        "reason": "新入职",
    }
    request_id = ok(await system.post("/v1/staff/grants", wanted), 201)["request_id"]
    path = f"/v1/staff/grants/{request_id}/approve"
    for caller in (system, auditor):
        refused(await caller.post(path), 403, "forbidden")
    assert ok(await security.post(path))["status"] == "APPROVED"
    own = ok(await security.post("/v1/staff/grants", {**wanted, "role": "OPS"}), 201)["request_id"]
    refused(await security.post(f"/v1/staff/grants/{own}/approve"), 403, "staff_two_people_needed")
    assert [one["role"] for one in ok(await system.get("/v1/staff/accounts/clerk-9/roles"))] == [
        "CLERK"
    ]
    excluded = {**wanted, "role": "AUDIT_ADMIN"}
    refused(await system.post("/v1/staff/grants", excluded), 409, "staff_role_conflict")
    for caller in (system, security, auditor):
        refused(await caller.get("/v1/staff/cases", state="SUBMITTED"), 403, "forbidden")
    for caller in (system, security):
        refused(await caller.get("/v1/staff/audit"), 403, "forbidden")
    rows = ok(await auditor.get("/v1/staff/audit", limit=200))
    said = {row["event"]["action"] for row in rows}
    assert {"staff.account_created", "staff.role_requested", "staff.request"} <= said
    assert [one["reason"] for one in await noted(world, action="staff.request")][-1] == (
        "GET /v1/staff/audit"
    )
    (again,) = ok(await auditor.get("/v1/staff/audit", action="audit.read"))
    assert again["event"]["actor"].startswith("staff:audit_admin")
