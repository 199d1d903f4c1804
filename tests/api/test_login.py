"""Signing in through the province's login page, and every way in which somebody may cheat there."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.installation import CLIENT_ID
from tests.api.world import COMPANY, OTHER, PERSON, Login, World, ok, refused

COOKIE = "onewindow-login"


async def test_tokens_are_for_the_browser_that_asked(any_world: World):
    async with any_world.browser() as browser:
        login = Login(any_world, browser)
        code = await login.finish(await login.begin(), PERSON)
        assert COOKIE not in browser.cookies
        body = ok(await login.redeem(code))
    any_world.secrets.add(body["access_token"])
    assert body["token_type"] == "Bearer"
    assert body["me"]["name"] == "张**"
    assert body["me"]["id_number"] == "370102********1238"


async def test_login_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World):
    async with world.browser() as browser:
        answer = await browser.get("/v1/auth/login", params=Login(world, browser).params())
    assert answer.status_code == 303
    flags = answer.headers["set-cookie"].lower()
    assert all(flag in flags for flag in ("httponly", "samesite=lax", "path=/", "max-age=600"))


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"client_id": "nobody"}, 403, "unknown_portal"),
        ({"idp": "alipay"}, 404, "identity_provider_unknown"),
        ({"idp": "../../etc"}, 404, "identity_provider_unknown"),
        ({"user_type": "ROBOT"}, 422, "fields_invalid"),
        ({"return_to": "https://evil.example/"}, 403, "return_address_not_registered"),
        ({"state": "two words"}, 422, "login_request_invalid"),
        ({"code_challenge": "plain"}, 422, "login_request_invalid"),
        ({"state": "x" * 513}, 422, "fields_invalid"),
    ],
)
async def test_login_that_may_not_begin(
    world: World, change: dict[str, str], status: int, code: str
):
    async with world.browser() as browser:
        params = Login(world, browser).params(**change)
        answer = await browser.get("/v1/auth/login", params=params)
        refused(answer, status, code)
        assert "set-cookie" not in answer.headers


async def test_return_address_is_compared_letter_by_letter(world: World):
    async with world.browser() as browser:
        login = Login(world, browser)
        for tail in ("x", "../", "?a=b", "#f"):
            params = login.params(return_to=login.return_to + tail)
            answer = await browser.get("/v1/auth/login", params=params)
            refused(answer, 403, "return_address_not_registered")


async def test_expired_ticket(world: World):
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = await login.choose(await login.begin(), PERSON)
        world.town.expire_tickets()
        refused(await browser.get(callback), 401, "ticket_expired")


async def test_login_that_took_too_long(world: World):
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = await login.choose(await login.begin(), PERSON)
        world.clock.shift += timedelta(minutes=11)
        # Only the gateway's clock runs ahead: the browser does not drop the cookie by itself.
        refused(await browser.get(callback), 403, "login_state_invalid")


async def test_callback_that_is_opened_twice(any_world: World):
    async with any_world.browser() as browser:
        login = Login(any_world, browser)
        callback = await login.choose(await login.begin(), PERSON)
        cookie = browser.cookies[COOKIE]
        login.code_of(await browser.get(callback))
        browser.cookies.set(COOKIE, cookie, domain="127.0.0.1")
        refused(await browser.get(callback), 409, "ticket_replayed")


async def test_ticket_of_one_login_in_another(world: World):
    """Somebody slips their own ticket under another browser's login (login CSRF)."""
    async with world.browser() as thief, world.browser() as victim:
        theirs, ours = Login(world, thief), Login(world, victim)
        stolen = urlsplit(await theirs.choose(await theirs.begin(), OTHER)).query
        callback = urlsplit(await ours.choose(await ours.begin(), PERSON))
        ours.code_of(await victim.get(callback._replace(query=stolen).geturl()))
        refused(
            await thief.get(f"{callback.scheme}://{callback.netloc}{callback.path}?{stolen}"),
            403,
            "login_state_invalid",
        )


@pytest.mark.parametrize("cookie", [None, "", "x" * 43, "forged"])
async def test_forged_or_missing_cookie(world: World, cookie: str | None):
    async with world.browser() as browser, world.browser() as stranger:
        login = Login(world, browser)
        callback = await login.choose(await login.begin(), PERSON)
        if cookie is not None:
            stranger.cookies.set(COOKIE, cookie, domain="127.0.0.1")
        refused(await stranger.get(callback), 403, "login_state_invalid")
        # The login of the right browser is not harmed by the attempt.
        login.code_of(await browser.get(callback))


async def test_forged_state(world: World):
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = urlsplit(await login.choose(await login.begin(), PERSON))
        head = callback.path.rpartition("/")[0]
        for state in ("x" * 43, "A" * 2000, "%2e%2e", "张"):
            forged = callback._replace(path=f"{head}/{state}").geturl()
            refused(await browser.get(forged), 403, "login_state_invalid")
        forged = callback._replace(path=callback.path.replace("sd_jis", "other")).geturl()
        refused(await browser.get(forged), 404, "identity_provider_unknown")


