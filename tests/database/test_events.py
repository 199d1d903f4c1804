"""Outgoing events: dense per reference, gapless for readers that follow the cursor."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from kernel.db.engine import Database
from kernel.db.events import EventLog, timeline
from kernel.db.tables import events
from kernel.db.work import SqlWorks, connection
from kernel.ids import SequentialIds
from kernel.work import Json, Move


async def test_the_sequence_is_dense_under_fifty_writers(works: SqlWorks) -> None:
    async def write(number: int) -> None:
        try:
            async with works.begin() as work:
                await work.emit("noted", f"case-{number % 2}", {"number": number})
                if number % 5 == 0:
                    raise KeyError(number)
        except KeyError:
            pass

    await asyncio.gather(*(write(number) for number in range(50)))
    async with works.read() as work:
        for reference in ("case-0", "case-1"):
            found = await timeline(work, reference)
            assert [event.sequence for event in found] == list(range(1, 21))


async def test_the_order_of_a_reference_is_the_order_of_commits(postgresql_url, frozen_clock):
    database = Database(postgresql_url, pool_size=4)
    works = SqlWorks(database, frozen_clock, SequentialIds())
    wrote, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with works.begin() as work:
            await work.emit("first", "case-1", {})
            wrote.set()
            await go_on.wait()

    async def second() -> None:
        await wrote.wait()
        async with works.begin() as work:
            await work.emit("second", "case-1", {})

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    await asyncio.wait(tasks, timeout=0.3)
    assert not tasks[1].done()  # it waits for the counter of the first
    go_on.set()
    await asyncio.gather(*tasks)
    found = await EventLog(works).read_after(0)
    assert [(event.sequence, event.topic) for event in found] == [(1, "first"), (2, "second")]
    await database.dispose()


async def test_a_reader_never_passes_a_late_commit(postgresql_url: str, frozen_clock) -> None:
    database = Database(postgresql_url, pool_size=4)
    works = SqlWorks(database, frozen_clock, SequentialIds())
    log = EventLog(works)
    wrote, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with works.begin() as work:
            await work.emit("slow", "case-slow", {})
            wrote.set()
            await go_on.wait()

    late = asyncio.create_task(slow())
    await wrote.wait()
    async with works.begin() as work:
        await work.emit("quick", "case-quick", {})
    seen = list(await log.read_after(0))
    assert [event.topic for event in seen] == ["quick"]
    go_on.set()
    await late
    seen += await log.read_after(seen[-1].position or 0)
    assert [event.topic for event in seen] == ["quick", "slow"]
    async with works.read() as work:
        ids = select(events.c.topic).order_by(events.c.id)
        by_id = list((await connection(work).execute(ids)).scalars())
    assert by_id == ["slow", "quick"]  # a reader that follows ids would have missed one
    await database.dispose()


async def test_two_sealers_and_a_late_commit(postgresql_url: str, frozen_clock) -> None:
    database = Database(postgresql_url, pool_size=4)
    works = SqlWorks(database, frozen_clock, SequentialIds())
    log = EventLog(works)
    wrote, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with works.begin() as work:
            await work.emit("slow", "case-slow", {})
            wrote.set()
            await go_on.wait()

    late = asyncio.create_task(slow())
    await wrote.wait()
    async with works.begin() as work:
        await work.emit("quick", "case-quick", {})
    async with works.begin():
        assert await log.seal() == 1  # not committed yet
        go_on.set()
        await late
        other = asyncio.create_task(log.seal())
        await asyncio.wait([other], timeout=0.3)
        assert not other.done()
    assert await other == 1
    found = await log.read_after(0)
    assert [(event.position, event.topic) for event in found] == [(1, "quick"), (2, "slow")]
    await database.dispose()


async def test_followers_beside_writers_see_everything_once(works: SqlWorks) -> None:
    log = EventLog(works)
    total = 60
    done = asyncio.Event()

    async def write(number: int) -> None:
        async with works.begin() as work:
            await work.emit("noted", f"case-{number}", {"number": number})
            await asyncio.sleep(0.001 * (number % 7))

    async def follow() -> list[Json]:
        position = 0
        seen: list[Json] = []
        while True:
            last_look = done.is_set()
            found = await log.read_after(position, limit=7)
            for event in found:
                assert event.position == position + 1
                position = event.position
                seen.append(event.data["number"])
            if last_look and not found:
                return seen

    followers = [asyncio.create_task(follow()) for _ in range(3)]
    await asyncio.gather(*(write(number) for number in range(total)))
    done.set()
    first, second, third = await asyncio.gather(*followers)
    assert first == second == third
    assert sorted(first, key=str) == sorted(range(total), key=str)


async def test_reading_one_reference_behind_a_position(works: SqlWorks) -> None:
    log = EventLog(works)
    assert await log.read_after(0) == []
    assert await log.last_position() == 0
    for number in range(6):
        async with works.begin() as work:
            await work.emit("noted", f"case-{number % 2}", {"number": number})
    found = await log.read_after(2, references=["case-1"], limit=1)
    assert [(event.position, event.data) for event in found] == [(4, {"number": 3})]
    assert await log.last_position() == 6
    async with works.read() as work:
        tail = await timeline(work, "case-1", after=1, limit=1)
        assert [event.sequence for event in tail] == [2]


async def test_sealing_in_portions(works: SqlWorks) -> None:
    log = EventLog(works)
    async with works.begin() as work:
        for number in range(5):
            await work.emit("noted", "case-1", {"number": number})
    assert [await log.seal(2) for _ in range(4)] == [2, 2, 1, 0]
    found = await log.read_after(0)
    assert [event.position for event in found] == [1, 2, 3, 4, 5]
    assert [event.data["number"] for event in found] == [0, 1, 2, 3, 4]


async def test_reading_inside_a_unit_that_reads_cannot_seal(works: SqlWorks) -> None:
    async with works.begin() as work:
        await work.moved(Move("m", "e", None, "A", "m.a", "case-1", "system"))
    async with works.read() as work:
        with pytest.raises(RuntimeError, match="inside one that reads"):
            await EventLog(works).read_after(0)
        unsealed = select(func.count()).where(events.c.position.is_(None))
        assert (await connection(work).execute(unsealed)).scalar_one() == 1
