"""Staff signs in on both databases: the way in, the ways to be refused, attacks on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select

from identity import FactorMethod, StaffRole
from identity.staff.errors import (
    LoginFailed,
    LoginLocked,
    PasswordTooWeak,
    SecondFactorNeeded,
    SessionUnknown,
)
from identity.staff.tables import credentials, staff_sessions
from kernel.clock import SystemClock
from kernel.db import audit
from kernel.db.tables import audit as audit_table
from kernel.db.tables import events, history
from kernel.db.work import connection
from kernel.errors import Unauthenticated
from tests.support.staff import HOME, Pocket, StaffDesk

ELSEWHERE = "198.51.100.7"


@pytest.fixture
def desk(works, frozen_clock) -> StaffDesk:
    return StaffDesk(works, frozen_clock)


@pytest.fixture
async def clerk(desk):
    return await desk.person("clerk-1", StaffRole.CLERK)


async def noted(works, **wanted: Any):
    async with works.read() as work:
        return [json.loads(row.body) for row in await audit.search(work, limit=500, **wanted)]


async def reasons(works):
    return [
        (one["actor"], one.get("reason"))
        for one in await noted(works, action="staff.login")
        if one["result"] == "DENIED"
    ]


async def fail(desk, login, password="Wrong-Horse-7", src_ip=HOME):
    with pytest.raises((LoginFailed, LoginLocked)) as caught:
        await desk.staff.login.begin(login, password, src_ip)
    return caught.type


async def test_the_first_sign_in_sets_everything_up(desk, works):
    await desk.staff.accounts.create("system", "clerk-1", "测试员")
    given = await desk.staff.accounts.activate("system", "clerk-1")
    pocket = Pocket("clerk-1", given.password)
    opened = await desk.sign_in(pocket)
    assert opened.password_due
    assert len(opened.recovery_codes) == 10
    assert (await desk.identify(opened.sid)).members == ()
    assert [one["actor"] for one in await noted(works, action="staff.login")] == ["staff:clerk-1"]


async def test_signing_in_and_out(desk, works, clerk):
    before = clerk.sid
    opened = await desk.sign_in(clerk)
    assert opened.sid != before
    assert not opened.password_due
    who = await desk.identify(opened.sid)
    assert [member.role for member in who.members] == [StaffRole.CLERK]
    assert who.session is not None
    assert who.session.amr == "pwd totp"
    await desk.staff.sessions.end("clerk-1", who.session.id)
    with pytest.raises(Unauthenticated):
        await desk.identify(opened.sid)
    async with works.read() as work:
        moves = select(history.c.event).where(history.c.entity == who.session.id)
        assert (await connection(work).execute(moves)).scalars().all() == [
            "identity.staff_signed_in",
            "identity.staff_signed_out",
        ]


async def test_no_row_holds_a_secret_in_the_clear(desk, works, clerk):
    accepted = await desk.begin(clerk)
    stored = b""
    async with works.read() as work:
        for table in (credentials, staff_sessions, history, events, audit_table):
            for row in await connection(work).execute(select(table)):
                stored += repr(tuple(row)).encode()
                stored += b"".join(value for value in row if isinstance(value, bytes))
    secrets = [clerk.password, clerk.sid, accepted.challenge, clerk.secret.hex(), *clerk.recovery]
    assert [one for one in secrets if one.encode() in stored] == []
    assert clerk.secret not in stored


@pytest.mark.parametrize("login", ["clerk-1", "nobody", "", "x' OR 1=1 --", "票", "a" * 64])
async def test_every_refusal_is_the_same(desk, clerk, login):
    assert clerk
    with pytest.raises(LoginFailed) as caught:
        await desk.staff.login.begin(login, "Wrong-Horse-7", HOME)
    assert (caught.value.detail, dict(caught.value.extras)) == (LoginFailed.title.en, {})


async def test_unknown_names_take_as_long_as_known_ones(works, frozen_clock, clerk):
    desk = StaffDesk(works, frozen_clock, hash_rounds=30_000)
    await fail(desk, "warm-up", src_ip="203.0.113.1")
    await desk.begin(clerk)
    shortest = {}
    for login in (clerk.staff_id, "nobody-1"):
        spans = []
        for number in range(4):
            began = SystemClock().monotonic()
            await fail(desk, login, src_ip=f"192.0.2.{number}")
            spans.append(SystemClock().monotonic() - began)
        shortest[login] = min(spans)
    assert 0.5 < shortest[clerk.staff_id] / shortest["nobody-1"] < 2, shortest


@pytest.mark.parametrize("login", ["clerk-1", "nobody"])
async def test_five_failures_lock_known_and_unknown_names_alike(desk, works, clerk, login):
    for number in range(5):
        assert await fail(desk, login, src_ip=f"192.0.2.{number}") is LoginFailed
    right = clerk.password if login == "clerk-1" else "Wrong-Horse-7"
    assert await fail(desk, login, right, ELSEWHERE) is LoginLocked
    desk.later(minutes=29)
    assert await fail(desk, login, right, ELSEWHERE) is LoginLocked
    assert (await reasons(works))[-1] == ("unknown", "staff_login_locked")
    desk.later(minutes=2)
    if login == "clerk-1":
        assert await desk.begin(clerk, ELSEWHERE)


@pytest.mark.parametrize(
    "spelling", ["CLERK-1", " clerk-1", "clerk-1 ", "ｃｌｅｒｋ-1", "cl\u200berk-1", "cler\u212a-1"]
)
async def test_no_spelling_gets_fresh_tries(desk, clerk, spelling):
    for number in range(5):
        login = spelling if number % 2 else clerk.staff_id
        assert await fail(desk, login, src_ip=f"192.0.2.{number}") is LoginFailed
    assert await fail(desk, spelling, clerk.password, ELSEWHERE) is LoginLocked


async def test_one_address_is_locked_across_names(desk, clerk):
    for number in range(5):
        assert await fail(desk, f"name-{number}", src_ip=ELSEWHERE) is LoginFailed
    assert await fail(desk, clerk.staff_id, clerk.password, ELSEWHERE) is LoginLocked
    assert await desk.begin(clerk)


async def test_many_tries_at_once_are_not_cheaper(desk, clerk):
    ended = await asyncio.gather(
        *(fail(desk, clerk.staff_id, src_ip=f"192.0.2.{number}") for number in range(12))
    )
    assert ended.count(LoginFailed) == 5
    assert ended.count(LoginLocked) == 7


async def test_right_passwords_do_not_wash_wrong_codes(desk, clerk):
    for number in range(5):
        accepted = await desk.begin(clerk, f"192.0.2.{number}")
        with pytest.raises(LoginFailed):
            await desk.finish(accepted.challenge, "000000", src_ip=f"192.0.2.{number}")
    assert await fail(desk, clerk.staff_id, clerk.password, ELSEWHERE) is LoginLocked


async def test_a_code_works_once(desk, works, clerk):
    first, second = await desk.begin(clerk), await desk.begin(clerk)
    code = desk.code(clerk)
    await desk.finish(first.challenge, code)
    with pytest.raises(LoginFailed):
        await desk.finish(second.challenge, code)
    assert (await reasons(works))[-1] == ("staff:clerk-1", "code_replayed")
    desk.later(seconds=30)
    await desk.finish(second.challenge, desk.code(clerk))


async def test_of_racing_uses_of_one_code_one_wins(desk, clerk):
    challenges = [(await desk.begin(clerk)).challenge for _ in range(4)]
    code = desk.code(clerk)
    ended = await asyncio.gather(
        *(desk.finish(one, code, src_ip=f"192.0.2.{n}") for n, one in enumerate(challenges)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, BaseException) for one in ended) == 1


async def test_a_challenge_works_once_and_not_for_long(desk, clerk):
    accepted = await desk.begin(clerk)
    opened = await desk.finish(accepted.challenge, desk.code(clerk))
    desk.later(seconds=30)
    for used in (accepted.challenge, opened.sid, "x" * 43, "", "票"):
        with pytest.raises(SecondFactorNeeded):
            await desk.finish(used, desk.code(clerk), src_ip=used[:20])
    late = await desk.begin(clerk, ELSEWHERE)
    desk.later(minutes=5)
    with pytest.raises(SecondFactorNeeded):
        await desk.finish(late.challenge, desk.code(clerk), src_ip=ELSEWHERE)


async def test_a_challenge_is_no_session(desk, clerk):
    accepted = await desk.begin(clerk)
    with pytest.raises(Unauthenticated):
        await desk.identify(accepted.challenge)


async def test_a_recovery_code_works_once(desk, clerk):
    code = clerk.recovery[3].lower()
    accepted = await desk.begin(clerk)
    await desk.finish(accepted.challenge, code, FactorMethod.RECOVERY_CODE)
    again = await desk.begin(clerk)
    with pytest.raises(LoginFailed):
        await desk.finish(again.challenge, code, FactorMethod.RECOVERY_CODE)


async def test_a_certificate_is_a_second_factor_where_it_is_known(desk, clerk):
    await desk.staff.accounts.create("system", "cert-1", "测试员", "ab" * 32)
    given = await desk.staff.accounts.activate("system", "cert-1")
    accepted = await desk.begin(Pocket("cert-1", given.password))
    assert accepted.methods == (FactorMethod.CERTIFICATE,)
    assert accepted.enrol is None
    for number, wrong in enumerate((None, "", "cd" * 32)):
        with pytest.raises(LoginFailed):
            await desk.finish(
                accepted.challenge,
                "",
                FactorMethod.CERTIFICATE,
                certificate=wrong,
                src_ip=f"192.0.2.{number}",
            )
    opened = await desk.finish(
        accepted.challenge, "", FactorMethod.CERTIFICATE, certificate="ab" * 32
    )
    assert opened.session.amr == "pwd certificate"
    other = await desk.begin(clerk)
    with pytest.raises(LoginFailed):
        await desk.finish(other.challenge, "", FactorMethod.CERTIFICATE, certificate="ab" * 32)


async def test_the_two_limits_of_a_session(desk, clerk):
    opened = await desk.sign_in(clerk)
    for _ in range(34):
        desk.later(minutes=14)
        await desk.identify(opened.sid)
    desk.later(minutes=14)
    with pytest.raises(Unauthenticated):
        await desk.identify(opened.sid)
    idle = await desk.sign_in(clerk)
    desk.later(minutes=15)
    with pytest.raises(Unauthenticated):
        await desk.identify(idle.sid)


async def test_sessions_are_listed_and_ended_by_their_owner_only(desk, clerk):
    one = await desk.sign_in(clerk)
    desk.later(seconds=30)
    two = await desk.sign_in(clerk)
    listed = [session.id for session in await desk.staff.sessions.mine("clerk-1")]
    assert listed[:2] == [two.session.id, one.session.id]
    with pytest.raises(SessionUnknown):
        await desk.staff.sessions.end("clerk-2", one.session.id)
    await desk.staff.sessions.end("clerk-1", one.session.id)
    with pytest.raises(Unauthenticated):
        await desk.identify(one.sid)
    assert await desk.identify(two.sid)


async def test_who_was_away_too_long_is_locked_until_unlocked(desk, works, clerk):
    desk.later(days=90)
    assert await fail(desk, clerk.staff_id, clerk.password) is LoginFailed
    assert await fail(desk, clerk.staff_id, clerk.password) is LoginFailed
    assert [reason for _, reason in await reasons(works)] == ["dormant", "locked"]
    await desk.staff.accounts.unlock("staff:secadmin", "clerk-1")
    assert (await desk.sign_in(clerk)).password_due


async def test_an_activation_is_not_for_ever(desk):
    await desk.staff.accounts.create("system", "late-1", "测试员")
    given = await desk.staff.accounts.activate("system", "late-1")
    desk.later(hours=72)
    assert await fail(desk, "late-1", given.password) is LoginFailed


async def test_a_closed_account_is_nobody_everywhere(desk, clerk):
    accepted = await desk.begin(clerk)
    await desk.staff.accounts.close("staff:sysadmin", "clerk-1")
    with pytest.raises(LoginFailed):
        await desk.finish(accepted.challenge, desk.code(clerk))
    assert await fail(desk, clerk.staff_id, clerk.password) is LoginFailed
    with pytest.raises(Unauthenticated):
        await desk.identify(clerk.sid)


async def test_a_new_password_ends_other_sessions_and_bars_the_last_five(desk, clerk):
    other = await desk.sign_in(clerk)
    desk.later(seconds=30)
    mine = await desk.sign_in(clerk)
    who = await desk.identify(mine.sid)
    change = desk.staff.sessions.change_password
    for number in range(5):
        await change(who, clerk.password, f"Correct-Horse-{number}x", HOME)
        clerk.password = f"Correct-Horse-{number}x"
    with pytest.raises(Unauthenticated):
        await desk.identify(other.sid)
    assert await desk.identify(mine.sid)
    for used in range(5):
        with pytest.raises(PasswordTooWeak) as caught:
            await change(who, clerk.password, f"Correct-Horse-{used}x", HOME)
        assert caught.value.extras == {"faults": ["used_before"]}
    await change(who, clerk.password, "Correct-Horse-7", HOME)


async def test_a_wrong_old_password_counts_as_a_try(desk, clerk):
    who = await desk.identify((await desk.sign_in(clerk)).sid)
    for number in range(5):
        with pytest.raises(LoginFailed):
            await desk.staff.sessions.change_password(
                who, "Wrong-Horse-7", "New-Horse-777", f"192.0.2.{number}"
            )
    with pytest.raises(LoginLocked):
        await desk.staff.sessions.change_password(who, clerk.password, "New-Horse-777", ELSEWHERE)


async def test_an_old_hash_is_made_again(works, frozen_clock, desk, clerk):
    dearer = StaffDesk(works, frozen_clock, hash_rounds=2)
    await dearer.begin(clerk)
    async with works.read() as work:
        stored = await desk.ground.rows.credential(work, "clerk-1")
    assert stored.password.startswith("pbkdf2-sm3$2$")


async def test_no_note_no_sign_in(works, frozen_clock, clerk):
    class Full:
        async def record(self, work, event):
            if event.action == "staff.login":
                raise OSError

    desk = StaffDesk(works, frozen_clock)
    accepted = await desk.begin(clerk)
    object.__setattr__(desk.ground, "audit", Full())
    with pytest.raises(OSError):
        await desk.finish(accepted.challenge, desk.code(clerk))
    object.__setattr__(desk.ground, "audit", StaffDesk(works, frozen_clock).ground.audit)
    await desk.finish(accepted.challenge, desk.code(clerk))
