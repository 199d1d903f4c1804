"""Identity on both databases: a whole login, races for one ticket and one code and sweeping."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, insert, select

from identity import CodeInvalid, TicketReplayed, UserType
from identity.model import LoginState, SessionState
from identity.repository import SqlRepository
from identity.tables import (
    logins,
    sessions,
    subjects,
    tickets,
)
from kernel.db.tables import events, history
from kernel.db.work import connection
from kernel.errors import Unauthenticated
from tests.unit.identity.fakes import ID_NUMBER, OPTIONS, PORTAL, VERIFIER, Desk


@pytest.fixture
def desk(works, frozen_clock) -> Desk:
    return Desk(clock=frozen_clock, works=works, repository=SqlRepository())


async def rows(works, table):
    async with works.read() as work:
        return (await connection(work).execute(select(table))).all()


async def count(works, table):
    async with works.read() as work:
        return (await connection(work).execute(select(func.count()).select_from(table))).scalar()


async def test_a_login_from_begin_to_logout(desk, works):
    token = await desk.token(user_type=UserType.LEGAL_PERSON)
    principal = await desk.service.authenticate(token)
    assert principal.org is not None
    assert principal.org.legal_rep_id == "370202198811120246"
    assert await desk.another_process().authenticate(token) == principal
    assert await desk.service.logout(token)
    with pytest.raises(Unauthenticated):
        await desk.another_process().authenticate(token)
    (login,) = await rows(works, logins)
    (session,) = await rows(works, sessions)
    assert login.status == LoginState.COMPLETED
    assert (session.status, session.principal, session.upstream) == (SessionState.ENDED, None, None)
    moved = [row.event for row in await rows(works, history)]
    assert moved == [
        "identity.login_returned",
        "identity.login_completed",
        "identity.session_opened",
        "identity.session_ended",
    ]
    published = await rows(works, events)
    assert [(row.sequence, row.topic) for row in published] == list(enumerate(moved, 1))
    assert {row.reference for row in published} == {login.id}


async def test_no_row_holds_a_secret_in_the_clear(desk, works):
    state = await desk.begin()
    code = (await desk.finish(state, ticket="ST-very-secret"))["code"]
    token = (await desk.service.redeem(PORTAL, code, VERIFIER)).token
    stored = b""
    for table in (logins, tickets, subjects, sessions, history, events):
        for row in await rows(works, table):
            stored += repr(tuple(row)).encode()
            stored += b"".join(value for value in row if isinstance(value, bytes))
    secrets = [state, code, token, "ST-very-secret", ID_NUMBER, "张明轩", "upstream-token"]
    assert [secret for secret in secrets if secret.encode() in stored] == []


async def test_a_sealed_principal_does_not_open_in_another_row(desk, works):
    await desk.token()
    second = await desk.token()
    first_row, second_row = sorted(await rows(works, sessions), key=lambda row: row.created_at)
    async with works.begin() as work:
        await connection(work).execute(
            sessions.update()
            .where(sessions.c.token_hash == second_row.token_hash)
            .values(principal=first_row.principal)
        )
        await connection(work).execute(
            sessions.update()
            .where(sessions.c.token_hash == first_row.token_hash)
            .values(principal=second_row.principal)
        )
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate(second)


async def test_of_racing_browsers_one_spends_the_ticket(desk):
    states = [await desk.begin() for _ in range(6)]
    ended = await asyncio.gather(
        *(desk.finish(state, ticket="ST-1") for state in states), return_exceptions=True
    )
    assert sum(isinstance(one, dict) for one in ended) == 1
    assert sum(isinstance(one, TicketReplayed) for one in ended) == 5
    assert len(desk.provider.exchanged) == 1


async def test_of_racing_redeemers_one_gets_the_token(desk):
    code = await desk.code()
    ended = await asyncio.gather(
        *(desk.service.redeem(PORTAL, code, VERIFIER) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(one, CodeInvalid) for one in ended) == 5


async def test_racing_first_logins_make_one_subject(desk, works):
    found = await asyncio.gather(*(desk.token() for _ in range(6)))
    subs = {(await desk.service.authenticate(token)).sub for token in found}
    (row,) = await rows(works, subjects)
    assert subs == {row.sub}
    assert len(row.id_number_index) == 32


async def test_equal_id_numbers_are_found_across_accounts(desk, works):
    await desk.token()
    await desk.token(user_type=UserType.LEGAL_PERSON)
    indexes = {row.id_number_index for row in await rows(works, subjects)}
    assert len(indexes) == 1
    assert ID_NUMBER not in indexes


async def test_sweeping_empties_what_is_over_and_keeps_what_lives(desk, works):
    idle, waiting = await desk.token(), await desk.code()
    desk.later(minutes=29)
    busy = await desk.token()
    desk.later(minutes=2)
    assert await desk.service.sweep() == 2
    assert await desk.service.sweep() == 0
    emptied = [row for row in await rows(works, sessions) if row.principal is None]
    assert len(emptied) == 2
    assert all(row.upstream is None for row in emptied)
    with pytest.raises(Unauthenticated):
        await desk.service.authenticate(idle)
    with pytest.raises(CodeInvalid):
        await desk.service.redeem(PORTAL, waiting, VERIFIER)
    assert await desk.service.authenticate(busy)


async def test_sweeping_deletes_after_the_keeping(desk, works):
    await desk.token()
    desk.later(days=OPTIONS.keep_days, hours=2)
    await desk.token()
    while await desk.service.sweep():
        pass
    assert [await count(works, table) for table in (logins, sessions, tickets)] == [1, 1, 1]
    assert await count(works, subjects) == 1


async def test_a_failed_unit_leaves_the_ticket_unspent(desk, works):
    state = await desk.begin()
    desk.later(minutes=10)
    with pytest.raises(Exception, match="too old"):
        await desk.finish(state, ticket="ST-1")
    assert await count(works, tickets) == 0


async def test_a_session_needs_its_subject(desk, works):
    await desk.token()
    (row,) = await rows(works, sessions)
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        async with works.begin() as work:
            await connection(work).execute(
                insert(sessions).values(
                    {
                        **row._asdict(),
                        "id": "x",
                        "sub": "nobody",
                        "code_hash": "x",
                        "token_hash": "x",
                    }
                )
            )
