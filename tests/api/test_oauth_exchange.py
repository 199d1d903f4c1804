"""Token exchange with what the province's app holds, and whatever ends what was exchanged."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from identity import ClientKind
from identity.oauth.exchange import ACCESS_TOKEN, JIS_TICKET, JIS_TOKEN, TOKEN_EXCHANGE
from identity.tables import sessions
from kernel.db.tables import history
from kernel.db.work import connection
from tests.api.installation import CLIENT_ID
from tests.api.relying import portal
from tests.api.world import PERSON, ROAD, ROAD_FORM, Login, ok, refused

MAY = frozenset({"case.read", "case.write"})


async def agent_of(world, client_id="agent", **changes: Any):
    changes = {"kind": ClientKind.MOBILE_BACKEND, "may_act_scopes": MAY, **changes}
    return await portal(world, client_id, **changes)


async def ticket_of(world):
    """Sign in at the province and keep the ticket, as its app hands it to a page inside it."""
    async with world.browser() as browser:
        login = Login(world, browser, "NATURAL_PERSON")
        callback = await login.choose(await login.begin(), PERSON)
    return parse_qs(urlsplit(callback).query)["ticket"][0]


async def upstream_token_of(world):
    """Return the province's own token behind a session that was just made."""
    await world.sign_in()
    async with world.container.works.read() as work:
        row = (await connection(work).execute(select(sessions.c.id, sessions.c.upstream))).one()
    keys = world.container.oauth.logout._sessions
    token = keys._open(row.id, "upstream", row.upstream)["token"]
    world.secrets.add(token)
    return str(token)


def shown(kind, token, **more: str):
    return {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token,
        "subject_token_type": kind,
        "idp": "sd_jis",
        **more,
    }


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


async def acted(world, agent, token):
    body = {"item_code": ROAD, "channel": "PC_WEB", "form": ROAD_FORM}
    made = ok(await agent.call("POST", "/v1/cases", token, json=body), 201)
    ok(await agent.call("POST", f"/v1/cases/{made['case_id']}/discard", token))
    async with world.container.works.read() as work:
        found = await connection(work).execute(
            select(history.c.actor).where(history.c.entity == made["case_id"])
        )
        return {actor.partition(";")[2] for actor in found.scalars()}


@pytest.mark.parametrize("kind", [JIS_TICKET, JIS_TOKEN])
async def test_what_the_app_holds_becomes_a_delegated_token(world, kind):
    agent = await agent_of(world)
    given = await (ticket_of if kind == JIS_TICKET else upstream_token_of)(world)
    issued = ok(await agent.post("/oauth2/token", shown(kind, given)))
    assert (issued["scope"].split(), issued["issued_token_type"]) == (sorted(MAY), ACCESS_TOKEN)
    assert claims_of(issued["access_token"])["act"] == {"sub": "agent"}
    assert "refresh_token" not in issued
    assert await acted(world, agent, issued["access_token"]) == {"act=client:agent"}
    refused(
        await agent.call("GET", "/v1/me/payables", issued["access_token"]),
        403,
        "insufficient_scope",
    )


