"""The task engine's workers: leases, waking, stopping, ticks and figures, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from kernel.clock import FrozenClock, SystemClock
from kernel.db import task_store as store
from kernel.db.engine import Database
from kernel.db.errors import DatabaseUnavailable
from kernel.db.task_kinds import Backoff, TaskRegistry
from kernel.db.task_run import LeaseLost, Run, Step
from kernel.db.work import SqlWorks
from kernel.errors import UpstreamUnavailable
from kernel.ids import RandomIds
from tests.support.task_bench import LEASE, Bench, effect, fail, nothing


async def test_nobody_waits_for_a_task_that_is_being_taken(postgresql_url, frozen_clock) -> None:
    database = Database(postgresql_url, pool_size=4, lock_timeout=timedelta(milliseconds=500))
    works = SqlWorks(database, frozen_clock, RandomIds(frozen_clock))
    await Bench(works, nothing).enqueue("a", "b")

    async def take(owner: str) -> list[str]:
        async with works.begin() as work:
            found = await store.take(
                work, ["job"], owner=owner, now=frozen_clock.at, lease=LEASE, limit=1
            )
            if owner == "one":
                second = await asyncio.create_task(take("two"))
                return [taken.key for taken in found] + second
            return [taken.key for taken in found]

    assert sorted(await take("one")) == ["a", "b"]
    await database.dispose()


async def test_a_lost_lease_rolls_the_checkpoint_back(works: SqlWorks, frozen_clock) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()
    slow = [True]

    async def step(run: Run) -> None:
        if slow:
            slow.clear()
            inside.set()
            await go_on.wait()
        await effect(run)

    bench = Bench(works, step, effect)
    await bench.enqueue("a")
    first = asyncio.create_task(bench.engine.run_once())
    await inside.wait()
    frozen_clock.advance(LEASE)
    await bench.another().run_once()
    go_on.set()
    await first
    assert bench.outcomes == ["done", "lost"]
    assert await bench.counted() == {"a.0": 1, "a.1": 1}
    assert (await bench.task()).attempts == 1


async def test_a_lost_lease_is_not_given_back_nor_saved(works: SqlWorks, frozen_clock) -> None:
    bench = Bench(works, nothing)
    await bench.enqueue("a")
    takes = []
    for owner in ("one", "two"):
        async with works.begin() as work:
            (taken,) = await store.take(
                work, ["job"], owner=owner, now=frozen_clock.at, lease=LEASE, limit=9
            )
        takes.append(Run(taken, works, 1, LEASE))
        frozen_clock.advance(LEASE)
    with pytest.raises(LeaseLost):
        await takes[0].save({})
    async with works.begin() as work:
        old = takes[0]._taken
        now = frozen_clock.at
        assert not await store.give_back(work, old, 0, now)
        assert not await store.retry(work, old, 0, due=now, code="c", detail="d")
        assert not await store.bury(work, old, 0, now=now, code="c", detail="d")
        held = {(old.id, "one"), (old.id, "two")}
        assert await store.renew(work, held, now + LEASE) == {(old.id, "two")}
    task = await bench.task()
    assert (task.owner, task.due, task.attempts) == ("two", frozen_clock.at + LEASE, 2)


async def test_a_task_that_kills_its_workers_is_buried(works, frozen_clock) -> None:
    bench = Bench(works, effect, max_attempts=2)
    await bench.enqueue("a")
    for owner in ("one", "two"):
        async with works.begin() as work:
            await store.take(work, ["job"], owner=owner, now=frozen_clock.at, lease=LEASE, limit=9)
        assert await bench.engine.run_once() == 0
        frozen_clock.advance(LEASE)
    await bench.engine.run_once()
    task = await bench.task()
    assert (task.state, task.error_code) == ("DEAD", "lease_expired")
    assert await bench.counted() == {}


async def test_a_step_that_no_longer_exists(works: SqlWorks, frozen_clock) -> None:
    old = Bench(works, nothing, nothing, fail)
    await old.enqueue("a")
    await old.engine.run_once()
    frozen_clock.advance(timedelta(minutes=1))
    new = Bench(works, nothing)
    await new.engine.run_once()
    assert (await new.task()).error_code == "unknown_step"


async def test_a_long_step_keeps_its_lease(database: Database) -> None:
    clock = SystemClock()
    works = SqlWorks(database, clock, RandomIds(clock))

    async def long(run: Run) -> None:
        await asyncio.sleep(1.2)

    bench = Bench(works, long, lease=timedelta(seconds=0.6))
    await bench.enqueue("a")
    first = asyncio.create_task(bench.engine.run_once())
    await asyncio.sleep(0.9)
    assert await bench.another().run_once() == 0
    await first
    assert bench.outcomes == ["done"]
    assert (await bench.task()).attempts == 1


async def test_a_step_is_stopped_when_its_lease_is_gone(works: SqlWorks, frozen_clock) -> None:
    inside = asyncio.Event()

    async def endless(run: Run) -> None:
        inside.set()
        await asyncio.sleep(60)

    bench = Bench(works, endless, lease=timedelta(seconds=0.3))
    await bench.enqueue("a")
    first = asyncio.create_task(bench.engine.run_once())
    await inside.wait()
    frozen_clock.advance(timedelta(seconds=0.3))
    async with works.begin() as work:
        await store.take(work, ["job"], owner="x", now=frozen_clock.at, lease=LEASE, limit=1)
    await asyncio.wait_for(first, 5)
    assert bench.outcomes == ["lost"]
    assert (await bench.task()).owner == "x"


async def test_many_workers_share_many_tasks(works: SqlWorks) -> None:
    bench = Bench(works, effect, effect)
    keys = [f"k{number}" for number in range(60)]
    await bench.enqueue(*keys)
    engines = [bench.another() for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(*(engine.run_once() for engine in engines))
    assert await bench.counted() == {f"{key}.{step}": 1 for key in keys for step in (0, 1)}


async def test_a_worker_wakes_up_works_and_stops(works: SqlWorks) -> None:
    bench = Bench(works, effect, poll=60)  # only the wake-up can be quick
    stop = asyncio.Event()
    worker = asyncio.create_task(bench.engine.run_forever(stop))
    await asyncio.sleep(0.1)
    await bench.enqueue("a")
    await bench.finished()
    stop.set()
    await asyncio.wait_for(worker, 5)


async def test_a_commit_of_another_process_wakes_a_worker(postgresql_url, frozen_clock) -> None:
    ours, theirs = (Database(postgresql_url, pool_size=4) for _ in range(2))
    bench = Bench(SqlWorks(ours, frozen_clock, RandomIds(frozen_clock)), effect, poll=60)
    stop = asyncio.Event()
    worker = asyncio.create_task(bench.engine.run_forever(stop))
    await asyncio.sleep(0.3)
    async with SqlWorks(theirs, frozen_clock, RandomIds(frozen_clock)).begin() as work:
        await work.enqueue("job", "a")
    await bench.finished()
    stop.set()
    await asyncio.wait_for(worker, 5)
    await ours.dispose()
    await theirs.dispose()


async def test_stopping_gives_unfinished_tasks_back(works: SqlWorks, frozen_clock) -> None:
    inside = asyncio.Event()
    stop = asyncio.Event()

    async def endless(run: Run) -> None:
        inside.set()
        await asyncio.sleep(60)

    async def ends_the_worker(run: Run) -> None:
        if run.key == "between":
            stop.set()
            await asyncio.sleep(0.05)
        else:
            await endless(run)

    bench = Bench(works, ends_the_worker, endless)
    await bench.enqueue("a", "between")
    await asyncio.wait_for(bench.engine.run_forever(stop), 5)
    for key, step in (("a", 0), ("between", 1)):
        task = await bench.task(key)
        assert (task.state, task.step, task.owner, task.attempts) == ("READY", step, None, 0)
        assert task.due == frozen_clock.at
    assert bench.outcomes == ["released", "released"]


async def test_a_worker_outlives_its_database(database: Database, frozen_clock) -> None:
    failing = [True, True]
    back = asyncio.Event()

    class AwayAtFirst(SqlWorks):
        def begin(self, *, whole: bool = False):
            if failing:
                failing.pop()
                raise DatabaseUnavailable
            back.set()
            return super().begin(whole=whole)

    works = AwayAtFirst(database, frozen_clock, RandomIds(frozen_clock))
    bench = Bench(works, effect)
    bench.registry.every("tick", timedelta(days=1), [nothing])
    stop = asyncio.Event()
    worker = asyncio.create_task(bench.engine.run_forever(stop))
    await asyncio.wait_for(back.wait(), 8)
    await bench.enqueue("a")
    await bench.finished()
    stop.set()
    await asyncio.wait_for(worker, 5)


async def test_a_tick_is_worked_on_once_across_workers(works, frozen_clock: FrozenClock) -> None:
    ran: list[str] = []

    async def step(run: Run) -> None:
        ran.append(run.key)

    bench = Bench(works)
    bench.registry.every("nightly", timedelta(days=1), [step], offset=timedelta(hours=2))
    engines = [bench.engine, bench.another()]

    async def both() -> None:
        await asyncio.gather(*(engine.run_once() for engine in engines))
        await asyncio.gather(*(engine.run_once() for engine in engines))

    await both()
    assert ran == ["2026-03-02T02:00:00+08:00"]
    frozen_clock.at = datetime(2026, 3, 2, 17, 59, 59, tzinfo=UTC)
    await both()
    assert len(ran) == 1
    frozen_clock.advance(timedelta(seconds=1))
    await both()
    assert ran[1:] == ["2026-03-03T02:00:00+08:00"]
    frozen_clock.advance(timedelta(days=3))  # nobody was there for two of them
    await both()
    assert ran[2:] == ["2026-03-06T02:00:00+08:00"]


async def test_figures_and_retention(works: SqlWorks, frozen_clock) -> None:
    bench = Bench(works, nothing)
    await bench.enqueue("done")
    await bench.engine.run_once()
    await bench.enqueue("old")
    frozen_clock.advance(timedelta(seconds=90))
    await bench.enqueue("new", "later", due=frozen_clock.at + timedelta(seconds=1))
    figures = (await bench.engine.stats())["job"]
    assert (figures.ready, figures.dead, figures.attempts) == (3, 0, 0)
    assert figures.oldest_due == timedelta(seconds=90)
    async with works.begin() as work:
        before = frozen_clock.at - timedelta(seconds=90)
        assert await store.purge(work, before) == 0
        assert await store.purge(work, before + timedelta(seconds=1)) == 1
        assert await store.find(work, "job", "done") is None


def test_kinds_are_registered_once_and_with_steps() -> None:
    registry = TaskRegistry()
    registry.register("a", [nothing])
    wrong: Sequence[tuple[str, list[Step], int]] = [
        ("a", [nothing], 1),
        ("b", [], 1),
        ("b", [nothing], 0),
    ]
    for kind, steps, attempts in wrong:
        with pytest.raises(ValueError):
            registry.register(kind, steps, max_attempts=attempts)
    with pytest.raises(ValueError):
        registry.every("c", timedelta(), [nothing])
    assert set(registry.kinds) == {"a"}


def test_waiting_times() -> None:
    backoff = Backoff(timedelta(seconds=2), timedelta(minutes=10))
    waits = [backoff.delay(attempt, 1.0).total_seconds() for attempt in (1, 2, 3, 9, 10, 10_000)]
    assert waits == [2, 4, 8, 512, 600, 600]
    assert backoff.delay(5, 0.0) == timedelta()


async def test_an_error_after_the_last_checkpoint_changes_nothing(works: SqlWorks) -> None:
    async def step(run: Run) -> None:
        await effect(run)
        raise UpstreamUnavailable

    bench = Bench(works, step)
    await bench.enqueue("a")
    await bench.engine.run_once()
    assert bench.outcomes == ["done"]
    task = await bench.task()
    assert (task.state, task.error_code) == ("DONE", None)
