"""The authorization server as a portal sees it: sign-in, tokens, delegation, the way out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from gateway.api.callers import citizen
from gateway.api.scopes import NOT_GRANTED, REQUIRED
from gateway.main import _ROUTERS
from gateway.worker.sign_in import register_sign_in
from identity import SCOPES, ClientKind
from identity.jose import public_keys, verify_jwt
from identity.oauth.tables import grants, signing_keys, tokens
from kernel.db.tables import events, history
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import TaskEngine
from kernel.db.work import connection
from tests.api.relying import portal
from tests.api.world import _HIDDEN, OTHER, ROAD, ROAD_DEPARTMENT, ROAD_FORM, WEAK, ok, refused

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


async def test_a_citizen_signs_in_and_the_portal_calls(any_world):
    home = await portal(any_world)
    issued = await home.sign_in()
    assert (issued["token_type"], issued["expires_in"]) == ("DPoP", 300)
    me = ok(await home.call("GET", "/v1/me", issued["access_token"]))
    assert me["ial"] == 3
    told = ok(await home.call("GET", "/oauth2/userinfo", issued["access_token"]))
    assert told["name"] == "张明轩"
    assert "id_number" not in told
    assert len(told["sub"]) == 32
    async with any_world.container.works.read() as work:
        stored = [
            str(row)
            for table in (grants, tokens, events, history)
            for row in await connection(work).execute(select(table))
        ]
    assert not [row for row in stored if issued["refresh_token"] in row]


async def test_opaque_tokens_of_the_gm_profile(world):
    home = await portal(world, bound=False)
    issued = await home.sign_in()
    assert (issued["token_type"], issued["access_token"][:5]) == ("Bearer", "sdgt_")
    assert ok(await home.call("GET", "/v1/me", issued["access_token"]))["ial"] == 3
    refused(await home.call("GET", "/v1/me", issued["refresh_token"]), 401, "unauthenticated")


async def test_subjects_are_pairwise_by_sector(world):
    one, other = await portal(world), await portal(world, "second")
    third = await portal(world, "third", sector="oauth-portal")
    subs = []
    for each in (one, other, third):
        token = (await each.sign_in())["access_token"]
        subs.append(ok(await each.call("GET", "/oauth2/userinfo", token))["sub"])
    assert subs[0] != subs[1]
    assert subs[0] == subs[2]


async def test_the_id_number_needs_scope_and_purpose(world):
    home = await portal(world)
    with_purpose = (await home.sign_in(scope="openid identity"))["access_token"]
    told = ok(await home.call("GET", "/oauth2/userinfo", with_purpose))
    assert told["id_number"] == "370102199003071238"
    aimless = await portal(world, "aimless", purpose_codes=())
    without = (await aimless.sign_in(scope="openid identity"))["access_token"]
    assert "id_number" not in ok(await aimless.call("GET", "/oauth2/userinfo", without))
    no_openid = (await home.sign_in(scope="case.read"))["access_token"]
    refused(await home.call("GET", "/oauth2/userinfo", no_openid), 403, "insufficient_scope")


async def test_refresh_rotates_and_a_second_use_revokes_the_family(world):
    home = await portal(world)
    first = await home.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = ok(await home.post("/oauth2/token", form))
    assert second["refresh_token"] != first["refresh_token"]
    assert ok(await home.call("GET", "/v1/me", second["access_token"]))
    again = await home.post("/oauth2/token", form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    form["refresh_token"] = second["refresh_token"]
    assert (await home.post("/oauth2/token", form)).json()["error"] == "invalid_grant"
    refused(await home.call("GET", "/v1/me", second["access_token"]), 401, "unauthenticated")


async def test_a_refreshed_scope_only_shrinks(world):
    home = await portal(world)
    first = await home.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    more = await home.post("/oauth2/token", {**form, "scope": "case.read pay.create"})
    assert more.json()["error"] == "invalid_scope"
    less = ok(await home.post("/oauth2/token", {**form, "scope": "case.read"}))
    assert less["scope"] == "case.read"


async def test_a_session_ends_after_idleness_and_at_its_absolute_end(world):
    home = await portal(world)
    issued = await home.sign_in()
    world.clock.shift += timedelta(seconds=301)
    refused(await home.call("GET", "/v1/me", issued["access_token"]), 401, "unauthenticated")
    form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    form["refresh_token"] = ok(await home.post("/oauth2/token", form))["refresh_token"]
    world.clock.shift += timedelta(minutes=31)
    assert (await home.post("/oauth2/token", form)).json()["error"] == "invalid_grant"


async def test_a_level_that_is_not_reached_is_no_login(world):
    home = await portal(world)
    async with world.browser() as browser:
        uri = await home.pushed(acr_values="urn:sd:loa:4 urn:sd:loa:3:aal:3")
        back = await home.visit(browser, uri, WEAK)
    assert back["error"] == "unmet_authentication_requirements"
    assert (back["state"], back["iss"]) == (home.state, home.issuer)
    strong = await home.sign_in(acr_values="urn:sd:loa:3", max_age="300")
    assert strong["id_token"]


async def test_a_silent_login_is_never_possible(world):
    home = await portal(world)
    async with world.browser() as browser:
        back = await home.visit(browser, await home.pushed(prompt="none"))
    assert back["error"] == "login_required"


async def test_a_refusal_of_the_province_reaches_the_portal(world, town):
    home = await portal(world)
    async with world.browser() as browser:
        query = {"client_id": home.client_id, "request_uri": await home.pushed()}
        page = await home.followed(browser, await browser.get("/oauth2/authorize", params=query))
        form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
        chosen = await browser.post(page.url, data={**form, "account": OTHER})
        callback = chosen.headers["location"]
        world.secrets.add(urlsplit(callback).path.rpartition("/")[2])
        town.expire_tickets()
        target = (await browser.get(callback)).headers["location"]
    assert target.startswith(home.back)
    back = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
    assert (back["error"], back["iss"]) == ("access_denied", home.issuer)
    assert back["state"] == home.state


async def test_a_program_for_itself(world):
    home = await portal(world, kind=ClientKind.DEPT_SYSTEM, org_uscc=ROAD_DEPARTMENT)
    issued = ok(await home.post("/oauth2/token", {"grant_type": "client_credentials"}))
    assert "openid" not in issued["scope"].split()
    assert "refresh_token" not in issued
    refused(await home.call("GET", "/v1/cases", issued["access_token"]), 403, "forbidden")
    greedy = {"grant_type": "client_credentials", "scope": "identity"}
    assert (await home.post("/oauth2/token", greedy)).json()["error"] == "invalid_scope"


async def test_delegation_keeps_the_actor_in_the_history(world):
    home = await portal(world)
    agent = await portal(
        world, "agent", kind=ClientKind.MOBILE_BACKEND, may_act_scopes=frozenset({"case.write"})
    )
    subject = (await home.sign_in())["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS}
    issued = ok(await agent.post("/oauth2/token", form))
    assert (issued["scope"], issued["issued_token_type"]) == ("case.write", ACCESS)
    body = {"item_code": ROAD, "channel": "PC_WEB", "form": ROAD_FORM}
    made = ok(await agent.call("POST", "/v1/cases", issued["access_token"], json=body), 201)
    assert ok(await home.call("GET", f"/v1/cases/{made['case_id']}", subject))
    ok(await agent.call("POST", f"/v1/cases/{made['case_id']}/discard", issued["access_token"]))
    missing = await agent.call("GET", "/v1/cases", issued["access_token"])
    assert refused(missing, 403, "insufficient_scope")["scope"] == "case.read"
    async with world.container.works.read() as work:
        found = await connection(work).execute(
            select(history.c.actor).where(history.c.entity == made["case_id"])
        )
        actors = set(found.scalars())
    assert {actor.partition(";")[2] for actor in actors} == {"act=client:agent"}


@pytest.mark.parametrize("scope", ["case.read", "case.write case.submit"])
async def test_delegation_never_widens(world, scope):
    home = await portal(world)
    agent = await portal(world, "agent", may_act_scopes=frozenset({"case.write"}))
    subject = (await home.sign_in())["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS}
    wider = await agent.post("/oauth2/token", {**form, "scope": scope})
    assert wider.json()["error"] == "invalid_scope"
    nobody = await home.post("/oauth2/token", form)
    assert nobody.json()["error"] == "unauthorized_client"


async def test_signing_keys_rotate_a_day_ahead(world):
    server = world.container.oauth
    before = ok(await world.http.get("/oauth2/jwks"))["keys"]
    assert "d" not in before[0]
    world.clock.shift += timedelta(days=31)
    assert await server.keys.rotate()
    answer = await world.http.get("/oauth2/jwks")
    assert answer.headers["cache-control"] == "public, max-age=600"
    both = {key["kid"] for key in ok(answer)["keys"]}
    assert len(both) == 2
    assert (await server.keys.current()).kid == before[0]["kid"]
    world.clock.shift += timedelta(hours=25)
    assert (await server.keys.current()).kid in both - {before[0]["kid"]}
    world.clock.shift += timedelta(hours=2)
    assert await server.keys.rotate()
    left = {key["kid"] for key in ok(await world.http.get("/oauth2/jwks"))["keys"]}
    assert left == both - {before[0]["kid"]}
    async with world.container.works.read() as work:
        rows = [str(row) for row in await connection(work).execute(select(signing_keys.c.private))]
    assert not [row for row in rows if '"d"' in row]


async def test_the_way_out_ends_every_grant(world):
    home = await portal(world)
    issued = await home.sign_in()
    ok(await home.call("GET", "/v1/me", issued["access_token"]))
    query = {
        "id_token_hint": issued["id_token"],
        "post_logout_redirect_uri": f"{home.back}bye",
        "state": "x1",
    }
    answer = await world.http.get("/oauth2/end_session", params=query)
    assert answer.status_code == 303
    target = answer.headers["location"]
    assert target.startswith((world.town.url("sd_jis"), f"{home.back}bye"))
    assert f"{home.back}bye" in str(parse_qs(urlsplit(target).query)) or target == f"{home.back}bye"
    refused(await home.call("GET", "/v1/me", issued["access_token"]), 401, "unauthenticated")
    form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    assert (await home.post("/oauth2/token", form)).json()["error"] == "invalid_grant"


async def test_introspection_tells_owners_and_departments_only(world):
    home, other = await portal(world), await portal(world, "second")
    dept = await portal(world, "dept", kind=ClientKind.DEPT_SYSTEM, org_uscc=ROAD_DEPARTMENT)
    token = (await home.sign_in(OTHER))["access_token"]
    asked = {"token": token}
    own = ok(await home.post("/oauth2/introspect", asked))
    assert own["active"] is True
    assert home.dpop is not None
    assert own["cnf"] == {"jkt": home.dpop.kid}
    assert ok(await other.post("/oauth2/introspect", asked)) == {"active": False}
    assert ok(await dept.post("/oauth2/introspect", asked))["sub"] == own["sub"]
    ok(await other.post("/oauth2/revoke", asked))
    assert ok(await home.post("/oauth2/introspect", asked))["active"] is True
    ok(await home.post("/oauth2/revoke", asked))
    assert ok(await home.post("/oauth2/introspect", asked)) == {"active": False}


def asks_for_citizen(dependant):
    return dependant.call is citizen or any(map(asks_for_citizen, dependant.dependencies))


def test_every_route_of_applicants_has_its_scope():
    open_routes = set()
    for route in (route for router in _ROUTERS for route in router.routes):
        if isinstance(route, APIRoute) and asks_for_citizen(route.dependant):
            open_routes |= {(method, route.path) for method in route.methods or ()}
    assert open_routes
    assert open_routes - set(REQUIRED) == NOT_GRANTED
    assert {scope for scope in REQUIRED.values() if scope} <= SCOPES


async def test_what_is_over_is_swept(world):
    home = await portal(world)
    await home.sign_in()
    world.clock.shift += timedelta(hours=9)
    swept = 0
    while more := await world.container.oauth.sweep():
        swept += more
    assert swept >= 4
    async with world.container.works.read() as work:
        left = [
            row
            for table in (grants, tokens)
            for row in await connection(work).execute(select(table))
        ]
    assert left == []


async def test_every_client_hears_of_a_logout_until_it_has_taken_it(world):
    heard: list[dict[str, list[str]]] = []
    answers = iter([b"HTTP/1.1 503 No\r\n", b"HTTP/1.1 204 Yes\r\n"])

    async def listen(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        heard.append(parse_qs((await reader.readexactly(length)).decode()))
        writer.write(next(answers) + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    registered = "https://portal.example.gov.cn/hears"
    home = await portal(world, backchannel_logout_uri=registered)

    async def post(url, headers, body):
        assert url == registered
        return await world.container.post(f"http://localhost:{port}/hears", headers, body)

    services = replace(world.container, post=post)
    registry = TaskRegistry()
    register_sign_in(registry, services)
    engine = TaskEngine(services.works, registry, chance=lambda: 0.0)
    issued = await home.sign_in()
    await world.http.get("/oauth2/end_session", params={"id_token_hint": issued["id_token"]})
    while await engine.run_once():
        pass
    assert len(heard) == 1
    world.clock.shift += timedelta(minutes=1)
    while await engine.run_once():
        pass
    server.close()
    await server.wait_closed()
    tokens_heard = [form["logout_token"][0] for form in heard]
    assert len(set(tokens_heard)) == 2
    keys = public_keys({"keys": ok(await world.http.get("/oauth2/jwks"))["keys"]})
    claims = verify_jwt(
        tokens_heard[1],
        keys=keys,
        iss=home.issuer,
        aud=home.client_id,
        typ="logout+jwt",
        now=world.clock.now(),
        longest=timedelta(seconds=120),
    )
    assert "http://schemas.openid.net/event/backchannel-logout" in claims["events"]
    assert "nonce" not in claims
