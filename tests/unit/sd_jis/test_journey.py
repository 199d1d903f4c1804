"""A whole sign-in over real sockets: portal, gateway, the province's login page, and back by
redirects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from adapters.kit.client import visitor
from adapters.kit.conformance import Received, World, running
from adapters.kit.conformance.identity import COMPANY, LOW_LEVEL, REAL_PERSON, LoginForm
from identity import Ial, Options, PortalClient, PortalKind, UserType
from identity.service import IdentityService
from kernel.errors import Failure, Unauthenticated
from kernel.ids import RandomIds
from tests.unit.identity.fakes import CHALLENGE, VERIFIER, MemoryRepository, MemoryWorks, keys

# The gateway prefixes it with __Host- and Secure, which a browser refuses without TLS.
COOKIE = "login"


@dataclass
class Gateway:
    """The callback route as the gateway has it, around a service on memory."""

    world: World
    works: MemoryWorks = field(default_factory=MemoryWorks)

    def __post_init__(self) -> None:
        url = self.world.place.gateway_url
        self.home = f"{url}/portal/back"
        portal = PortalClient(
            client_id="demo", name="示例门户", kind=PortalKind.WEB, return_to=(self.home,)
        )
        self.service = IdentityService(
            {"sd_jis": self.world.provider},
            MemoryRepository(self.works),
            self.works,
            self.world.clock,
            RandomIds(self.world.clock),
            keys(),
            Options(callback_base=f"{url}/auth/cb", portals=(portal,)),
        )
        self.world.answer = self.answer

    async def answer(self, received: Received) -> Response:
        if received.path == "/auth/begin":
            started = await self.service.begin_login(
                "demo", "sd_jis", UserType(received.query), self.home, "s", CHALLENGE
            )
            answer = RedirectResponse(started.redirect_url, 303)
            answer.set_cookie(COOKIE, started.cookie_value, httponly=True, samesite="lax")
            return answer
        if not received.path.startswith("/auth/cb/"):
            return Response(status_code=200)
        idp, state = received.path.removeprefix("/auth/cb/").split("/")
        cookies = SimpleCookie(received.headers.get("cookie", ""))
        cookie = cookies[COOKIE].value if COOKIE in cookies else ""
        try:
            finished = await self.service.finish_login(
                idp, state, cookie, parse_qsl(received.query)
            )
        except Failure as failure:
            return JSONResponse({"code": failure.code}, failure.status)
        return RedirectResponse(finished.redirect_url, 303)

    async def sign_in(
        self, browser: httpx.AsyncClient, user_type: UserType, title: str
    ) -> httpx.Response:
        """Return the last answer after every redirect was followed."""
        browser.follow_redirects = True
        page = await browser.get(f"{self.world.place.gateway_url}/auth/begin?{user_type}")
        form = LoginForm.of(page)
        return await browser.post(
            str(page.url.join(form.action)),
            data={**form.hidden, "account": form.accounts[title]},
        )

    async def token(self, user_type: UserType, title: str) -> str:
        async with visitor() as browser:
            last = await self.sign_in(browser, user_type, title)
        assert last.url.copy_with(query=None) == self.home
        query = dict(last.url.params)
        assert query["state"] == "s"
        return (await self.service.redeem("demo", query["code"], VERIFIER)).token


@pytest.fixture
async def gateway(tmp_path) -> AsyncIterator[Gateway]:
    async with running("sd_jis", tmp_path) as world:
        yield Gateway(world)


@pytest.mark.parametrize(
    ("user_type", "title", "ial"),
    [
        (UserType.NATURAL_PERSON, REAL_PERSON, Ial.REAL_PERSON),
        (UserType.NATURAL_PERSON, LOW_LEVEL, Ial.MATCHED),
        (UserType.LEGAL_PERSON, COMPANY, Ial.SELF_ASSERTED),
    ],
)
async def test_signing_in_by_redirects(gateway, user_type, title, ial):
    principal = await gateway.service.authenticate(await gateway.token(user_type, title))
    named = principal.org.name if principal.org else principal.person.name
    assert (named, principal.ial, principal.idp) == (title, ial, "sd_jis")


async def test_loading_the_callback_twice_does_not_sign_in_twice(gateway):
    async with visitor() as browser:
        last = await gateway.sign_in(browser, UserType.NATURAL_PERSON, REAL_PERSON)
        (callback,) = [hop.url for hop in last.history if "/auth/cb/" in hop.url.path]
        again = await browser.get(callback)
    assert (again.status_code, again.json()) == (409, {"code": "ticket_replayed"})


async def test_a_stolen_callback_address_is_useless_without_the_cookie(gateway):
    async with visitor() as browser, visitor() as thief:
        last = await gateway.sign_in(browser, UserType.NATURAL_PERSON, REAL_PERSON)
        (callback,) = [hop.url for hop in last.history if "/auth/cb/" in hop.url.path]
        stolen = await thief.get(callback)
    assert (stolen.status_code, stolen.json()) == (403, {"code": "login_state_invalid"})


async def test_somebody_elses_ticket_does_not_sign_a_victim_in(gateway):
    async with visitor() as attacker, visitor() as victim:
        page = await attacker.get(
            f"{gateway.world.place.gateway_url}/auth/begin?{UserType.NATURAL_PERSON}",
            follow_redirects=True,
        )
        form = LoginForm.of(page)
        bait = await attacker.post(
            str(page.url.join(form.action)),
            data={**form.hidden, "account": form.accounts[REAL_PERSON]},
        )
        await victim.get(f"{gateway.world.place.gateway_url}/auth/begin?{UserType.NATURAL_PERSON}")
        lured = await victim.get(bait.headers["location"])
    assert (lured.status_code, lured.json()) == (403, {"code": "login_state_invalid"})


async def test_logging_out_ends_both_sessions(gateway):
    token = await gateway.token(UserType.NATURAL_PERSON, REAL_PERSON)
    url = await gateway.service.logout(token)
    assert url is not None
    async with visitor() as browser:
        answer = await browser.get(url)
    assert answer.headers["location"] == gateway.home
    with pytest.raises(Unauthenticated):
        await gateway.service.authenticate(token)


async def test_no_address_carries_anything_personal(gateway):
    async with visitor() as browser:
        last = await gateway.sign_in(browser, UserType.LEGAL_PERSON, COMPANY)
    carried = [hop for hop in (*last.history, last) if hop.request.method == "GET"]
    for hop in carried:
        parameters = [name for name, _ in parse_qsl(urlsplit(str(hop.url)).query)]
        assert set(parameters) <= {"ticket", "code", "state"}