async def test_state_may_come_back_in_the_query(world: World):
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = urlsplit(await login.choose(await login.begin(), PERSON))
        head, _, state = callback.path.rpartition("/")
        for extra in ("", f"&state={'x' * 43}&state={state}", f"&state={state}&iss=a&iss=a"):
            forged = callback._replace(path=head, query=callback.query + extra).geturl()
            assert (await browser.get(forged)).status_code in {403, 422}
        proper = callback._replace(path=head, query=f"{callback.query}&state={state}").geturl()
        login.code_of(await browser.get(proper))


@pytest.mark.parametrize("query", ["", "ticket=", "ticket=a&ticket=b", "code=x"])
async def test_callback_without_one_ticket(world: World, query: str):
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = urlsplit(await login.choose(await login.begin(), PERSON))
        answer = await browser.get(callback._replace(query=query).geturl())
        refused(answer, 422, "login_callback_invalid")


@pytest.mark.parametrize(
    "change",
    [{"code": "x" * 43}, {"code_verifier": "w" * 50}, {"code": "张三"}],
)
async def test_code_that_is_not_redeemed(world: World, change: dict[str, str]):
    async with world.browser() as browser:
        login = Login(world, browser)
        code = await login.finish(await login.begin(), PERSON)
        answer = await login.redeem(**{"code": code, **change})
        assert answer.status_code in {400, 401, 403, 422}, answer.text


async def test_code_is_good_once_and_not_for_long(world: World):
    async with world.browser() as browser:
        login = Login(world, browser)
        code = await login.finish(await login.begin(), PERSON)
        world.secrets.add(ok(await login.redeem(code))["access_token"])
        again = await login.redeem(code)
        assert again.json()["code"] == "code_invalid", again.text
        code = await login.finish(await login.begin(), PERSON)
        world.clock.shift += timedelta(minutes=2)
        assert (await login.redeem(code)).json()["code"] == "code_invalid"
        refused(await login.redeem(code, client_id="nobody"), 403, "unknown_portal")


@pytest.mark.parametrize(
    ("action", "status"),
    [("html", 502), ("malformed", 502), ("error", 502), ("refuse", 503)],
)
async def test_identity_system_that_is_broken(world: World, action: str, status: int):
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = await login.choose(await login.begin(), PERSON)
        world.town.fault("sd_jis", action, times=0)
        answer = await browser.get(callback)
        assert answer.status_code in {status, 502, 503}, answer.text
        assert answer.json()["code"].startswith(("upstream_", "login_"))
        assert answer.headers["content-type"] == "application/problem+json"


async def test_signing_in_again_is_the_same_applicant(world: World):
    first, again = await world.sign_in(), await world.sign_in()
    assert ok(await first.get("/v1/me"))["sub"] == ok(await again.get("/v1/me"))["sub"]
    assert first.token != again.token


async def test_token_endpoint_takes_json_only(world: World):
    form = {"client_id": CLIENT_ID, "code": "x", "code_verifier": "v" * 43}
    answer: httpx.Response = await world.http.post("/v1/auth/token", data=form)
    refused(answer, 415, "unsupported_media_type")


async def test_user_type_that_was_changed_on_the_way(world: World):
    """Somebody asks for a person's login and comes back with a company's ticket."""
    async with world.browser() as browser, world.browser() as other:
        person = Login(world, browser)
        company = Login(world, other, "LEGAL_PERSON")
        foreign = urlsplit(await company.choose(await company.begin(), COMPANY)).query
        callback = urlsplit(await person.choose(await person.begin(), PERSON))
        answer = await browser.get(callback._replace(query=foreign).geturl())
        assert answer.status_code in {401, 403}, answer.text
        assert answer.json()["code"] in {"login_refused", "ticket_expired"}


async def test_target_after_login_is_the_stored_one(world: World):
    """Whatever else comes back with the browser decides nothing."""
    async with world.browser() as browser:
        login = Login(world, browser)
        callback = await login.choose(await login.begin(), PERSON)
        more = (
            "redirectUrl=https%3A%2F%2Fevil.example&return_to=https%3A%2F%2Fevil.example&userType=2"
        )
        login.code_of(await browser.get(f"{callback}&{more}"))


async def test_nobody_is_proven_by_acting_for_a_company(world: World):
    """The classic dialect tells no level of an operator: it is none, whatever its own is."""
    assert ok(await (await world.sign_in(PERSON)).get("/v1/me"))["ial"] == 3
    company = await world.sign_in(COMPANY, "LEGAL_PERSON")
    assert ok(await company.get("/v1/me"))["ial"] == 0
