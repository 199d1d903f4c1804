"""The task engine: checkpoints, retries, snoozing and replay, on both databases."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from kernel.db import counters
from kernel.db import task_store as store
from kernel.db.task_kinds import Backoff
from kernel.db.task_run import Abandon, Run, Snooze
from kernel.db.work import SqlWorks
from kernel.errors import UpstreamUnavailable
from tests.support.task_bench import LEASE, Bench, effect, nothing


async def test_steps_run_in_order_and_only_once(works: SqlWorks, frozen_clock) -> None:
    bench = Bench(works, effect, nothing, effect)
    await bench.enqueue("a", "b")
    assert await bench.engine.run_once() == 2
    assert await bench.engine.run_once() == 0
    task = await bench.task()
    assert (task.state, task.step, task.owner) == ("DONE", 3, None)
    assert task.finished_at == frozen_clock.at
    assert await bench.counted() == {"a.0": 1, "a.2": 1, "b.0": 1, "b.2": 1}
    assert bench.outcomes == ["done", "done"]


async def test_a_task_is_not_taken_before_it_is_due(works: SqlWorks, frozen_clock) -> None:
    bench = Bench(works, nothing)
    await bench.enqueue("a", due=frozen_clock.at + timedelta(seconds=5))
    assert await bench.engine.run_once() == 0
    frozen_clock.advance(timedelta(seconds=5))
    assert await bench.engine.run_once() == 1


async def test_kinds_that_are_not_registered_are_left_alone(works: SqlWorks) -> None:
    bench = Bench(works, nothing)
    async with works.begin() as work:
        await work.enqueue("newer", "a")
    assert await bench.engine.run_once() == 0


async def test_a_failed_checkpoint_writes_nothing(works: SqlWorks) -> None:
    async def broken(run: Run) -> None:
        async with run.checkpoint() as work:
            await counters.add(work, "written")
            raise ZeroDivisionError("370102199001011234")

    bench = Bench(works, broken)
    await bench.enqueue("a")
    await bench.engine.run_once()
    task = await bench.task()
    assert (task.state, task.step, task.attempts) == ("READY", 0, 1)
    assert task.error_code == "unexpected_error"
    assert (task.error_detail or "").startswith("ZeroDivisionError at test_tasks.py:")
    assert await bench.counted() == {}


async def test_back_off_dead_and_replay(works: SqlWorks, frozen_clock) -> None:
    backoff = Backoff(timedelta(seconds=40), timedelta(seconds=60))
    healed: list[bool] = []

    async def second(run: Run) -> None:
        if not healed:
            raise UpstreamUnavailable("not reached", retry_after=25)
        await effect(run)

    bench = Bench(works, effect, second, max_attempts=3, backoff=backoff)
    await bench.enqueue("a")
    for wait in (25, 30):  # 40/2 is less than what the upstream asked for; 80 is capped at 60
        await bench.engine.run_once()
        task = await bench.task()
        assert task.due - frozen_clock.at == timedelta(seconds=wait)
        assert (task.error_code, task.error_detail) == ("upstream_unavailable", "not reached")
        frozen_clock.advance(timedelta(seconds=wait))
    await bench.engine.run_once()
    task = await bench.task()
    assert (task.state, task.step, task.attempts) == ("DEAD", 1, 3)
    assert bench.outcomes == ["retried", "retried", "dead"]
    stats = await bench.engine.stats()
    assert (stats["job"].ready, stats["job"].dead) == (0, 1)
    async with works.read() as work:
        assert await store.dead(work) == [task]
        assert await store.dead(work, after=task.id) == []

    healed.append(True)
    assert not await bench.engine.replay("job", "other")
    assert await bench.engine.replay("job", "a")
    assert not await bench.engine.replay("job", "a")
    await bench.engine.run_once()
    task = await bench.task()
    assert (task.state, task.error_code) == ("DONE", None)
    assert await bench.counted() == {"a.0": 1, "a.1": 1}


async def test_progress_starts_the_count_of_attempts_again(works, frozen_clock) -> None:
    calls = count(1)

    async def every_second_call(run: Run) -> None:
        assert run.attempt in {1, 2}
        if next(calls) % 2:
            raise UpstreamUnavailable

    bench = Bench(works, every_second_call, every_second_call, max_attempts=2)
    await bench.enqueue("a")
    for _ in range(3):
        await bench.engine.run_once()
        frozen_clock.advance(timedelta(minutes=1))
    assert (await bench.task()).state == "DONE"


async def test_abandoning(works: SqlWorks) -> None:
    async def hopeless(run: Run) -> None:
        raise Abandon("bill_unknown", "x" * 600)

    bench = Bench(works, hopeless)
    await bench.enqueue("a")
    await bench.engine.run_once()
    task = await bench.task()
    assert (task.state, task.error_code) == ("DEAD", "bill_unknown")
    assert task.error_detail == "x" * 500


async def test_snoozing_is_no_attempt(works: SqlWorks, frozen_clock) -> None:
    until = frozen_clock.at + timedelta(hours=1)
    naps: list[Snooze] = [Snooze(timedelta(seconds=5)), Snooze(until=until)]

    async def poll(run: Run) -> None:
        assert run.attempt == 1
        if naps:
            async with run.checkpoint() as work:
                await counters.add(work, "lost")
                raise naps.pop(0)

    bench = Bench(works, poll, max_attempts=1)
    await bench.enqueue("a")
    await bench.engine.run_once()
    assert (await bench.task()).due == frozen_clock.at + timedelta(seconds=5)
    frozen_clock.advance(timedelta(seconds=5))
    await bench.engine.run_once()
    assert (await bench.task()).due == until
    frozen_clock.advance(timedelta(hours=1))
    await bench.engine.run_once()
    assert bench.outcomes == ["snoozed", "snoozed", "done"]
    assert await bench.counted() == {}
    for wrong in ({}, {"delay": LEASE, "until": until}):
        with pytest.raises(ValueError):
            Snooze(**wrong)


async def test_the_key_and_the_payload_of_a_step_survive_a_retry(works, frozen_clock) -> None:
    seen: list[tuple[int, str, object]] = []

    async def step(run: Run) -> None:
        seen.append((run.step, run.idempotency_key, dict(run.payload)))
        if len(seen) == 1:
            await run.save({"n": 2, "upstream_id": "u1"})
            raise UpstreamUnavailable

    bench = Bench(works, step, step)
    await bench.enqueue("a")
    await bench.engine.run_once()
    frozen_clock.advance(timedelta(minutes=1))
    await bench.engine.run_once()
    (_, first, old), (_, again, new), (_, other, last) = seen
    assert first == again != other
    assert len(first) == 32
    assert (old, new, last) == ({"n": 1}, {"n": 2, "upstream_id": "u1"}, new)


async def test_a_step_has_one_checkpoint_and_none_inside_a_unit(works: SqlWorks) -> None:
    told: list[str] = []

    async def step(run: Run) -> None:
        async with run.works.begin():
            try:
                async with run.checkpoint():
                    raise AssertionError
            except RuntimeError as exc:
                told.append(type(exc).__name__)

    bench = Bench(works, step)
    await bench.enqueue("a")
    await bench.engine.run_once()
    assert told == ["WorkHeldOpen"]
    assert (await bench.task()).state == "DONE"


async def test_a_second_checkpoint_does_not_skip_the_next_step(works: SqlWorks) -> None:
    keys: list[str] = []

    async def greedy(run: Run) -> None:
        keys.append(run.idempotency_key)
        await effect(run)
        keys.append(run.idempotency_key)
        await effect(run)

    bench = Bench(works, greedy, effect, max_attempts=1)
    await bench.enqueue("a")
    await bench.engine.run_once()
    task = await bench.task()
    assert (task.state, task.step, task.error_code) == ("DEAD", 1, "unexpected_error")
    assert await bench.counted() == {"a.0": 1}
    assert keys[0] == keys[1]


async def test_a_step_is_passed_once(works: SqlWorks, frozen_clock) -> None:
    bench = Bench(works, nothing, nothing)
    await bench.enqueue("a")
    now = frozen_clock.at
    async with works.begin() as work:
        (taken,) = await store.take(work, ["job"], owner="x", now=now, lease=LEASE, limit=1)
        passed = [
            await store.advance(work, taken, 0, last=False, now=now, lease=LEASE) for _ in range(2)
        ]
    assert passed == [True, False]
