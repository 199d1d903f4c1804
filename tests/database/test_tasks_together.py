"""Tasks whose step is done for many in one unit: all of it or nothing, and the rest one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import update

from kernel.db import counters
from kernel.db import task_store as store
from kernel.db.tables import tasks
from kernel.db.task_kinds import TaskRegistry
from kernel.db.task_run import LeaseLost, Run
from kernel.db.work import SqlWork, SqlWorks
from kernel.errors import UpstreamUnavailable
from tests.support.task_bench import LEASE, Bench, effect, fail


async def even(work: SqlWork, runs: Sequence[Run]) -> Sequence[Run]:
    """Do those with an even key."""
    mine = [run for run in runs if int(run.key) % 2 == 0]
    for run in mine:
        await counters.add(work, f"{run.key}.together")
    return mine


async def test_what_is_left_is_done_alone(works: SqlWorks) -> None:
    bench = Bench(works, effect, together=even)
    await bench.enqueue("0", "1", "2", "3")
    assert await bench.engine.run_once() == 4
    assert await bench.counted() == {"0.together": 1, "2.together": 1, "1.0": 1, "3.0": 1}
    for key in "0123":
        task = await bench.task(key)
        assert (task.state, task.step, task.owner) == ("DONE", 1, None)
        assert task.finished_at is not None
    assert bench.outcomes == ["done"] * 4
    assert await bench.engine.run_once() == 0


async def test_a_unit_takes_no_more_than_it_may(works: SqlWorks) -> None:
    bench = Bench(works, fail, together=even, most=2)
    await bench.enqueue("0", "2", "4")
    assert [await bench.engine.run_once() for _ in range(2)] == [2, 1]
    assert (await bench.task("0")).state == (await bench.task("2")).state == "DONE"


async def test_one_alone_needs_no_unit_of_many(works: SqlWorks) -> None:
    bench = Bench(works, effect, together=even)
    await bench.enqueue("0")
    await bench.engine.run_once()
    assert await bench.counted() == {"0.0": 1}


async def test_a_spoilt_unit_writes_nothing_and_each_is_tried_alone(works: SqlWorks) -> None:
    async def spoilt(work: SqlWork, runs: Sequence[Run]) -> Sequence[Run]:
        await even(work, runs)
        raise UpstreamUnavailable("never asked here")

    bench = Bench(works, effect, together=spoilt)
    await bench.enqueue("0", "1", "2")
    await bench.engine.run_once()
    assert await bench.counted() == {"0.0": 1, "1.0": 1, "2.0": 1}
    assert bench.outcomes == ["done"] * 3


async def test_a_failed_one_does_not_hold_up_the_others_again(
    works: SqlWorks, frozen_clock
) -> None:
    bench = Bench(works, fail, together=even)
    await bench.enqueue("0", "1")
    await bench.engine.run_once()
    assert sorted(bench.outcomes) == ["done", "retried"]
    frozen_clock.advance(LEASE)
    await bench.enqueue("2")
    # The one that failed before is tried by itself, as it would be without the others.
    await bench.engine.run_once()
    assert sorted(bench.outcomes) == ["done", "done", "retried", "retried"]


async def finish(works: SqlWorks, taken: Sequence[store.Taken], now: datetime) -> None:
    async with works.begin() as work:
        if not await store.finish_many(work, taken, now):
            raise LeaseLost


async def test_a_lost_lease_ends_nothing(works: SqlWorks, frozen_clock) -> None:
    bench = Bench(works, effect)
    await bench.enqueue("0", "1")
    now = frozen_clock.at
    async with works.begin() as work:
        taken = await store.take(work, ["job"], owner="me", now=now, lease=LEASE, limit=5)
    async with works.begin() as work:
        thief = update(tasks).where(tasks.c.key == "1").values(owner="thief")
        await work.connection.execute(thief)
    mine = [one for one in taken if one.key == "0"]
    for lost in (taken, [replace(mine[0], step=1)]):
        with pytest.raises(LeaseLost):
            await finish(works, lost, now)
    assert (await bench.task("0")).state == "READY"
    await finish(works, mine, now)


def test_only_a_single_step_can_be_done_together() -> None:
    with pytest.raises(ValueError, match="single step"):
        TaskRegistry().register("job", [effect, effect], together=even)
    with pytest.raises(ValueError, match="single step"):
        TaskRegistry().register("job", [effect], together=even, most=0)
