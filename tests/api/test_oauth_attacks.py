"""Attacks on sign-in and tokens (RFC 9700): each is refused alike outside, and known inside."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from html import unescape

import pytest

from identity import ClientStatus
from identity.jose import SigningKey
from tests.api.relying import portal
from tests.api.world import _HIDDEN, PERSON, ok, refused

JWT = "client_assertion_type"
CREDENTIALS = {"grant_type": "client_credentials", "scope": "case.read"}


def refusal(answer, error, status=400):
    """Hold a refusal against RFC 6749 and the house, and return its body without the trace."""
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error), body
    assert answer.headers["cache-control"] == "no-store"
    assert body["citizen"]
    return {name: value for name, value in body.items() if name != "trace_id"}


def reasons(world):
    return [line.get("reason") for line in world.book.lines if line.get("reason")]


BAD_ASSERTIONS = {
    "expired": lambda home: {"exp": home.now() - 31, "iat": home.now() - 60},
    "ten years": lambda home: {"exp": home.now() + 315_360_000},
    "from the future": lambda home: {"iat": home.now() + 120},
    "no iat": lambda home: {"iat": None},
    "no jti": lambda home: {"jti": None},
    "long jti": lambda home: {"jti": "j" * 129},
    "foreign aud": lambda home: {"aud": "https://other.example"},
    "token endpoint as aud": lambda home: {"aud": f"{home.issuer}/oauth2/token"},
    "two audiences": lambda home: {"aud": [home.issuer, "https://other.example"]},
    "aud as a list": lambda home: {"aud": [home.issuer]},
    "another sub": lambda home: {"sub": "second"},
    "another iss": lambda home: {"iss": "nobody", "sub": "nobody"},
    "typ of a token": lambda home: {"typ": "at+jwt"},
    "another key": lambda home: {"key": SigningKey.generate()},
    "oversize": lambda home: {"more": "x" * 9000},
}


async def test_every_bad_assertion_reads_the_same(world):
    home = await portal(world)
    bodies = []
    for change in BAD_ASSERTIONS.values():
        token = home.assertion(**change(home))
        answer = await home.post("/oauth2/token", CREDENTIALS, assertion=token)
        bodies.append(refusal(answer, "invalid_client", 401))
    assert all(body == bodies[0] for body in bodies)
    assert len(set(reasons(world))) > 8


async def test_an_assertion_works_once_and_for_its_client(world):
    home = await portal(world)
    token = home.assertion()
    ok(await home.post("/oauth2/token", CREDENTIALS, assertion=token))
    again = await home.post("/oauth2/token", CREDENTIALS, assertion=token)
    refusal(again, "invalid_client", 401)
    other = await home.post("/oauth2/token", {**CREDENTIALS, "client_id": "second"})
    refusal(other, "invalid_client", 401)
    secret = await home.post("/oauth2/token", {**CREDENTIALS, "client_secret": "x"})
    refusal(secret, "invalid_client", 401)
    typed = home.assertion(typ="client-authentication+jwt")
    ok(await home.post("/oauth2/token", CREDENTIALS, assertion=typed))


async def test_algorithm_confusion_at_the_client(world):
    home = await portal(world)
    head, body, _ = home.assertion().split(".")
    for alg in ("none", "HS256", "RS256"):
        changed = json.dumps({"alg": alg, "kid": home.key.kid}).encode()
        forged = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        for token in (f"{forged}.{body}.", f"{forged}.{body}.AAAA", f"{head}.{body}."):
            answer = await home.post("/oauth2/token", CREDENTIALS, assertion=token)
            refusal(answer, "invalid_client", 401)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "openid audit.read"}, "invalid_scope"),
        ({"acr_values": "urn:sd:loa:9"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "999999999999"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"idp": "nobody"}, "invalid_request"),
        ({"user_type": "ROBOT"}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request"),
        ({"request_uri": "https://evil.example/r"}, "invalid_request"),
        ({"dpop_jkt": "another"}, "invalid_dpop_proof"),
    ],
)
async def test_what_is_not_pushed(world, change, error):
    home = await portal(world)
    refusal(await home.post("/oauth2/par", home.request(**change)), error)


async def test_addresses_that_only_look_registered(world):
    home = await portal(world)
    host = home.back.removeprefix("http://").partition("/")[0]
    for address in (
        f"{home.back}more",
        home.back.rstrip("/"),
        home.back.replace("http://", "HTTP://"),
        f"http://{host}@evil.example/oauth-portal/",
        f"http://evil.example\\@{host}/oauth-portal/",
        f"{home.back}?next=https://evil.example",
        f"{home.back}#x",
        f"//{host}/oauth-portal/",
    ):
        answer = await home.post("/oauth2/par", home.request(redirect_uri=address))
        refusal(answer, "invalid_request")


async def test_parameters_that_come_twice(world):
    home = await portal(world)
    form = {JWT: "x", "scope": "case.read"}
    body = "&".join([*(f"{name}={value}" for name, value in form.items()), "scope=pay.create"])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/oauth2/token", "/oauth2/par", "/oauth2/introspect", "/oauth2/revoke"):
        answer = await world.http.post(path, content=body, headers=headers)
        refusal(answer, "invalid_request")
        answer = await world.http.post(path, json={"grant_type": "client_credentials"})
        refusal(answer, "invalid_request")
    uri = await home.pushed()
    twice = f"/oauth2/authorize?client_id={home.client_id}&request_uri={uri}&request_uri={uri}"
    refused(await world.http.get(twice), 400, "authorize_refused")


async def test_the_authorization_endpoint_redirects_nobody_it_does_not_know(world):
    home = await portal(world)
    await portal(world, "second")
    uri = await home.pushed()
    for query in (
        {"client_id": home.client_id},
        {"client_id": "second", "request_uri": uri},
        {"client_id": "nobody", "request_uri": uri},
        {"client_id": home.client_id, "request_uri": f"{uri}x"},
        {"client_id": home.client_id, "request_uri": uri, "redirect_uri": "https://evil.example"},
        {"client_id": home.client_id, "redirect_uri": home.back, "response_type": "code"},
    ):
        refused(await world.http.get("/oauth2/authorize", params=query), 400, "authorize_refused")
    good = {"client_id": home.client_id, "request_uri": uri}
    assert (await world.http.get("/oauth2/authorize", params=good)).status_code == 303
    refused(await world.http.get("/oauth2/authorize", params=good), 400, "authorize_refused")
    late = {"client_id": home.client_id, "request_uri": await home.pushed()}
    world.clock.shift += timedelta(seconds=61)
    refused(await world.http.get("/oauth2/authorize", params=late), 400, "authorize_refused")


async def test_another_browser_cannot_finish_a_login(world):
    home = await portal(world)
    async with world.browser() as one, world.browser() as two:
        query = {"client_id": home.client_id, "request_uri": await home.pushed()}
        page = await home.followed(one, await one.get("/oauth2/authorize", params=query))
        form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
        chosen = await one.post(page.url, data={**form, "account": PERSON})
        callback = chosen.headers["location"]
        world.secrets.add(callback.partition("?")[0].rpartition("/")[2])
        answer = await two.get(callback)
        refused(answer, 403, "login_state_invalid")
        assert "location" not in answer.headers


async def test_a_code_works_once_and_its_family_dies_with_a_second_use(world):
    home = await portal(world)
    code = await home.code()
    issued = ok(await home.redeem(code))
    assert ok(await home.call("GET", "/v1/me", issued["access_token"]))
    refusal(await home.redeem(code), "invalid_grant")
    refused(await home.call("GET", "/v1/me", issued["access_token"]), 401, "unauthenticated")


async def test_of_two_that_redeem_at_once_at_most_one_wins(any_world):
    home = await portal(any_world)
    code = await home.code()
    answers = await asyncio.gather(*(home.redeem(code) for _ in range(4)))
    assert [answer.status_code for answer in answers].count(200) <= 1


async def test_a_code_is_of_no_use_to_others(world):
    home, thief = await portal(world), await portal(world, "second")
    code = await home.code()
    refusal(await thief.redeem(code, redirect_uri=home.back), "invalid_grant")
    refusal(await home.redeem(code, code_verifier="w" * 50), "invalid_grant")
    refusal(await home.redeem(code, code_verifier=""), "invalid_grant")
    refusal(await home.redeem(code, redirect_uri=f"{home.back}x"), "invalid_grant")
    own, home.dpop = home.dpop, SigningKey.generate()
    refusal(await home.redeem(code), "invalid_grant")
    home.dpop = own
    assert (await home.redeem(code)).status_code == 200
    late = await home.code()
    world.clock.shift += timedelta(seconds=61)
    refusal(await home.redeem(late), "invalid_grant")


BAD_PROOFS: dict[str, dict[str, object]] = {
    "another method": {"htm": "POST"},
    "another address": {"htu": "https://evil.example/v1/me"},
    "another path": {"htu": "http://127.0.0.1/v1/cases"},
    "too old": {"iat": 1},
    "no id": {"jti": ""},
    "another token": {"ath": "AAAA"},
}


async def test_a_bound_token_needs_its_proof(world):
    home = await portal(world)
    token = (await home.sign_in())["access_token"]
    ways = [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": "x.y.z"},
        *(
            {
                "Authorization": f"DPoP {token}",
                **home.proof("GET", "/v1/me", token=token, **change),
            }
            for change in BAD_PROOFS.values()
        ),
    ]
    bodies = []
    for headers in ways:
        answer = await world.http.get("/v1/me", headers=headers)
        problem = refused(answer, 401, "unauthenticated")
        bodies.append({name: value for name, value in problem.items() if name != "trace_id"})
        assert answer.headers["www-authenticate"].startswith("DPoP ")
    assert all(body == bodies[0] for body in bodies)
    own, home.dpop = home.dpop, SigningKey.generate()
    refused(await home.call("GET", "/v1/me", token), 401, "unauthenticated")
    home.dpop = own
    assert ok(await home.call("GET", "/v1/me", token))


async def test_a_proof_works_once(any_world):
    home = await portal(any_world)
    token = (await home.sign_in())["access_token"]
    headers = {"Authorization": f"DPoP {token}", **home.proof("GET", "/v1/me", token=token)}
    ok(await any_world.http.get("/v1/me", headers=headers))
    refused(await any_world.http.get("/v1/me", headers=headers), 401, "unauthenticated")


async def test_forged_and_foreign_tokens(world):
    home = await portal(world)
    token = (await home.sign_in())["access_token"]
    head, body, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    mine = SigningKey.generate()
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    for bad in (
        f"{none}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        mine.sign(claims, typ="at+jwt"),
        home.assertion(),
        "x" * 9000,
        "sdgt_" + "x" * 43,
        "sdrt_" + "x" * 43,
    ):
        refused(await home.call("GET", "/v1/me", bad), 401, "unauthenticated")
    key = await world.container.oauth.keys.current()
    for change in ({"aud": "https://other.example"}, {"iss": "https://other.example"}):
        forged = key.sign({**claims, **change}, typ="at+jwt")
        refused(await home.call("GET", "/v1/me", forged), 401, "unauthenticated")
    id_token = (await home.sign_in())["id_token"]
    refused(await home.call("GET", "/v1/me", id_token), 401, "unauthenticated")


async def test_the_way_out_is_no_open_redirect(world):
    home = await portal(world)
    hint = (await home.sign_in())["id_token"]
    for query in (
        {},
        {"id_token_hint": "x.y.z"},
        {"id_token_hint": hint, "post_logout_redirect_uri": "https://evil.example/"},
        {"id_token_hint": hint, "client_id": "second"},
        {"post_logout_redirect_uri": f"{home.back}bye"},
    ):
        answer = await world.http.get("/oauth2/end_session", params=query)
        refused(answer, 400, "authorize_refused")


async def test_a_suspended_client_may_do_nothing(world):
    home = await portal(world)
    issued = await home.sign_in()
    await world.container.clients.move(home.client_id, ClientStatus.SUSPENDED, "staff:test")
    refusal(await home.post("/oauth2/token", CREDENTIALS), "invalid_client", 401)
    form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    refusal(await home.post("/oauth2/token", form), "invalid_client", 401)
