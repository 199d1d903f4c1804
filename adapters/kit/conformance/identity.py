"""What every identity provider must do, examined by signing in at its simulator's login page.

A simulator of an identity provider offers, besides its dialect: a login page whose HTML form has a
radio button ``account`` per account, labelled with its title; ``GET /sim/accounts`` (uuid and title
of each); ``POST /sim/accounts/{uuid}`` to change ``authlevel``, ``isauth`` or ``disabled``; ``POST
/sim/expire``, which ends the life of every ticket and token. Its accounts are the synthetic people
below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.world import World
from identity.errors import LoginRefused, TicketExpired, TicketReplayed
from identity.model import (
    UNKNOWN_METHOD,
    Aal,
    ActingRole,
    Ial,
    IdType,
    Profile,
    UpstreamSession,
    UserType,
)
from identity.ports import IdentityProvider
from identity.upstream import LoginAttempt
from kernel.errors import Failure, UpstreamAuthFailed, UpstreamProtocolError, UpstreamRejected

REAL_PERSON: Final = "张明轩"
LOW_LEVEL: Final = "王建国"
COMPANY: Final = "山东一窗示例科技有限公司"


async def check_login_returns_with_one_ticket(world: World) -> None:
    """The browser comes back to the address that was given, with one ticket and nothing secret
    else.
    """
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    assert [name for name, _ in params] == [_provider(world).ticket_parameter]


async def check_foreign_return_address_is_refused(world: World) -> None:
    """The login page does not send tickets to strangers."""
    url = await _provider(world).start_login(
        LoginAttempt(
            user_type=UserType.NATURAL_PERSON, return_url="https://elsewhere.invalid/auth/cb"
        )
    )
    answer = await world.browser.get(url)
    assert answer.status_code >= 400, "the login page serves an unregistered return address"


async def check_person(world: World) -> None:
    """A natural person is mapped with level, id type and number, and a subject that is no id
    number.
    """
    profile = await _profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    assert profile.user_type is UserType.NATURAL_PERSON
    assert (profile.org, profile.acting_role) == (None, None)
    person = profile.person
    assert (person.name, person.id_type) == (REAL_PERSON, IdType.RESIDENT_ID)
    assert (person.id_number, person.mobile) == ("370102199003071238", "13800000001")
    assert profile.ial is Ial.REAL_PERSON
    assert person.id_number not in profile.upstream_sub


async def check_unknown_method_counts_once(world: World) -> None:
    """Where the upstream does not say how somebody logged in, it is one factor of unknown kind."""
    profile = await _profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    if profile.amr == (UNKNOWN_METHOD,):
        assert profile.aal is Aal.SINGLE_FACTOR


async def check_subject_is_stable(world: World) -> None:
    """Two logins of one account have the same subject, two accounts have two."""
    first = await _profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    again = await _profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    other = await _profile_of(world, UserType.NATURAL_PERSON, LOW_LEVEL)
    assert first.upstream_sub == again.upstream_sub != other.upstream_sub


async def check_low_level_stays_low(world: World) -> None:
    """A person who was only matched against the population base is not more than that."""
    profile = await _profile_of(world, UserType.NATURAL_PERSON, LOW_LEVEL)
    assert profile.ial is Ial.MATCHED


async def check_corporation(world: World) -> None:
    """A legal person is mapped with its human, its role, and no level that nobody proved."""
    if not world.can("legal_person"):
        return
    profile = await _profile_of(world, UserType.LEGAL_PERSON, COMPANY)
    assert profile.user_type is UserType.LEGAL_PERSON
    assert profile.org is not None
    assert (profile.org.name, profile.org.uscc) == (COMPANY, "91370100MA3ABCDE1G")
    assert profile.org.legal_rep_name == "李静怡"
    assert profile.acting_role is ActingRole.ORG_ADMIN
    assert (profile.person.name, profile.person.id_number) == (REAL_PERSON, "370102199003071238")
    assert profile.ial is Ial.SELF_ASSERTED, "the upstream told no level of the operator"


async def check_ticket_works_once(world: World) -> None:
    """The second exchange of a ticket is refused, and the first session lives on."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    session = await _exchange(world, params)
    await _refused(_exchange(world, params), TicketReplayed, TicketExpired)
    assert (await _provider(world).fetch_principal(session)).person.name == REAL_PERSON


async def check_expired_ticket(world: World) -> None:
    """A ticket whose life is over is refused as such."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    (await world.browser.post("/sim/expire")).raise_for_status()
    await _refused(_exchange(world, params), TicketExpired)


async def check_expired_session(world: World) -> None:
    """Nothing is told for an upstream token whose life is over."""
    session = await _session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    (await world.browser.post("/sim/expire")).raise_for_status()
    await _refused(_provider(world).fetch_principal(session), TicketExpired)


async def check_forged_ticket(world: World) -> None:
    """A ticket that nobody issued is refused."""
    forged = [(_provider(world).ticket_parameter, "ST-" + world.ids.secret())]
    await _refused(_exchange(world, forged), TicketExpired, LoginRefused)


async def check_forged_session(world: World) -> None:
    """A token that nobody issued tells nothing."""
    forged = UpstreamSession(UserType.NATURAL_PERSON, "TK-" + world.ids.secret())
    await _refused(_provider(world).fetch_principal(forged), TicketExpired, LoginRefused)


async def check_wrong_credentials(world: World) -> None:
    """With wrong secrets every call and the self-check say that authentication failed."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    stranger = world.registry.connect(
        world.name,
        world.onboarding.options,
        {name: value[::-1] for name, value in world.onboarding.secrets.items()},
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
        mark_operations=True,
    )
    try:
        provider: IdentityProvider = stranger.provider
        await _refused(
            provider.exchange(dict(params), attempt_of(world, UserType.NATURAL_PERSON)),
            UpstreamAuthFailed,
        )
        for check in provider.checks():
            await _refused(check.run(), UpstreamAuthFailed)
    finally:
        await stranger.close()
    # The refusal has not spent the ticket.
    await _exchange(world, params)


