"""What a wrong or hostile provider sends is refused, each for its own reason; the true one is
believed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.identity_hands import REAL_PERSON, attempt_of, sign_in
from adapters.upstreams.oidc.simulator.tokens import WRONGS
from identity import Aal, Assurance, Ial, LoginAttempt, UserType
from identity.errors import LoginCallbackInvalid, LoginRefused, NotOffered, TicketExpired
from kernel.errors import Failure, UpstreamProtocolError, UpstreamRejected

PERSON = UserType.NATURAL_PERSON
REASONS = {
    "alg_none": "the algorithm",
    "alg_hs256": "the algorithm",
    "alg_label": "the algorithm",
    "unknown_kid": "the signature",
    "no_kid": "names no key",
    "jwk_header": "the signature",
    "jku_header": "the signature",
    "crit": "an extension",
    "oversize": "too long",
    "expired": "expired",
    "not_yet": "in the future",
    "long_lived": "too long",
    "no_nonce": "nonce is missing",
    "other_nonce": "another nonce",
    "other_iss": "another issuer",
    "other_aud": "another audience",
    "more_aud": "another audience",
    "other_azp": "another azp",
    "other_at_hash": "another access token",
    "no_exp": "exp is missing",
    "tampered": "the signature",
    "odd_amr": "another form",
    "odd_sub": "sub is not",
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running("oidc", tmp_path) as world:
        yield world


async def misbehave(world: World, how: str) -> None:
    (await world.browser.post("/sim/misbehave", json={"how": how})).raise_for_status()


async def attempted(world: World) -> Failure | None:
    """Sign in and return what was raised."""
    try:
        params = await sign_in(world, PERSON, REAL_PERSON)
        session = await world.provider.exchange(dict(params), attempt_of(world, PERSON))
        await world.provider.fetch_principal(session)
    except Failure as failure:
        return failure
    return None


async def raised(call: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await call
    return caught.value


def test_every_wrong_token_has_a_reason():
    assert set(REASONS) == WRONGS


async def test_a_wrong_id_token_is_refused_for_its_reason(world: World):
    assert await attempted(world) is None
    told = {}
    for how in sorted(REASONS):
        await misbehave(world, how)
        failure = await attempted(world)
        good = isinstance(failure, UpstreamProtocolError) and REASONS[how] in failure.detail
        told[how] = "" if good else f"{failure!r}"
    assert not {how: said for how, said in told.items() if said}
    await misbehave(world, "")
    assert await attempted(world) is None


async def test_somebody_elses_userinfo_is_refused(world: World):
    await misbehave(world, "other_sub")
    failure = await attempted(world)
    assert isinstance(failure, UpstreamProtocolError)
    assert "sub is another one" in failure.detail


@pytest.mark.parametrize("how", ["no_iss", "mixed_iss"])
async def test_a_code_of_another_provider_is_not_shown_to_this_one(world: World, how: str):
    await misbehave(world, how)
    before = [record.operation for record in world.calls].count("token")
    assert isinstance(await attempted(world), LoginCallbackInvalid)
    assert [record.operation for record in world.calls].count("token") == before


async def test_state_must_be_there_and_be_ours(world: World):
    params = dict(await sign_in(world, PERSON, REAL_PERSON))
    for state in ({}, {"state": world.ids.secret()}, {"state": ""}):
        bare = {name: value for name, value in params.items() if name != "state"}
        failure = await raised(world.provider.exchange(bare | state, attempt_of(world, PERSON)))
        assert isinstance(failure, LoginCallbackInvalid)
    session = await world.provider.exchange(params, attempt_of(world, PERSON))
    assert (await world.provider.fetch_principal(session)).person.name == REAL_PERSON


async def test_a_code_of_another_login_does_not_fit_its_verifier(world: World):
    params = dict(await sign_in(world, PERSON, REAL_PERSON))
    mine = attempt_of(world, PERSON)
    stolen = LoginAttempt(user_type=PERSON, return_url=mine.return_url, seed=world.ids.secret())
    assert isinstance(await raised(world.provider.exchange(params, stolen)), TicketExpired)


async def test_nothing_secret_is_in_the_address_of_the_login_page(world: World):
    url = await world.provider.start_login(attempt_of(world, PERSON))
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    assert sorted(names) == ["client_id", "request_uri"]


async def test_a_page_of_the_provinces_app_is_not_offered(world: World):
    failure = await raised(world.provider.start_login(LoginAttempt(user_type=PERSON)))
    assert isinstance(failure, NotOffered)


async def test_new_keys_are_found_and_invented_ones_looked_for_once(world: World):
    world.reconnect(refetch_seconds=0)
    assert await attempted(world) is None
    (await world.browser.post("/sim/rotate")).raise_for_status()
    assert await attempted(world) is None
    world.reconnect()
    await misbehave(world, "unknown_kid")
    before = [record.operation for record in world.calls].count("jwks")
    for _ in range(3):
        assert isinstance(await attempted(world), UpstreamProtocolError)
    assert [record.operation for record in world.calls].count("jwks") - before == 1


@pytest.mark.parametrize(("how", "refused"), [("", False), ("weaker", True), ("old", True)])
async def test_more_than_an_ordinary_login_is_asked_for_and_judged(
    world: World, how: str, refused: bool
):
    ordinary = attempt_of(world, PERSON)
    more = LoginAttempt(
        user_type=PERSON,
        return_url=ordinary.return_url,
        seed=ordinary.seed,
        want=Assurance(ial=Ial.REAL_PERSON, aal=Aal.TWO_FACTORS),
    )
    world.notes["attempts"][PERSON] = more
    await misbehave(world, how)
    failure = await attempted(world)
    assert isinstance(failure, LoginRefused) if refused else failure is None
    if not refused:
        params = dict(await sign_in(world, PERSON, REAL_PERSON))
        session = await world.provider.exchange(params, more)
        profile = await world.provider.fetch_principal(session)
        assert (profile.aal, profile.amr) == (Aal.TWO_FACTORS, ("pwd", "sms", "mfa"))


async def test_an_endpoint_elsewhere_is_never_called(world: World):
    world.reconnect(issuer="https://issuer.invalid")
    failure = await raised(world.provider.start_login(attempt_of(world, PERSON)))
    assert isinstance(failure, UpstreamProtocolError)
    assert "another issuer" in failure.detail


async def test_the_client_is_known_before_a_code_is_spent(world: World):
    params = dict(await sign_in(world, PERSON, REAL_PERSON))
    form = {"grant_type": "authorization_code", "code": params["code"], "client_id": "onewindow"}
    assert (await world.browser.post("/token", data=form)).status_code == 401
    session = await world.provider.exchange(params, attempt_of(world, PERSON))
    assert (await world.provider.fetch_principal(session)).person.name == REAL_PERSON


async def test_logging_out_needs_a_registered_address(world: World):
    params = dict(await sign_in(world, PERSON, REAL_PERSON))
    session = await world.provider.exchange(params, attempt_of(world, PERSON))
    url = world.provider.logout_url(session, "https://elsewhere.invalid/")
    assert (await world.browser.get(url)).status_code == 400


async def test_a_foreign_return_address_is_refused_at_the_push(world: World):
    elsewhere = LoginAttempt(
        user_type=PERSON, return_url="https://elsewhere.invalid/cb/state", seed=world.ids.secret()
    )
    assert isinstance(await raised(world.provider.start_login(elsewhere)), UpstreamRejected)
