"""Sessions: how long they live and how they end."""

from __future__ import annotations

import pytest

from identity.model import SessionState
from identity.options import Options
from kernel.errors import Unauthenticated
from tests.unit.identity.fakes import OPTIONS, OTHER_PORTAL, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def gone(desk: Desk, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate(token)


@pytest.mark.parametrize(
    "token", ["", "sdat_", "sdat_" + "x" * 43, "sdst_" + "x" * 43, "sdat_" + "x" * 44, "票"]
)
async def test_what_is_no_token_is_nobody(desk, token):
    await gone(desk, token)


async def test_a_session_ends_after_thirty_idle_minutes(desk):
    token = await desk.token()
    desk.later(minutes=29)
    await desk.service.authenticate(token)
    desk.later(minutes=29)
    await desk.service.authenticate(token)
    desk.later(minutes=30)
    await gone(desk, token)


async def test_a_session_ends_after_eight_hours_however_busy(desk):
    token = await desk.token()
    for _ in range(32):
        desk.later(minutes=14, seconds=55)
        await desk.service.authenticate(token)
    desk.later(minutes=3)
    await gone(desk, token)


async def test_the_cache_never_outlives_the_session(desk):
    token = await desk.token()
    for _ in range(31):
        desk.later(minutes=15)
        await desk.service.authenticate(token)
    desk.later(minutes=14, seconds=59)
    await desk.service.authenticate(token)
    desk.later(seconds=1)
    await gone(desk, token)


async def test_a_busy_session_is_read_and_touched_once_per_interval(desk):
    token = await desk.token()
    (session,) = desk.works.rows.sessions.values()
    for _ in range(29):
        desk.later(seconds=1)
        await desk.service.authenticate(token)
    assert desk.works.rows.sessions[session.id].last_seen_at == session.last_seen_at
    desk.later(seconds=2)
    await desk.service.authenticate(token)
    assert desk.works.rows.sessions[session.id].last_seen_at == desk.clock.now()


async def test_logout_takes_effect_at_once_here(desk):
    token = await desk.token()
    await desk.service.authenticate(token)
    assert await desk.service.logout(token) == (
        "https://idp.example.gov.cn/logout?back=https://portal.example.gov.cn/"
    )
    await gone(desk, token)
    (session,) = desk.works.rows.sessions.values()
    assert (session.status, session.principal, session.upstream) == (SessionState.ENDED, None, None)
    assert desk.works.rows.moves[-1].event == "identity.session_ended"


async def test_logout_takes_effect_elsewhere_when_the_cache_ends(desk):
    token = await desk.token()
    elsewhere = desk.another_process()
    await elsewhere.authenticate(token)
    await desk.service.logout(token)
    assert await elsewhere.authenticate(token)
    desk.later(seconds=OPTIONS.cache_seconds)
    with pytest.raises(Unauthenticated):
        await elsewhere.authenticate(token)


async def test_without_a_cache_logout_takes_effect_everywhere(desk):
    token = await desk.token()
    elsewhere = desk.another_process(Options(**{**dict(OPTIONS), "cache_seconds": 0}))
    await elsewhere.authenticate(token)
    await desk.service.logout(token)
    with pytest.raises(Unauthenticated):
        await elsewhere.authenticate(token)


async def test_logout_of_nobody_is_no_error(desk):
    token = await desk.token()
    await desk.service.logout(token)
    assert await desk.service.logout(token) is None
    assert await desk.service.logout("sdat_" + "x" * 43) is None
    assert await desk.service.logout("rubbish") is None


async def test_logout_goes_back_to_the_first_address_where_no_other_is_named(desk):
    url = await desk.service.logout(await desk.token(client_id=OTHER_PORTAL))
    assert url == "https://idp.example.gov.cn/logout?back=https://portal.example.gov.cn/back"


async def test_one_logout_ends_one_session(desk):
    first, second = await desk.token(), await desk.token()
    await desk.service.logout(first)
    await gone(desk, first)
    assert await desk.service.authenticate(second)


async def test_the_cache_is_bounded(desk):
    small = desk.another_process(Options(**{**dict(OPTIONS), "cache_size": 2}))
    tokens = [await desk.token() for _ in range(4)]
    for token in tokens:
        await small.authenticate(token)
    assert len(small._verified._known) == 2
