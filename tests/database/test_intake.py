"""Pushes are stored in groups: each once, each waited for, and a failure is everybody's."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from gateway.worker.intake import MOST_AT_ONCE, Intake
from kernel.db import inbox
from kernel.db import tables as t
from kernel.db.errors import DatabaseUnavailable
from kernel.db.inbox import Arrival
from kernel.db.work import SqlWorks, connection

KIND = "test.push"


def arrival(number: int) -> Arrival:
    return Arrival("source", f"m{number:04}", "5996", b"raw", {}, {"n": number})


async def rows(works: SqlWorks) -> dict[str, int]:
    async with works.read() as work:
        found = await connection(work).execute(select(t.inbox.c.message_id, t.inbox.c.id))
        return {row.message_id: row.id for row in found}


async def tasks(works: SqlWorks) -> dict[str, int]:
    async with works.read() as work:
        found = await connection(work).execute(select(t.tasks.c.key, t.tasks.c.payload))
        return {row.key.removeprefix("source:"): row.payload["inbox_id"] for row in found}


async def test_what_comes_at_once_is_stored_once_each(works: SqlWorks):
    one, other = Intake(works, KIND), Intake(works, KIND)
    many = [arrival(n % 150) for n in range(4 * MOST_AT_ONCE)]
    await asyncio.gather(
        *(one.store(each) for each in many), *(other.store(each) for each in reversed(many))
    )
    stored = await rows(works)
    assert sorted(stored) == [f"m{n:04}" for n in range(150)]
    assert await tasks(works) == stored


async def test_a_message_that_is_there_gets_no_second_task(works: SqlWorks):
    async with works.begin() as work:
        assert await inbox.add_many(work, [arrival(1), arrival(1), arrival(2)], KIND) == 2
    async with works.begin() as work:
        assert await inbox.add_many(work, [arrival(2), arrival(3)], KIND) == 1
    async with works.begin() as work:
        assert await inbox.add_many(work, [], KIND) == 0
    assert await tasks(works) == await rows(works)


async def test_nobody_is_told_that_it_is_stored_when_it_is_not(works: SqlWorks):
    class Away(SqlWorks):
        def begin(self, **_more: bool):
            raise DatabaseUnavailable

    intake = Intake(Away(works.database, works.clock, works.ids), KIND)
    for _ in range(2):
        told = await asyncio.gather(
            *(intake.store(arrival(n)) for n in range(3)), return_exceptions=True
        )
        assert [type(one) for one in told] == [DatabaseUnavailable] * 3
    assert await rows(works) == {}


async def test_who_gives_up_does_not_stop_the_others(works: SqlWorks):
    intake = Intake(works, KIND)
    first, second = (asyncio.create_task(intake.store(arrival(n))) for n in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    await intake.store(arrival(3))
    assert "m0003" in await rows(works)
