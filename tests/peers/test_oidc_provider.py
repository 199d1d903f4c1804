"""npm oidc-provider as the identity system: our way to sign in is judged by somebody else's
provider.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry

from adapters.kit.client import visitor
from adapters.kit.conformance.world import free_port
from adapters.kit.registry import Connected, Registry
from adapters.kit.telemetry import CallRecord, Telemetry
from adapters.upstreams.oidc.mapping import signing_key
from adapters.upstreams.oidc.simulator.tokens import Key
from identity import Aal, ActingRole, Assurance, Ial, LoginAttempt, UserType
from identity.errors import LoginRefused, TicketExpired
from identity.model import Profile
from kernel.clock import SystemClock
from kernel.errors import UpstreamAuthFailed, UpstreamRejected
from kernel.ids import RandomIds
from tests.peers.conftest import HERE, find, package

pytestmark = pytest.mark.peers

HOME = "https://gateway.example.gov.cn"
CALLBACK = f"{HOME}/auth/cb/oidc"
PERSON = UserType.NATURAL_PERSON


def connect(url: str, secret: str, calls: list[CallRecord], **options: Any) -> Connected:
    clock = SystemClock()
    telemetry = Telemetry(CollectorRegistry(), clock)
    telemetry.subscribe(calls.append)
    return Registry.discover().connect(
        "oidc",
        {"base_url": url, "client_id": "onewindow", **options},
        {"client_key": secret},
        clock=clock,
        ids=RandomIds(clock),
        telemetry=telemetry,
    )


@dataclass
class Peer:
    """Their provider, our adapter connected to it, and a browser."""

    url: str
    clock: SystemClock
    calls: list[CallRecord]
    connected: Connected
    browser: httpx.AsyncClient
    prompts: list[Any] = field(default_factory=list)

    @property
    def provider(self) -> Any:
        return self.connected.provider

    def attempt(self, user_type: UserType = PERSON, want: Assurance | None = None) -> LoginAttempt:
        ids = RandomIds(self.clock)
        made = LoginAttempt(
            user_type=user_type, return_url=f"{CALLBACK}/{ids.secret()}", seed=ids.secret()
        )
        return made if want is None else replace(made, want=want)

    async def visit(self, attempt: LoginAttempt, user: str, method: str) -> dict[str, str]:
        """Follow the login page's redirects and return what comes back with the browser."""
        url = await self.provider.start_login(attempt)
        while not url.startswith(CALLBACK):
            answer = await self.browser.get(url)
            if answer.status_code == 200:
                self.prompts.append(answer.json()["prompt"])
                answer = await self.browser.get(f"{url}?user={user}&method={method}")
            assert answer.status_code in {302, 303}, answer.text
            url = str(answer.url.join(answer.headers["location"]))
        return dict(parse_qsl(urlsplit(url).query))

    async def sign_in(self, attempt: LoginAttempt, user: str, method: str) -> Profile:
        params = await self.visit(attempt, user, method)
        session = await self.provider.exchange(params, attempt)
        profile: Profile = await self.provider.fetch_principal(session)
        return profile


