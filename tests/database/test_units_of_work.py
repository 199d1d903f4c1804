"""Units of work: what is written together, what is not, and what open_works tells."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError

from kernel.db import history
from kernel.db.base import require_one
from kernel.db.engine import Database
from kernel.db.errors import AlreadyExists, DatabaseBusy, DatabaseUnavailable
from kernel.db.events import timeline
from kernel.db.tables import numbers, tasks
from kernel.db.task_store import find
from kernel.db.work import SqlWorks, connection
from kernel.errors import StaleVersion
from kernel.ids import SequentialIds
from kernel.work import Move, Work, WorkHeldOpen, open_works, require_no_open_work

MOVE = Move("payments.pay", "pay_1", "CREATED", "PAID", "payments.paid", "case-1", "system")


class Wrong(Exception):
    pass


async def test_state_history_and_event_are_one_transaction(works: SqlWorks, frozen_clock) -> None:
    async with works.begin() as work:
        await work.moved(MOVE)
        await work.emit("cases.noted", "case-1", {"text": "补正", "count": 2, "none": None})
    async with works.read() as work:
        (change,) = await history.of_entity(work, "payments.pay", "pay_1")
        assert (change.old, change.new, change.at) == ("CREATED", "PAID", frozen_clock.at)
        assert await history.of_reference(work, "case-1") == [change]
        first, second = await timeline(work, "case-1")
    assert (first.topic, first.sequence, first.machine) == ("payments.paid", 1, "payments.pay")
    assert second.data == {"text": "补正", "count": 2, "none": None}
    assert (second.sequence, second.actor) == (2, None)


async def test_an_exception_leaves_nothing(works: SqlWorks) -> None:
    called: list[str] = []

    async def fail() -> None:
        async with works.begin() as work:
            work.after_commit(lambda: called.append("no"))
            await work.moved(MOVE)
            await work.enqueue("pay.query", "pay_1")
            raise Wrong

    with pytest.raises(Wrong):
        await fail()
    async with works.read() as work:
        assert await timeline(work, "case-1") == []
        assert await history.of_reference(work, "case-1") == []
        assert await find(work, "pay.query", "pay_1") is None
    assert called == []


async def test_an_inner_unit_joins_the_outer_one(works: SqlWorks) -> None:
    async def fail() -> None:
        async with works.begin() as outer:
            async with works.begin() as inner:
                assert inner is outer
                await inner.emit("a", "case-1", {})
            raise Wrong

    with pytest.raises(Wrong):
        await fail()
    async with works.read() as work:
        assert await timeline(work, "case-1") == []


async def test_a_failed_inner_unit_takes_only_its_own_writes(works: SqlWorks) -> None:
    async def fail() -> None:
        async with works.begin() as inner:
            await inner.emit("lost", "case-1", {})
            for _ in range(2):
                await connection(inner).execute(insert(numbers).values(name="n", value=1))

    async with works.begin() as outer:
        await outer.emit("kept", "case-1", {})
        with pytest.raises(AlreadyExists):
            await fail()
        await outer.emit("kept too", "case-1", {})
    async with works.read() as work:
        found = [(event.sequence, event.topic) for event in await timeline(work, "case-1")]
    assert found == [(1, "kept"), (2, "kept too")]


async def test_reading_inside_writing_sees_the_writes(works: SqlWorks) -> None:
    async with works.begin() as work:
        await work.emit("a", "case-1", {})
        async with works.read() as inner:
            assert len(await timeline(inner, "case-1")) == 1


async def test_writing_inside_reading_is_refused(works: SqlWorks) -> None:
    async with works.read() as work:
        with pytest.raises(RuntimeError, match="inside one that reads"):
            works.begin()
        with pytest.raises(RuntimeError, match="opened for reading"):
            await work.emit("a", "case-1", {})
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await connection(work).execute(insert(numbers).values(name="n", value=1))


async def test_open_works_counts_and_guards(works: SqlWorks) -> None:
    require_no_open_work()
    async with works.begin():
        assert open_works.get() == 1
        with pytest.raises(WorkHeldOpen):
            require_no_open_work()
        async with works.begin():
            pass
        with pytest.raises(WorkHeldOpen):
            require_no_open_work()
    require_no_open_work()
    async with works.read():
        with pytest.raises(WorkHeldOpen):
            require_no_open_work()
    with pytest.raises(Wrong):
        async with works.begin():
            raise Wrong
    require_no_open_work()


async def test_another_execution_never_joins(works: SqlWorks) -> None:
    async def other() -> None:
        async with works.read() as work:
            assert await timeline(work, "case-1") == []

    async with works.begin() as work:
        await work.emit("a", "case-1", {})
        await asyncio.create_task(other())


async def test_a_unit_ends(works: SqlWorks) -> None:
    async with works.begin() as work:
        pass
    with pytest.raises(RuntimeError, match="has ended"):
        await work.emit("a", "case-1", {})


async def test_only_our_units_have_a_connection() -> None:
    class Foreign:
        pass

    foreign: Work = Foreign()  # type: ignore[assignment]
    with pytest.raises(TypeError, match="Foreign"):
        connection(foreign)


async def test_a_task_is_written_once(works: SqlWorks) -> None:
    woken: list[str] = []
    stop = works.on_commit("task", lambda: woken.append("task"))
    async with works.begin() as work:
        assert await work.enqueue("pay.query", "pay_1", {"n": 1})
        assert not await work.enqueue("pay.query", "pay_1", {"n": 2})
        assert await work.enqueue("pay.query", "pay_2")
        assert woken == []
    assert woken == ["task"]
    async with works.begin() as work:
        await work.emit("a", "case-1", {})
    assert woken == ["task"]
    stop()
    async with works.begin() as work:
        assert await work.enqueue("pay.query", "pay_3")
    assert woken == ["task"]
    async with works.read() as work:
        rows = await connection(work).execute(select(tasks.c.payload).order_by(tasks.c.id))
        assert list(rows.scalars()) == [{"n": 1}, {}, {}]


async def test_numbers_never_repeat(works: SqlWorks) -> None:
    async def draw() -> int:
        async with works.begin() as work:
            return await work.next_number("case-20260302")

    assert sorted(await asyncio.gather(*(draw() for _ in range(30)))) == list(range(1, 31))
    async with works.begin() as work:
        assert await work.next_number("case-20260303") == 1


async def test_an_optimistic_lock_that_was_overtaken(works: SqlWorks) -> None:
    async with works.begin() as work:
        assert await work.next_number("n") == 1
        change = update(numbers).where(numbers.c.name == "n", numbers.c.value == 1).values(value=2)
        require_one(await connection(work).execute(change))
        with pytest.raises(StaleVersion):
            require_one(await connection(work).execute(change))


async def test_a_duplicate_is_told_without_its_values(works: SqlWorks) -> None:
    async def twice() -> None:
        async with works.begin() as work:
            for _ in range(2):
                row = insert(numbers).values(name="370102199001011234", value=1)
                await connection(work).execute(row)

    with pytest.raises(AlreadyExists) as caught:
        await twice()
    assert "kernel_number" in caught.value.detail
    assert "370102" not in caught.value.detail
    assert caught.value.__suppress_context__


async def test_an_own_mistake_stays_an_error(works: SqlWorks) -> None:
    with pytest.raises(DBAPIError):
        async with works.begin() as work:
            await connection(work).execute(insert(numbers).values(name="n", value=None))


async def test_waiting_for_a_lock_ends(postgresql_url: str, frozen_clock) -> None:
    database = Database(postgresql_url, pool_size=2, lock_timeout=timedelta(milliseconds=100))
    works = SqlWorks(database, frozen_clock, SequentialIds())

    async def second() -> None:
        async with works.begin() as work:
            await work.next_number("n")

    async with works.begin() as work:
        await work.next_number("n")
        with pytest.raises(DatabaseBusy):
            await asyncio.create_task(second())
    await database.dispose()


async def test_an_empty_pool_is_busy(database_url: str, frozen_clock) -> None:
    wait = timedelta(milliseconds=100)
    database = Database(database_url, pool_size=1, pool_timeout=wait)
    works = SqlWorks(database, frozen_clock, SequentialIds())

    async def second() -> None:
        async with works.begin():
            pass

    async with works.begin():
        with pytest.raises(DatabaseBusy):
            await asyncio.create_task(second())
    await database.dispose()


async def test_no_database_is_unavailable(frozen_clock) -> None:
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        async with SqlWorks(database, frozen_clock, SequentialIds()).begin():
            pass
    with pytest.raises(OSError):
        await database.ping()
    assert "nobody" in repr(database)
    await database.dispose()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite:///x.db", "postgresql://x/y"])
def test_databases_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Database(url)


async def test_settings_of_the_connections(database: Database) -> None:
    await database.ping()
    queries: dict[str, dict[str, object]] = {
        "sqlite": {"PRAGMA foreign_keys": 1, "PRAGMA journal_mode": "wal"},
        "postgresql": {"SHOW application_name": "onewindow", "SHOW lock_timeout": "5s"},
    }
    async with database.write.begin() as conn:
        for query, wanted in queries[database.dialect].items():
            assert (await conn.execute(text(query))).scalar_one() == wanted


async def test_times_are_aware_and_sort(works: SqlWorks) -> None:
    beijing = timezone(timedelta(hours=8))
    moments = [
        datetime(2026, 3, 2, 7, 59, 59, 999999, tzinfo=beijing),
        datetime(2026, 3, 2, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 2, 0, 0, 0, 1, tzinfo=UTC),
    ]
    async with works.begin() as work:
        for place, moment in enumerate(reversed(moments)):
            await work.enqueue("k", str(place), due=moment)
        with pytest.raises(StatementError, match="without a time zone"):
            await work.enqueue("k", "naive", due=datetime(2026, 3, 2))  # noqa: DTZ001
        rows = await connection(work).execute(select(tasks.c.due).order_by(tasks.c.due))
        found = list(rows.scalars())
    assert found == moments
    assert {moment.tzinfo for moment in found} == {UTC}


async def test_a_cancelled_unit_rolls_back_and_gives_its_connection_back(works: SqlWorks) -> None:
    entered = asyncio.Event()

    async def stuck() -> None:
        async with works.begin() as work:
            await work.emit("a", "case-1", {})
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(stuck())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with works.begin() as work:
        assert await timeline(work, "case-1") == []


async def test_an_inner_unit_of_a_whole_one_needs_no_savepoint(works: SqlWorks) -> None:
    async with works.begin(whole=True) as outer, works.begin() as inner:
        assert inner is outer
        await inner.emit("topic", "case-1", {})
    async with works.read() as work:
        assert len(await timeline(work, "case-1")) == 1


async def test_a_whole_unit_is_not_committed_after_an_inner_failure(works: SqlWorks) -> None:
    async def act() -> None:
        async with works.begin(whole=True) as outer:
            await outer.emit("topic", "case-1", {})
            with contextlib.suppress(ValueError):
                async with works.begin():
                    raise ValueError("inner")

    with pytest.raises(RuntimeError, match="cannot be committed"):
        await act()
    async with works.read() as work:
        assert await timeline(work, "case-1") == []
