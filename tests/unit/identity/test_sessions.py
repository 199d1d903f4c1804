"""Sessions and tokens of staff: how long they live and how they end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from identity import StaffMember, StaffRole, StaffUnknown
from identity.model import SessionState
from identity.options import Options
from kernel.errors import Unauthenticated
from tests.unit.identity.fakes import OPTIONS, OTHER_PORTAL, Desk

CLERK = StaffMember("370100001", "周受理", StaffRole.CLERK, "11370100MB0000000X", "370100")


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


async def test_staff_sign_in_by_token(desk):
    await desk.service.ensure_staff(CLERK)
    await desk.service.ensure_staff(CLERK)
    token = await desk.service.issue_staff_token(CLERK.id, timedelta(hours=1))
    assert token.startswith("sdst_")
    assert await desk.service.authenticate_staff(token) == CLERK
    assert token not in repr(desk.works.rows)
    desk.later(hours=1)
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate_staff(token)


async def test_a_token_of_staff_has_a_longest_life(desk):
    await desk.service.ensure_staff(CLERK)
    token = await desk.service.issue_staff_token(CLERK.id, timedelta(days=365))
    desk.later(seconds=OPTIONS.staff_seconds)
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate_staff(token)


async def test_staff_who_left_are_nobody(desk):
    await desk.service.ensure_staff(CLERK)
    token = await desk.service.issue_staff_token(CLERK.id, timedelta(hours=1))
    await desk.service.ensure_staff(
        StaffMember(CLERK.id, CLERK.name, CLERK.role, CLERK.department, CLERK.region, active=False)
    )
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate_staff(token)
    with pytest.raises(StaffUnknown):
        await desk.service.issue_staff_token(CLERK.id, timedelta(hours=1))
    with pytest.raises(StaffUnknown):
        await desk.service.issue_staff_token("nobody", timedelta(hours=1))


async def test_revoking_ends_every_token_of_staff(desk):
    await desk.service.ensure_staff(CLERK)
    tokens = [await desk.service.issue_staff_token(CLERK.id, timedelta(hours=1)) for _ in range(2)]
    assert await desk.service.revoke_staff(CLERK.id) == 2
    for token in tokens:
        with pytest.raises(Unauthenticated):
            await desk.service.authenticate_staff(token)
    assert await desk.service.revoke_staff(CLERK.id) == 0


async def test_tokens_of_citizens_and_staff_are_not_exchangeable(desk):
    await desk.service.ensure_staff(CLERK)
    staff = await desk.service.issue_staff_token(CLERK.id, timedelta(hours=1))
    citizen = await desk.token()
    await gone(desk, staff)
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate_staff(citizen)
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate_staff(citizen.replace("sdat_", "sdst_"))
