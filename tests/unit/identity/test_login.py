"""A login from the portal through the province and back: what is let through and what is not."""

from __future__ import annotations

import pytest

from identity import (
    CodeInvalid,
    LoginCallbackInvalid,
    LoginInterrupted,
    LoginRefused,
    LoginRequestInvalid,
    LoginStateInvalid,
    ReturnAddressNotRegistered,
    TicketExpired,
    TicketReplayed,
    UnknownPortal,
    UnknownProvider,
    UserType,
)
from identity.arrival import Attempts
from identity.model import LoginState
from kernel.errors import Failure, UpstreamAuthFailed, UpstreamOutcomeUnknown, UpstreamUnavailable
from kernel.ids import RandomIds
from tests.unit.identity.fakes import (
    HOME_WITH_QUERY,
    ID_NUMBER,
    OTHER_PORTAL,
    PORTAL,
    VERIFIER,
    Desk,
    challenge_of,
    keys,
)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def states(desk: Desk) -> list[LoginState]:
    return [login.status for login in desk.works.rows.logins.values()]


async def test_a_person_signs_in(desk):
    back = await desk.finish(await desk.begin(state="of-the-portal"))
    assert back["state"] == "of-the-portal"
    issued = await desk.service.redeem(PORTAL, back["code"], VERIFIER)
    assert issued.token.startswith("sdat_")
    assert len(issued.token) == len("sdat_") + 43
    assert issued.principal.sub.startswith("P")
    assert issued.principal.person.id_number == ID_NUMBER
    assert await desk.service.authenticate(issued.token) == issued.principal


async def test_a_company_signs_in_with_its_human(desk):
    token = await desk.token(user_type=UserType.LEGAL_PERSON)
    principal = await desk.service.authenticate(token)
    assert principal.sub.startswith("C")
    assert principal.org is not None
    assert principal.org.uscc == "91370100MA3ABCDE1G"
    assert principal.person.name == "张明轩"


async def test_the_subject_is_stable_and_one_per_kind_of_account(desk):
    first = await desk.service.authenticate(await desk.token())
    again = await desk.service.authenticate(await desk.token(client_id=OTHER_PORTAL))
    company = await desk.service.authenticate(await desk.token(user_type=UserType.LEGAL_PERSON))
    assert first.sub == again.sub != company.sub


async def test_every_move_is_written_with_its_event(desk):
    await desk.token()
    assert [move.event for move in desk.works.rows.moves] == [
        "identity.login_returned",
        "identity.login_completed",
        "identity.session_opened",
    ]


async def test_nothing_secret_is_stored_in_the_clear(desk):
    state = await desk.begin()
    back = await desk.finish(state, ticket="ST-very-secret")
    issued = await desk.service.redeem(PORTAL, back["code"], VERIFIER)
    rows = desk.works.rows
    stored = repr([vars(row) for row in (*rows.logins.values(), *rows.sessions.values())])
    stored += repr([rows.tickets, rows.subjects, rows.moves])
    secrets = [state, back["code"], issued.token, "ST-very-secret", ID_NUMBER, "张明轩", VERIFIER]
    assert [
        secret for secret in [*secrets, "upstream-token", "13800000001"] if secret in stored
    ] == []


async def test_reprs_tell_no_secret(desk):
    issued = await desk.service.redeem(PORTAL, await desk.code(), VERIFIER)
    assert issued.token not in repr(issued)
    assert ID_NUMBER not in repr(issued)
    assert "张明轩" not in repr(issued)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_id": "nobody"}, UnknownPortal),
        ({"return_to": "https://evil.example/back"}, ReturnAddressNotRegistered),
        ({"return_to": "https://portal.example.gov.cn/back/"}, ReturnAddressNotRegistered),
        ({"return_to": "https://portal.example.gov.cn/back?x=1"}, ReturnAddressNotRegistered),
        ({"return_to": HOME_WITH_QUERY, "client_id": OTHER_PORTAL}, ReturnAddressNotRegistered),
        ({"state": ""}, LoginRequestInvalid),
        ({"state": "a b"}, LoginRequestInvalid),
        ({"state": "x" * 513}, LoginRequestInvalid),
        ({"challenge": ""}, LoginRequestInvalid),
        ({"challenge": VERIFIER + "="}, LoginRequestInvalid),
        ({"idp": "elsewhere"}, UnknownProvider),
    ],
)
async def test_a_wrong_beginning_begins_nothing(desk, wrong, error):
    with pytest.raises(error):
        await desk.begin(**wrong)
    assert desk.works.rows.logins == {}


async def test_a_registered_query_is_kept(desk):
    back = await desk.finish(await desk.begin(return_to=HOME_WITH_QUERY))
    assert list(back) == ["from", "code", "state"]


async def test_a_forged_state_is_refused(desk):
    await desk.begin()
    forged = RandomIds(desk.clock).secret()
    with pytest.raises(LoginStateInvalid):
        await desk.finish(forged)
    assert desk.provider.exchanged == []


async def test_another_browsers_cookie_is_refused(desk):
    state, other = await desk.begin(), await desk.begin()
    with pytest.raises(LoginStateInvalid):
        await desk.finish(state, cookie=other)
    assert states(desk) == [LoginState.STARTED, LoginState.STARTED]
    assert desk.provider.exchanged == []


@pytest.mark.parametrize("state", ["", "x", "é" * 43, "../" * 14 + "x"])
async def test_a_state_of_another_shape_is_refused(desk, state):
    with pytest.raises(LoginStateInvalid):
        await desk.finish(state, cookie=state or "y")


async def test_a_state_belongs_to_its_provider(desk):
    state = await desk.begin()
    desk.service._providers["other"] = desk.provider
    with pytest.raises(LoginStateInvalid):
        await desk.finish(state, idp="other")


