"""What every identity provider must do, examined by signing in at its simulator's login page.

A simulator of an identity provider offers, besides its dialect: a login page whose HTML form has a
radio button ``account`` per account, labelled with its title; ``GET /sim/accounts`` (uuid and title
of each); ``POST /sim/accounts/{uuid}`` to change ``authlevel``, ``isauth`` or ``disabled``; ``POST
/sim/expire``, which ends the life of every ticket and token. Its accounts are the synthetic people
below. A simulator with HANDOFF knows the application ``neighbour`` and redeems its tickets at
``POST /sim/redeem``. ``adapters.sandbox.login_page`` is all of this for ticket dialects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.kit.conformance.identity_drills import DRILLS
from adapters.kit.conformance.identity_hands import (
    COMPANY,
    LOW_LEVEL,
    NEIGHBOUR,
    REAL_PERSON,
    LoginForm,
    attempt_of,
    change,
    exchange,
    knob,
    profile_of,
    provider_of,
    refused,
    session_of,
    sign_in,
)
from adapters.kit.conformance.world import World
from adapters.kit.registry import BadConnection
from identity.errors import (
    LoginCallbackInvalid,
    LoginRefused,
    NotOffered,
    OrgNotYours,
    ProfileIncomplete,
    TicketExpired,
    TicketReplayed,
)
from identity.model import UNKNOWN_METHOD, Aal, ActingRole, Ial, IdType, UpstreamSession, UserType
from identity.ports import IdentityProvider
from identity.upstream import Capability, LoginAttempt, OrgAccount
from kernel.errors import Failure, UpstreamAuthFailed, UpstreamProtocolError, UpstreamRejected

__all__ = ["COMPANY", "DRILLS", "LOW_LEVEL", "REAL_PERSON", "LoginForm", "sign_in"]


async def check_login_returns_with_one_ticket(world: World) -> None:
    """The browser comes back to the address that was given, with one ticket, nobody named."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    assert [name for name, _ in params].count(provider_of(world).ticket_parameter) == 1
    brought = [value for name, value in params if name != provider_of(world).ticket_parameter]
    for personal in (REAL_PERSON, "370102199003071238", "13800000001"):
        assert not [value for value in brought if personal in value]


async def check_foreign_return_address_is_refused(world: World) -> None:
    """The login page does not send tickets to strangers."""
    strange = LoginAttempt(
        user_type=UserType.NATURAL_PERSON,
        return_url="https://elsewhere.invalid/auth/cb/state",
        seed=world.ids.secret(),
    )
    try:
        url = await provider_of(world).start_login(strange)
    except UpstreamRejected:
        # Where requests are pushed, the refusal comes before the page.
        return
    answer = await world.browser.get(url)
    assert answer.status_code >= 400, "the login page serves an unregistered return address"


async def check_person(world: World) -> None:
    """A natural person is mapped with level, id type and number, and a subject that is no id
    number.
    """
    profile = await profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    assert profile.user_type is UserType.NATURAL_PERSON
    assert (profile.org, profile.acting_role) == (None, None)
    person = profile.person
    assert (person.name, person.id_type) == (REAL_PERSON, IdType.RESIDENT_ID)
    assert (person.id_number, person.mobile) == ("370102199003071238", "13800000001")
    assert profile.ial is Ial.REAL_PERSON
    assert person.id_number not in profile.upstream_sub


async def check_unknown_method_counts_once(world: World) -> None:
    """Where the upstream does not say how somebody logged in, it is one factor of unknown kind."""
    profile = await profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    if profile.amr == (UNKNOWN_METHOD,):
        assert profile.aal is Aal.SINGLE_FACTOR


async def check_subject_is_stable(world: World) -> None:
    """Two logins of one account have the same subject, two accounts have two."""
    first = await profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    again = await profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    other = await profile_of(world, UserType.NATURAL_PERSON, LOW_LEVEL)
    assert first.upstream_sub == again.upstream_sub != other.upstream_sub


async def check_low_level_stays_low(world: World) -> None:
    """A person who was only matched against the population base is not more than that."""
    profile = await profile_of(world, UserType.NATURAL_PERSON, LOW_LEVEL)
    assert profile.ial is Ial.MATCHED


async def check_corporation(world: World) -> None:
    """A legal person is mapped with its human, its role, and no level that nobody proved."""
    if not world.can("legal_person"):
        return
    profile = await profile_of(world, UserType.LEGAL_PERSON, COMPANY)
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
    session = await exchange(world, params)
    await refused(exchange(world, params), TicketReplayed, TicketExpired)
    assert (await provider_of(world).fetch_principal(session)).person.name == REAL_PERSON