@contextlib.asynccontextmanager
async def running(par: str) -> AsyncIterator[Peer]:
    node = find("nodejs", "node", "nodejs")
    package("oidc-provider")
    secret, port = Key.generate().scalar, free_port()
    given = {
        "port": port,
        "redirect_uri": CALLBACK,
        "after_logout": f"{HOME}/",
        "jwk": signing_key(secret).public(),
        "par": par,
    }
    process = await asyncio.create_subprocess_exec(
        node,
        HERE / "oidc_provider.mjs",
        json.dumps(given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "NODE_ENV": "test"},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            while (line := await process.stdout.readline()).strip() != b"ready":
                assert line, "the provider ended before it listened"
        url, calls = f"http://127.0.0.1:{port}", list[CallRecord]()
        connected = connect(url, secret, calls, par="never" if par == "offered" else par)
        async with visitor() as browser:
            yield Peer(url, SystemClock(), calls, connected, browser)
        await connected.close()
    finally:
        process.terminate()
        await process.wait()


async def test_a_provider_that_wants_pushed_requests() -> None:
    async with running("required") as peer:
        profile = await peer.sign_in(peer.attempt(), "zhangmx", "pwd")
        assert (profile.upstream_sub, profile.user_type) == ("zhangmx", PERSON)
        assert (profile.person.name, profile.person.id_number) == ("张明轩", "370102199003071238")
        assert (profile.ial, profile.aal, profile.amr) == (
            Ial.THIRD_FACTOR,
            Aal.SINGLE_FACTOR,
            ("pwd",),
        )
        assert [record.operation for record in peer.calls] == [
            "discovery",
            "par",
            "token",
            "jwks",
            "userinfo",
        ]
        await _step_up(peer)
        await _company(peer)
        await _replay(peer)
        await _logout(peer)
        await _stranger(peer)


async def test_without_pushed_requests_the_same_is_in_the_address() -> None:
    async with running("offered") as peer:
        profile = await peer.sign_in(peer.attempt(), "zhangmx", "face")
        assert (profile.ial, profile.aal) == (Ial.REAL_PERSON, Aal.TWO_FACTORS)
        assert "par" not in [record.operation for record in peer.calls]


async def _step_up(peer: Peer) -> None:
    peer.prompts.clear()
    want = Assurance(ial=Ial.REAL_PERSON, aal=Aal.TWO_FACTORS)
    profile = await peer.sign_in(peer.attempt(want=want), "zhangmx", "face")
    assert (profile.ial, profile.aal) == (Ial.REAL_PERSON, Aal.TWO_FACTORS)
    assert "acr_too_low" in peer.prompts[0], "the browser had a session of a lower level"
    # The browser's session is strong enough now: nobody is asked again.
    peer.prompts.clear()
    await peer.sign_in(peer.attempt(want=want), "zhangmx", "pwd")
    assert peer.prompts == []


async def _company(peer: Peer) -> None:
    peer.browser.cookies.clear()
    attempt = peer.attempt(UserType.LEGAL_PERSON)
    profile = await peer.sign_in(attempt, "company", "pwd")
    assert profile.org is not None
    assert (profile.org.uscc, profile.acting_role) == ("91370100MA3ABCDE1G", ActingRole.ORG_ADMIN)
    assert profile.upstream_sub == "91370100MA3ABCDE1G/company"


async def _replay(peer: Peer) -> None:
    peer.browser.cookies.clear()
    attempt = peer.attempt()
    params = await peer.visit(attempt, "zhangmx", "pwd")
    # Somebody else's verifier does not fit, and has spent nothing of ours.
    other = replace(attempt, seed=RandomIds(peer.clock).secret())
    with pytest.raises(TicketExpired):
        await peer.provider.exchange(params, other)
    attempt = peer.attempt()
    params = await peer.visit(attempt, "zhangmx", "pwd")
    session = await peer.provider.exchange(params, attempt)
    with pytest.raises(TicketExpired):
        await peer.provider.exchange(params, attempt)
    # Their provider revokes what came of a code that is shown twice.
    with pytest.raises(TicketExpired):
        await peer.provider.fetch_principal(session)
    # A weak login is refused where more was asked for, although their provider lets it pass.
    want = Assurance(ial=Ial.REAL_PERSON, aal=Aal.HARDWARE)
    with pytest.raises(LoginRefused):
        await peer.sign_in(peer.attempt(want=want), "zhangmx", "face")


async def _logout(peer: Peer) -> None:
    attempt = peer.attempt()
    session = await peer.provider.exchange(await peer.visit(attempt, "zhangmx", "face"), attempt)
    page = await peer.browser.get(peer.provider.logout_url(session, f"{HOME}/"))
    assert page.status_code == 200, "their provider asks before it logs out"
    assert "logout" in page.text
    wrong = await peer.browser.get(peer.provider.logout_url(session, "https://elsewhere.invalid/"))
    assert wrong.status_code == 400


async def _stranger(peer: Peer) -> None:
    for check in peer.provider.checks():
        await check.run()
    stranger = connect(peer.url, Key.generate().scalar, peer.calls)
    try:
        with pytest.raises(UpstreamAuthFailed):
            await stranger.provider.start_login(peer.attempt())
        for check in stranger.provider.checks():
            with pytest.raises(UpstreamAuthFailed):
                await check.run()
    finally:
        await stranger.close()
    elsewhere = replace(peer.attempt(), return_url="https://elsewhere.invalid/cb/state")
    with pytest.raises(UpstreamRejected):
        await peer.provider.start_login(elsewhere)