async def test_a_state_works_once(desk):
    state = await desk.begin()
    await desk.finish(state)
    with pytest.raises(LoginStateInvalid):
        await desk.finish(state)
    assert len(desk.provider.exchanged) == 1


async def test_a_login_takes_ten_minutes_at_most(desk):
    state = await desk.begin()
    desk.later(minutes=10)
    with pytest.raises(LoginStateInvalid):
        await desk.finish(state)
    assert desk.provider.exchanged == []


async def test_a_ticket_is_exchanged_once(desk):
    await desk.finish(await desk.begin(), ticket="ST-1")
    with pytest.raises(TicketReplayed) as caught:
        await desk.finish(await desk.begin(), ticket="ST-1")
    assert caught.value.status == 409
    assert len(desk.provider.exchanged) == 1


async def test_a_wrong_state_does_not_spend_the_ticket(desk):
    with pytest.raises(LoginStateInvalid):
        await desk.finish(RandomIds(desk.clock).secret(), ticket="ST-1")
    assert await desk.finish(await desk.begin(), ticket="ST-1")


@pytest.mark.parametrize(
    "params",
    [
        [("other", "ST-1")],
        [("ticket", "ST-1"), ("ticket", "ST-2")],
        [("ticket", "ST-1"), ("ticket", "ST-1")],
        [("ticket", "")],
        [("ticket", "a b")],
        [("ticket", "票")],
        [("ticket", "x" * 513)],
        [("ticket", "ST-1\n")],
    ],
)
async def test_exactly_one_proper_ticket(desk, params):
    state = await desk.begin()
    with pytest.raises(LoginCallbackInvalid):
        await desk.finish(state, params=params)
    assert states(desk) == [LoginState.STARTED]
    assert await desk.finish(state)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (TicketExpired(), TicketExpired),
        (LoginRefused(), LoginRefused),
        (UpstreamUnavailable(), UpstreamUnavailable),
        (UpstreamAuthFailed(), UpstreamAuthFailed),
        (UpstreamOutcomeUnknown(), LoginInterrupted),
    ],
)
async def test_a_failed_exchange_ends_the_login(desk, failure, told):
    desk.provider.failure = failure
    state = await desk.begin()
    with pytest.raises(told):
        await desk.finish(state)
    assert states(desk) == [LoginState.REFUSED]
    assert desk.works.rows.moves[-1].note == told.code
    desk.provider.failure = None
    with pytest.raises(LoginStateInvalid):
        await desk.finish(state)


async def test_a_login_as_another_type_of_user_is_refused(desk):
    desk.provider.profiles[UserType.LEGAL_PERSON] = desk.provider.profiles[UserType.NATURAL_PERSON]
    with pytest.raises(LoginRefused):
        await desk.code(user_type=UserType.LEGAL_PERSON)
    assert desk.works.rows.sessions == {}


async def test_a_code_works_once(desk):
    code = await desk.code()
    await desk.service.redeem(PORTAL, code, VERIFIER)
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(PORTAL, code, VERIFIER)


async def test_a_code_lives_a_minute(desk):
    in_time, too_late = await desk.code(), await desk.code()
    desk.later(seconds=59)
    await desk.service.redeem(PORTAL, in_time, VERIFIER)
    desk.later(seconds=1)
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(PORTAL, too_late, VERIFIER)


@pytest.mark.parametrize("verifier", ["", "x" * 43, VERIFIER[:-1], VERIFIER + "x", "é" * 43])
async def test_a_code_needs_its_verifier(desk, verifier):
    code = await desk.code()
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(PORTAL, code, verifier)


async def test_the_challenge_itself_is_no_verifier(desk):
    code = await desk.code(challenge=challenge_of("v" * 43))
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(PORTAL, code, challenge_of("v" * 43))


async def test_a_code_belongs_to_its_portal(desk):
    code = await desk.code()
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(OTHER_PORTAL, code, VERIFIER)
    with pytest.raises(UnknownPortal):
        await desk.service.redeem("nobody", code, VERIFIER)
    assert await desk.service.redeem(PORTAL, code, VERIFIER)


async def test_an_invented_code_is_refused(desk):
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(PORTAL, "x" * 43, VERIFIER)


def all_errors(root: type[Failure]) -> list[type[Failure]]:
    return [
        kind
        for sub in root.__subclasses__()
        for kind in (sub, *all_errors(sub))
        if kind.__module__ == "identity.errors"
    ]


@pytest.mark.parametrize(
    "error", sorted(set(all_errors(Failure)), key=lambda kind: str(vars(kind)["code"]))
)
def test_every_error_has_a_code_and_three_texts_of_its_own(error):
    assert {"code", "title", "clerk"} <= set(vars(error))
    for text in (error.title, error.citizen, error.clerk):
        assert text.zh
        assert text.en
        assert text.zh != text.en


async def test_the_provider_is_told_the_same_before_and_after(desk):
    state = await desk.begin()
    await desk.finish(state)
    before, after = desk.provider.attempts
    assert before == after
    assert before.return_url.endswith(f"/{state}")
    assert len(before.seed) == 43
    assert state not in before.seed


async def test_every_login_has_another_seed_and_only_the_key_makes_it(desk):
    await desk.begin()
    await desk.begin()
    first, second = desk.provider.attempts
    assert first.seed != second.seed
    state = first.return_url.rpartition("/")[2]
    ours, theirs = (
        Attempts("https://gateway.example.gov.cn/auth/cb", key).by_browser(
            "idp", first.user_type, state
        )
        for key in (keys().index_key, b"another key")
    )
    assert ours == first
    assert theirs.seed != first.seed
