"""A login that is weaker than its client asked for goes on to a second factor."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.relying import Portal, portal
from tests.api.world import _HIDDEN, ROAD, WEAK, World, ok, refused

FULL = "urn:sd:loa:3:aal:2"


async def to_the_face(home: Portal, browser: httpx.AsyncClient, acr: str = FULL) -> str:
    """Sign in as somebody weak; return the address of the face page that this leads to."""
    query = {"client_id": home.client_id, "request_uri": await home.pushed(acr_values=acr)}
    page = await home.followed(browser, await browser.get("/oauth2/authorize", params=query))
    form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
    chosen = await browser.post(page.url, data={**form, "account": WEAK})
    home.world.secrets.add(urlsplit(chosen.headers["location"]).path.rpartition("/")[2])
    page = await home.followed(browser, chosen)
    assert page.status_code == 200
    assert str(page.url).startswith(home.world.town.url("face"))
    return str(page.url)


def brought(answer: httpx.Response, home: Portal) -> dict[str, str]:
    target = answer.headers["location"]
    assert target.startswith(home.back), target
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


@pytest.mark.parametrize("acr", [FULL, f"urn:sd:loa:4 {FULL}", "urn:sd:loa:1:aal:2"])
async def test_the_login_asks_for_the_second_factor_itself(world: World, acr: str):
    home = await portal(world)
    async with world.browser() as browser:
        back = await world.verify_face(await to_the_face(home, browser, acr), "pass")
        answer = await browser.get(back)
    found = brought(answer, home)
    assert (found["state"], found["iss"]) == (home.state, home.issuer)
    issued = ok(await home.redeem(found["code"]))
    me = ok(await home.call("GET", "/v1/me", issued["access_token"]))
    assert (me["ial"], me["aal"]) == (3, 2)
    told = ok(await home.call("GET", "/oauth2/userinfo", issued["access_token"]))
    assert told["acr"] == FULL


async def test_who_does_not_pass_is_not_signed_in(world: World):
    home = await portal(world)
    async with world.browser() as browser:
        back = await world.verify_face(await to_the_face(home, browser), "fail")
        found = brought(await browser.get(back), home)
        assert (found["error"], "code" in found) == ("unmet_authentication_requirements", False)
        refused(await browser.get(back), 403, "login_state_invalid")


async def test_the_way_back_belongs_to_one_browser_and_one_step_up(world: World):
    home = await portal(world)
    async with world.browser() as browser, world.browser() as thief:
        page = await to_the_face(home, browser)
        waiting = "/oauth2/continue?step_up=stu_none"
        refused(await browser.get(waiting), 404, "step_up_not_found")
        back = await world.verify_face(page, "pass")
        refused(await thief.get(back), 403, "login_state_invalid")
        refused(await browser.get(f"{back}&step_up=stu_none"), 403, "login_state_invalid")
        assert "code" in brought(await browser.get(back), home)


async def test_an_unfinished_face_gives_no_code(world: World):
    home = await portal(world)
    async with world.browser() as browser:
        back = await world.verify_face(await to_the_face(home, browser), "pass")
        world.town.fault("face", "refuse", times=0)
        refused(await browser.get(back), 409, "step_up_in_progress")
        world.town.calm()
        world.clock.shift += timedelta(minutes=1)
        assert "code" in brought(await browser.get(back), home)


async def test_a_raise_is_seen_through_the_same_oauth_token(world: World):
    home = await portal(world)
    token = (await home.sign_in(WEAK))["access_token"]
    draft = {"item_code": ROAD, "channel": "PC_WEB"}
    challenge = await home.call("POST", "/v1/cases", token, json=draft)
    refused(challenge, 401, "insufficient_user_authentication")
    told = challenge.headers["www-authenticate"]
    assert told.startswith('DPoP algs="ES256", error="insufficient_user_authentication", acr')
    body = {"acr": FULL, "return_to": home.back}
    begun = await home.call("POST", "/v1/auth/step-up", token, json=body)
    await world.verify_face(ok(begun, 201)["url"], "pass")
    path = f"/v1/auth/step-up/{ok(begun, 201)['step_up_id']}/result"
    answer = ok(await home.call("POST", path, token))
    assert (answer["state"], answer["access_token"]) == ("PASSED", None)
    me = ok(await home.call("GET", "/v1/me", token))
    assert (me["ial"], me["aal"]) == (3, 2)