async def check_expired_ticket(world: World) -> None:
    """A ticket whose life is over is refused as such."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await knob(world, "expire")
    await refused(exchange(world, params), TicketExpired)


async def check_expired_session(world: World) -> None:
    """Nothing is told for an upstream token whose life is over."""
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await knob(world, "expire")
    await refused(provider_of(world).fetch_principal(session), TicketExpired)


async def check_forged_ticket(world: World) -> None:
    """A ticket that nobody issued is refused."""
    forged = [(provider_of(world).ticket_parameter, "ST-" + world.ids.secret())]
    await refused(exchange(world, forged), TicketExpired, LoginRefused, LoginCallbackInvalid)


async def check_forged_session(world: World) -> None:
    """A token that nobody issued tells nothing."""
    forged = UpstreamSession(UserType.NATURAL_PERSON, "TK-" + world.ids.secret())
    await refused(provider_of(world).fetch_principal(forged), TicketExpired, LoginRefused)


async def check_wrong_credentials(world: World) -> None:
    """With wrong secrets every call and the self-check say that authentication failed; a key that
    can be none is refused before any call.
    """
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    try:
        stranger = world.registry.connect(
            world.name,
            world.onboarding.options,
            {name: value[::-1] for name, value in world.onboarding.secrets.items()},
            clock=world.clock,
            ids=world.ids,
            telemetry=world.telemetry,
            mark_operations=True,
        )
    except BadConnection:
        return
    try:
        provider: IdentityProvider = stranger.provider
        await refused(
            provider.exchange(dict(params), attempt_of(world, UserType.NATURAL_PERSON)),
            UpstreamAuthFailed,
        )
        for check in provider.checks():
            await refused(check.run(), UpstreamAuthFailed)
    finally:
        await stranger.close()
    # The refusal has not spent the ticket.
    await exchange(world, params)


async def check_unknown_level(world: World) -> None:
    """A level that no table knows is counted and refused, never taken for another one."""
    await change(world, REAL_PERSON, authlevel="9")
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await refused(provider_of(world).fetch_principal(session), UpstreamProtocolError)
    counted = world.telemetry.unknown_codes()
    assert [key[2] for key in counted if key[0] == world.name] == ["9"]


async def check_unproven_account_is_level_zero(world: World) -> None:
    """An account without 实名 has level 0, whatever else it says."""
    await change(world, REAL_PERSON, isauth="0")
    profile = await profile_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    assert profile.ial is Ial.SELF_ASSERTED


async def check_disabled_account(world: World) -> None:
    """An account that was closed after it got its ticket is refused."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await change(world, REAL_PERSON, disabled="1")
    await refused(exchange(world, params), LoginRefused)


async def check_logout(world: World) -> None:
    """After a visit to the logout address the upstream session is over and the browser is back."""
    if not world.can("logout"):
        return
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    home = f"{world.place.gateway_url}/"
    url = provider_of(world).logout_url(session, home)
    assert url is not None
    answer = await world.browser.get(url)
    assert answer.headers["location"] == home
    await refused(provider_of(world).fetch_principal(session), TicketExpired)


async def check_self_check(world: World) -> None:
    """The provider examines itself without anybody's data."""
    checks = provider_of(world).checks()
    assert checks
    for check in checks:
        await check.run()


async def check_rare_names(world: World) -> None:
    """A character outside the usual tables and a middle dot arrive as they are."""
    for name in ("王䶮", "阿依夏木·吐尔逊"):
        profile = await profile_of(world, UserType.NATURAL_PERSON, name)
        assert profile.person.name == name


async def check_other_papers(world: World) -> None:
    """A permit of Hong Kong and Macao is one, and its number is not judged as a citizen id."""
    profile = await profile_of(world, UserType.NATURAL_PERSON, "陈嘉欣")
    assert profile.person.id_type is IdType.HK_MACAO_PERMIT
    assert profile.person.id_number == "H12345678"


async def check_unknown_papers(world: World) -> None:
    """A kind of papers that no table knows is counted and refused, never taken for a citizen id."""
    await change(world, REAL_PERSON, id_type="77")
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await refused(provider_of(world).fetch_principal(session), UpstreamProtocolError)
    assert [key[2] for key in world.telemetry.unknown_codes()] == ["77"]


async def check_missing_number(world: World) -> None:
    """An account without a number of its papers is told as incomplete; nothing is made up."""
    await change(world, REAL_PERSON, id_number="")
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    await refused(provider_of(world).fetch_principal(session), ProfileIncomplete)


async def check_another_type_of_user(world: World) -> None:
    """A person's ticket opens no company: refused by the upstream, or told as a person."""
    if not world.can(Capability.LEGAL_PERSON):
        return
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    try:
        session = await exchange(world, params, UserType.LEGAL_PERSON)
        profile = await provider_of(world).fetch_principal(session)
    except (LoginRefused, LoginCallbackInvalid):
        return
    assert profile.user_type is UserType.NATURAL_PERSON


