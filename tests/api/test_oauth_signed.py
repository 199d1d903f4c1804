"""Clients that authenticate at the token endpoints by signing the whole request (SDGW1)."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest

from identity import CryptoProfile
from tests.api.partner import Program, with_secret, with_sm2
from tests.api.relying import VERIFIER, Portal
from tests.api.relying import portal as relying
from tests.api.world import World, ok, refused

FORM = "application/x-www-form-urlencoded"
TOKEN = "/oauth2/token"
OWN = {"grant_type": "client_credentials", "scope": "case.read"}


async def post(program: Program, path: str, form: dict[str, str], **changes: str) -> httpx.Response:
    body = urlencode(form).encode()
    answer = await program.send("POST", path, body=body, content_type=FORM, **changes)
    if answer.status_code < 400 and "access_token" in (told := answer.json()):
        kept = ("access_token", "refresh_token", "id_token")
        program.world.secrets.update(told[name] for name in kept if name in told)
    return answer


def denied(answer: httpx.Response, error: str = "invalid_client", status: int = 401) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text


@pytest.fixture
async def home(world: World) -> Portal:
    return await relying(world, bound=False, jwks=None)


@pytest.fixture
async def program(world: World, home: Portal) -> Program:
    return await with_secret(world, home.client_id)


@pytest.mark.parametrize("kind", ["hmac", "sm2"])
async def test_a_person_signs_in_through_a_client_that_signs(
    world: World, home: Portal, program: Program, kind: str
):
    signer = program if kind == "hmac" else await with_sm2(world, home.client_id)
    uri = ok(await post(signer, "/oauth2/par", home.request()), 201)["request_uri"]
    async with world.browser() as browser:
        back = await home.visit(browser, uri)
    form = {"grant_type": "authorization_code", "code": back["code"]}
    form |= {"redirect_uri": home.back, "code_verifier": VERIFIER}
    issued = ok(await post(signer, TOKEN, form))
    assert (issued["token_type"], issued["access_token"][:5]) == ("Bearer", "sdgt_")
    assert ok(await home.call("GET", "/v1/me", issued["access_token"]))["ial"] == 3
    renewed = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    token = ok(await post(signer, TOKEN, renewed))["access_token"]
    assert ok(await post(signer, "/oauth2/introspect", {"token": token}))["active"] is True
    ok(await post(signer, "/oauth2/revoke", {"token": token}))
    assert ok(await post(signer, "/oauth2/introspect", {"token": token})) == {"active": False}


async def test_a_replay_and_a_tampered_body(world: World, program: Program):
    body = urlencode(OWN).encode()
    headers = program.headers("POST", TOKEN, body=body, content_type=FORM)
    more = body.replace(b"case.read", b"case.read+pay.read")
    denied(await world.http.post(TOKEN, headers=headers, content=more))
    issued = ok(await world.http.post(TOKEN, headers=headers, content=body))
    world.secrets.add(issued["access_token"])
    denied(await world.http.post(TOKEN, headers=headers, content=body))
    denied(await post(program, TOKEN, OWN, key_id="ak-nobody"))
    stale = str(int(world.clock.now().timestamp()) - 301)
    refused(await post(program, TOKEN, OWN, timestamp=stale), 401, "sig_skew")


async def test_who_may_not_authenticate_so(world: World, home: Portal, program: Program):
    denied(await post(program, TOKEN, {**OWN, "client_id": "another"}))
    ok(await post(program, TOKEN, {**OWN, "client_id": home.client_id}))
    twice = {**OWN, "client_assertion": "x"}
    denied(await post(program, TOKEN, twice), "invalid_request", 400)
    clients = world.container.clients
    await clients.change(home.client_id, "test", profile=CryptoProfile.DUAL)
    ok(await post(program, TOKEN, OWN))
    denied(await post(program, TOKEN, OWN, algorithm="HMAC-SHA256"))
    strict = await relying(world, "strict")
    denied(await post(await with_secret(world, "strict"), TOKEN, OWN))
    assert strict.dpop is not None


async def test_a_person_of_a_registered_client_comes_back_to_it(world: World, home: Portal):
    keyed = await relying(world, "keyed", bound=False)
    token = (await keyed.sign_in())["access_token"]
    step = {"acr": "urn:sd:loa:3:aal:2", "return_to": keyed.back}
    path = "/v1/auth/step-up"
    ok(await keyed.call("POST", path, token, json=step), 201)
    for foreign in (home.back, f"{world.town.gateway_url}/portal/", "https://evil.example/"):
        answer = await keyed.call("POST", path, token, json={**step, "return_to": foreign})
        assert answer.status_code == 403
        assert answer.json()["code"] in {"unknown_portal", "return_address_not_registered"}