async def test_a_ticket_is_exchanged_once_and_by_those_only_who_may(world):
    agent, other = await agent_of(world), await agent_of(world, "second")
    stranger = await portal(world, "stranger")
    ticket = await ticket_of(world)
    answer = await stranger.post("/oauth2/token", shown(JIS_TICKET, ticket))
    assert answer.json()["error"] == "unauthorized_client"
    ok(await agent.post("/oauth2/token", shown(JIS_TICKET, ticket)))
    for thief in (agent, other):
        again = await thief.post("/oauth2/token", shown(JIS_TICKET, ticket))
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scope": "case.read case.submit"}, "invalid_scope"),
        ({"scope": "identity"}, "invalid_scope"),
        ({"user_type": "LEGAL_PERSON"}, "invalid_grant"),
        ({"user_type": "ROBOT"}, "invalid_request"),
        ({"idp": "nobody"}, "invalid_grant"),
        ({"subject_token": "x" * 600}, "invalid_request"),
        ({"subject_token": "f" * 32}, "invalid_grant"),
        ({"subject_token_type": "urn:x"}, "invalid_request"),
        ({"audience": "https://other.example"}, "invalid_target"),
        ({"actor_token": "x"}, "invalid_request"),
    ],
)
async def test_an_exchange_that_asks_for_more_or_for_another(world, change, error):
    agent = await agent_of(world)
    form = {**shown(JIS_TICKET, await ticket_of(world)), **change}
    answer = await agent.post("/oauth2/token", form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_the_end_of_a_session_ends_what_was_exchanged(world):
    home, agent = await portal(world), await agent_of(world)
    signed_in = await home.sign_in()
    form = shown(ACCESS_TOKEN, signed_in["access_token"])
    delegated = ok(await agent.post("/oauth2/token", form))["access_token"]
    ok(await agent.call("GET", "/v1/cases", delegated))
    query = {"id_token_hint": signed_in["id_token"]}
    await world.http.get("/oauth2/end_session", params=query)
    refused(await agent.call("GET", "/v1/cases", delegated), 401, "unauthenticated")
    again = await agent.post("/oauth2/token", form)
    assert again.status_code == 400


async def test_revoking_any_token_of_a_family_ends_all_of_it(world):
    home = await portal(world)
    first = await home.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = ok(await home.post("/oauth2/token", form))
    ok(await home.post("/oauth2/revoke", {"token": second["refresh_token"]}))
    for issued in (first, second):
        refused(await home.call("GET", "/v1/me", issued["access_token"]), 401, "unauthenticated")
    form["refresh_token"] = second["refresh_token"]
    assert (await home.post("/oauth2/token", form)).json()["error"] == "invalid_grant"


async def test_the_simple_login_permits_what_its_portal_is_registered_for(world):
    citizen = await world.sign_in()
    ok(await citizen.get("/v1/cases"))
    portals = world.container.clients._portals
    narrow = portals[CLIENT_ID].model_copy(update={"scopes": frozenset({"pay.read"})})
    portals[CLIENT_ID] = narrow
    world.container.clients._known.clear()
    assert refused(await citizen.get("/v1/cases"), 403, "insufficient_scope")["scope"] == (
        "case.read"
    )
    ok(await citizen.get("/v1/me/payables"))
    ok(await citizen.get("/v1/me"))


async def test_a_granted_token_needs_the_scope_and_the_level_for_mandates(world):
    body = {
        "operator_name": "李静怡",
        "operator_id_type": "RESIDENT_ID",
        "operator_id_number": "370202198811120246",
        "items": [ROAD],
        "actions": ["declare"],
        "valid_to": "2027-06-30T00:00:00+08:00",
    }
    poor = await portal(world)
    token = (await poor.sign_in())["access_token"]
    answer = await poor.call("POST", "/v1/me/mandates", token, json=body)
    assert refused(answer, 403, "insufficient_scope")["scope"] == "mandate.write"
    rich = await portal(world, "rich", scopes=frozenset({"openid", "mandate.write"}))
    token = (await rich.sign_in(scope="openid mandate.write"))["access_token"]
    answer = await rich.call("POST", "/v1/me/mandates", token, json=body)
    refused(answer, 401, "insufficient_user_authentication")


async def test_a_granted_token_lists_organisations(world):
    home = await portal(world)
    token = (await home.sign_in("jis-c-000001", user_type="LEGAL_PERSON"))["access_token"]
    rows = ok(await home.call("GET", "/v1/me/organisations", token))["rows"]
    assert [row["current"] for row in rows].count(True) == 1
    other = next(row["id"] for row in rows if not row["current"])
    answer = await home.call("POST", f"/v1/me/organisations/{other}/switch", token)
    refused(answer, 403, "insufficient_scope")
