"""What the checks of identity providers share: signing in at a simulator's page as a browser does,
and its knobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from adapters.kit.conformance.world import World
from identity.model import Profile, UpstreamSession, UserType
from identity.ports import IdentityProvider
from identity.upstream import LoginAttempt
from kernel.errors import Failure

REAL_PERSON: Final = "张明轩"
LOW_LEVEL: Final = "王建国"
COMPANY: Final = "山东一窗示例科技有限公司"
NEIGHBOUR: Final = "neighbour"
"""An application that every simulator with HANDOFF knows besides ours."""


async def sign_in(world: World, user_type: UserType, title: str) -> list[tuple[str, str]]:
    """Sign in as a browser does and return the parameters with which the gateway is called back."""
    attempt = attempt_of(world, user_type)
    callback = str(attempt.return_url)
    page = await world.browser.get(await provider_of(world).start_login(attempt))
    form = LoginForm.of(page)
    answer = await world.browser.post(
        str(page.url.join(form.action)), data={**form.hidden, "account": form.accounts[title]}
    )
    assert answer.status_code in {302, 303}, f"the login form answers {answer.status_code}"
    target = urlsplit(answer.headers["location"])
    came, params = f"{target.scheme}://{target.netloc}{target.path}", parse_qsl(target.query)
    # A provider that compares redirect addresses letter by letter gives the state back beside.
    if came != callback:
        came = f"{came}/{dict(params)['state']}"
    assert came == callback
    return params


def attempt_of(world: World, user_type: UserType) -> LoginAttempt:
    """Return the same login attempt for a world and a type of user every time."""
    notes: dict[UserType, LoginAttempt] = world.notes.setdefault("attempts", {})
    if user_type not in notes:
        notes[user_type] = LoginAttempt(
            user_type=user_type,
            return_url=f"{world.place.gateway_url}/auth/cb/{world.name}/{world.ids.secret()}",
            seed=world.ids.secret(),
        )
    return notes[user_type]


async def profile_of(world: World, user_type: UserType, title: str) -> Profile:
    """Sign in and return who the provider says it is."""
    session = await session_of(world, user_type, title)
    return await provider_of(world).fetch_principal(session)


async def session_of(world: World, user_type: UserType, title: str) -> UpstreamSession:
    """Sign in and return the upstream session."""
    return await exchange(world, await sign_in(world, user_type, title), user_type)


async def exchange(
    world: World,
    params: Sequence[tuple[str, str]],
    user_type: UserType = UserType.NATURAL_PERSON,
) -> UpstreamSession:
    """Exchange what came back."""
    return await provider_of(world).exchange(dict(params), attempt_of(world, user_type))


async def change(world: World, title: str, **changes: str) -> None:
    """Make an account another one."""
    accounts = (await world.browser.get("/sim/accounts")).raise_for_status().json()
    (uuid,) = [account["uuid"] for account in accounts if account["title"] == title]
    (await world.browser.post(f"/sim/accounts/{uuid}", json=changes)).raise_for_status()


async def knob(world: World, name: str, content: object = None) -> httpx.Response:
    """Turn one of the simulator's knobs; it must turn."""
    answer = await world.browser.post(f"/sim/{name}", json=content)
    return answer.raise_for_status()


async def refused(call: Any, *kinds: type[Failure]) -> None:
    """Await a call that must raise one of these."""
    try:
        await call
    except kinds:
        return
    names = " or ".join(kind.__name__ for kind in kinds)
    raise AssertionError(f"{names} was not raised")


def provider_of(world: World) -> IdentityProvider:
    """Return the provider as its port."""
    provider: IdentityProvider = world.provider
    return provider


@dataclass
class LoginForm:
    """The login page's form, as a browser understands it."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    """Values of the radio buttons by the first words of their labels."""

    @classmethod
    def of(cls, page: httpx.Response) -> LoginForm:
        """Read a page; raise AssertionError when it is none."""
        assert page.status_code == 200, f"the login page answers {page.status_code}"
        reader = _FormReader()
        reader.feed(page.text)
        assert reader.form.action, "the login page has no form"
        return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form = LoginForm()
        self._radio = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form.action = given.get("action", "")
        elif tag == "input" and given.get("type") == "hidden":
            self.form.hidden[given["name"]] = given.get("value", "")
        elif tag == "input" and given.get("name") == "account":
            self._radio = given["value"]

    def handle_data(self, data: str) -> None:
        if self._radio and data.strip():
            self.form.accounts[data.strip()] = self._radio
            self._radio = ""