async def check_a_login_from_the_app(world: World) -> None:
    """A ticket that a page got inside the province's app is exchanged without a way back."""
    params = await sign_in(world, UserType.NATURAL_PERSON, REAL_PERSON)
    by_app = LoginAttempt(user_type=UserType.NATURAL_PERSON)
    exchanged = provider_of(world).exchange(dict(params), by_app)
    if not world.can(Capability.APP_LOGIN):
        await refused(exchanged, NotOffered)
        return
    profile = await provider_of(world).fetch_principal(await exchanged)
    assert profile.person.name == REAL_PERSON


async def check_what_is_not_declared_is_not_offered(world: World) -> None:
    """What the manifest does not list is refused as such, without a call."""
    provider = provider_of(world)
    session = UpstreamSession(UserType.LEGAL_PERSON, "TK-" + world.ids.secret())
    missing: dict[Capability, Callable[[], Awaitable[object]]] = {
        Capability.ORG_LIST: lambda: provider.list_orgs(session, 1),
        Capability.ORG_SWITCH: lambda: provider.switch_org(session, "org"),
        Capability.HANDOFF: lambda: provider.handoff_ticket(session, NEIGHBOUR),
        Capability.PASSWORD: lambda: provider.password_ticket("name", "password"),
    }
    before = len(world.calls)
    for capability, call in missing.items():
        if not world.can(capability):
            await refused(call(), NotOffered)
    assert len(world.calls) == before
    if not world.can(Capability.LOGOUT):
        assert provider.logout_url(session, f"{world.place.gateway_url}/") is None


async def check_list_of_organisations(world: World) -> None:
    """Every company of the person is listed once, page by page, and nobody else's."""
    if not world.can(Capability.ORG_LIST):
        return
    found = await _companies(world, await session_of(world, UserType.LEGAL_PERSON, COMPANY))
    assert len(found) == len({one.id for one in found}) == 7
    named = {one.org.name: one.acting_role for one in found}
    assert named[COMPANY] is ActingRole.ORG_ADMIN
    assert named["济南明湖示例餐饮有限公司"] is ActingRole.LEGAL_REP
    assert "青岛示例船舶服务有限公司" not in named


async def check_switch_of_organisation(world: World) -> None:
    """After a switch the same person acts for the other company; a stranger's is refused."""
    if not world.can(Capability.ORG_SWITCH):
        return
    provider = provider_of(world)
    session = await session_of(world, UserType.LEGAL_PERSON, COMPANY)
    companies = await _companies(world, session)
    (other,) = [one for one in companies if one.org.name == "济南泉城示例商贸有限公司"]
    await refused(provider.switch_org(session, f"{other.id}9"), OrgNotYours)
    profile = await provider.fetch_principal(await provider.switch_org(session, other.id))
    assert (profile.org, profile.acting_role) == (other.org, ActingRole.OPERATOR)
    assert profile.person.name == REAL_PERSON


async def check_hand_over(world: World) -> None:
    """A hand-over ticket signs in at the other application, once, and never at ours."""
    if not world.can(Capability.HANDOFF):
        return
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    ticket = await provider_of(world).handoff_ticket(session, NEIGHBOUR)
    ours = [(provider_of(world).ticket_parameter, ticket)]
    await refused(exchange(world, ours), LoginRefused, TicketExpired)
    there = {"app": NEIGHBOUR, "ticket": ticket}
    assert (await knob(world, "redeem", there)).json()["title"] == REAL_PERSON
    assert (await world.browser.post("/sim/redeem", json=there)).status_code == 409
    await refused(provider_of(world).handoff_ticket(session, "nobody"), Failure)


async def check_password(world: World) -> None:
    """A name and its password give a ticket; a wrong password gives a refusal."""
    if not world.can(Capability.PASSWORD):
        return
    provider = provider_of(world)
    ticket = await provider.password_ticket("zhangmx", "zhangmx-demo")
    session = await exchange(world, [(provider.ticket_parameter, ticket)])
    assert (await provider.fetch_principal(session)).person.name == REAL_PERSON
    await refused(provider.password_ticket("zhangmx", "wrong"), LoginRefused)


async def _companies(world: World, session: UpstreamSession) -> list[OrgAccount]:
    found: list[OrgAccount] = []
    page, more = 0, True
    while more:
        page += 1
        answer = await provider_of(world).list_orgs(session, page)
        assert answer.page == page
        assert answer.rows or not answer.more
        found += answer.rows
        more = answer.more
    return found