async def check_unknown_level(world: World) -> None:
    """A level that no table knows is counted and refused, never taken for another one."""
    await _change(world, REAL_PERSON, authlevel="9")
    session = await _session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await _refused(_provider(world).fetch_principal(session), UpstreamProtocolError)
    counted = world.telemetry.unknown_codes()
    assert [key[2] for key in counted if key[0] == world.name] == ["9"]


async def check_unproven_account_is_level_zero(world: World) -> None:
    """An account without 实名 has level 0, whatever else it says."""
    await _change(world, REAL_PERSON, isauth="0")
    profile = await _profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    assert profile.ial is Ial.SELF_ASSERTED


async def check_disabled_account(world: World) -> None:
    """An account that was closed after it got its ticket is refused."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await _change(world, REAL_PERSON, disabled="1")
    await _refused(_exchange(world, params), LoginRefused)


async def check_logout(world: World) -> None:
    """After a visit to the logout address the upstream session is over and the browser is back."""
    if not world.can("logout"):
        return
    session = await _session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    home = f"{world.place.gateway_url}/"
    url = _provider(world).logout_url(session, home)
    assert url is not None
    answer = await world.browser.get(url)
    assert answer.headers["location"] == home
    await _refused(_provider(world).fetch_principal(session), TicketExpired)


async def check_self_check(world: World) -> None:
    """The provider examines itself without anybody's data."""
    checks = _provider(world).checks()
    assert checks
    for check in checks:
        await check.run()


async def sign_in(world: World, user_type: UserType, title: str) -> list[tuple[str, str]]:
    """Sign in as a browser does and return the parameters with which the gateway is called back."""
    attempt = attempt_of(world, user_type)
    callback = str(attempt.return_url)
    page = await world.browser.get(await _provider(world).start_login(attempt))
    form = _LoginForm.of(page)
    answer = await world.browser.post(
        str(page.url.join(form.action)), data={**form.hidden, "account": form.accounts[title]}
    )
    assert answer.status_code in {302, 303}, f"the login form answers {answer.status_code}"
    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == callback
    return parse_qsl(target.query, strict_parsing=True)


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


async def _profile_of(world: World, user_type: UserType, title: str) -> Profile:
    session = await _session_of(world, user_type, title)
    return await _provider(world).fetch_principal(session)


async def _session_of(world: World, user_type: UserType, title: str) -> UpstreamSession:
    return await _exchange(world, await sign_in(world, user_type, title), user_type)


async def _exchange(
    world: World,
    params: Sequence[tuple[str, str]],
    user_type: UserType = UserType.NATURAL_PERSON,
) -> UpstreamSession:
    return await _provider(world).exchange(dict(params), attempt_of(world, user_type))


async def _change(world: World, title: str, **changes: str) -> None:
    accounts = (await world.browser.get("/sim/accounts")).raise_for_status().json()
    (uuid,) = [account["uuid"] for account in accounts if account["title"] == title]
    (await world.browser.post(f"/sim/accounts/{uuid}", json=changes)).raise_for_status()


async def _refused(call: Any, *kinds: type[Failure]) -> None:
    try:
        await call
    except kinds:
        return
    names = " or ".join(kind.__name__ for kind in kinds)
    raise AssertionError(f"{names} was not raised")


def _provider(world: World) -> IdentityProvider:
    provider: IdentityProvider = world.provider
    return provider


@dataclass
class _LoginForm:
    """The login page's form, as a browser understands it."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    """Values of the radio buttons by the first words of their labels."""

    @classmethod
    def of(cls, page: httpx.Response) -> _LoginForm:
        """Read a page; raise AssertionError when it is none."""
        assert page.status_code == 200, f"the login page answers {page.status_code}"
        reader = _FormReader()
        reader.feed(page.text)
        assert reader.form.action, "the login page has no form"
        return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form = _LoginForm()
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


def _login_of(user_type: UserType, title: str) -> Any:
    async def call(world: World, _key: str) -> object:
        try:
            return await _profile_of(world, user_type, title)
        except (TicketReplayed, TicketExpired, LoginRefused) as exc:
            # Only a duplicated exchange gets here, and a refusal of the copy is right.
            raise UpstreamRejected("the ticket was refused") from exc

    return call


DRILLS: Final = (
    Drill("a person signs in", _login_of(UserType.NATURAL_PERSON, REAL_PERSON)),
    Drill("a company signs in", _login_of(UserType.LEGAL_PERSON, COMPANY), needs="legal_person"),
)
