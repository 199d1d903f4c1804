"""Takes due tasks by lease, runs their steps, and decides what becomes of them (任务引擎)."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from kernel.db import task_store as store
from kernel.db.task_kinds import Kind, TaskRegistry
from kernel.db.task_run import Abandon, LeaseLost, Run, Snooze
from kernel.db.task_store import KindStats, Taken
from kernel.db.wake import listening
from kernel.db.work import SqlWorks
from kernel.errors import Failure
from kernel.work import require_no_open_work

_log = logging.getLogger(__name__)

Outcome = Literal["done", "released", "snoozed", "retried", "dead", "lost"]
Observer = Callable[[str, Outcome, float], None]
"""Told the kind, what became of the run, and the seconds that it took."""


def unobserved(_kind: str, _outcome: Outcome, _seconds: float) -> None:
    """Watch nothing."""


class TaskEngine:
    """One worker. Any number of them, in any number of processes, may share a database.

    A task is taken for ``lease``, which is renewed while its step runs; when the worker dies,
    others take the task once the lease has run out, at the step that was not committed. ``chance``
    draws numbers from 0 to 1 for the waiting times. Clocks of the machines must agree to well
    within ``lease``.
    """

    def __init__(
        self,
        works: SqlWorks,
        registry: TaskRegistry,
        *,
        chance: Callable[[], float],
        concurrency: int = 8,
        lease: timedelta = timedelta(seconds=30),
        poll: timedelta = timedelta(milliseconds=200),
        grace: timedelta = timedelta(seconds=20),
        observe: Observer = unobserved,
    ) -> None:
        self._works = works
        self._registry = registry
        self._chance = chance
        self._concurrency = concurrency
        self._lease = lease
        self._poll = poll
        self._grace = grace
        self._observe = observe
        self._worker = works.ids.new("wrk")
        self._takes = 0
        self._ticks: dict[str, datetime] = {}
        self._running: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._lost: set[str] = set()
        self._stopping = False
        self._wake = asyncio.Event()

    async def run_once(self) -> int:
        """Take what is due, up to ``concurrency``, and run it; return how many were taken."""
        require_no_open_work()
        async with self._heartbeat():
            taken = await self._start_due()
            await asyncio.gather(*(task for _, task in self._running.values()))
        return taken

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then let steps finish for ``grace``, give back the rest."""
        require_no_open_work()
        self._stopping = False
        unsubscribe = self._works.on_commit("task", self._wake.set)
        stopper = asyncio.create_task(self._stop_on(stop))
        try:
            async with self._heartbeat(), listening(self._works.database, "task", self._wake.set):
                while not stop.is_set():
                    self._wake.clear()
                    if not await self._start_due_or_wait():
                        with suppress(TimeoutError):
                            async with asyncio.timeout(self._poll.total_seconds()):
                                await self._wake.wait()
                await self._drain()
        finally:
            unsubscribe()
            stopper.cancel()

    async def replay(self, kind: str, key: str) -> bool:
        """Make a DEAD task due again at the step that failed; False when there is no such one."""
        async with self._works.begin() as work:
            return await store.replay(work, kind, key)

    async def stats(self) -> dict[str, KindStats]:
        """Return depth, lateness, attempts and dead tasks per kind."""
        async with self._works.read() as work:
            return await store.stats(work, self._works.clock.now())

    async def _stop_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        self._wake.set()

    async def _start_due_or_wait(self) -> int:
        try:
            return await self._start_due()
        except (Failure, SQLAlchemyError, OSError) as exc:
            # The worker outlives the database: it waits and asks again.
            _log.warning("tasks_not_taken", extra={"reason": type(exc).__name__})
            await asyncio.sleep(1.0)
            return 0

    async def _start_due(self) -> int:
        free = self._concurrency - len({task for _, task in self._running.values()})
        if free <= 0:
            return 0
        now = self._works.clock.now()
        await self._start_ticks(now)
        under_way = {run.kind for run, _ in self._running.values()}
        # One unit of a kind at a time: what comes meanwhile makes up the next one.
        many = [k for k in self._registry.kinds.values() if k.together and k.name not in under_way]
        alone = [k.name for k in self._registry.kinds.values() if not k.together]
        kinds = [*alone, *(kind.name for kind in many)]
        # Asked first without a lock: an idle worker must not keep SQLite's only writer busy.
        async with self._works.read() as work:
            if not await store.anything_due(work, kinds, now):
                return 0
        self._takes += 1
        owner = f"{self._worker}.{self._takes}"
        lots = [(alone, free), *(([kind.name], kind.most) for kind in many)]
        async with self._works.begin() as work:
            found = [
                await store.take(work, names, owner=owner, now=now, lease=self._lease, limit=limit)
                for names, limit in lots
                if names
            ]
        for lot in found:
            kind = self._registry.kinds[lot[0].kind] if lot else None
            if kind is not None and kind.together is not None and len(lot) > 1:
                self._start_together(kind, lot)
                continue
            for taken in lot:
                self._start(taken)
        return sum(len(lot) for lot in found)

    async def _start_ticks(self, now: datetime) -> None:
        for cron in self._registry.crons:
            tick = cron.tick(now)
            if self._ticks.get(cron.kind) != tick:
                async with self._works.begin() as work:
                    await work.enqueue(cron.kind, tick.isoformat(), due=tick)
                self._ticks[cron.kind] = tick

    def _start(self, taken: Taken) -> None:
        kind = self._registry.kinds[taken.kind]
        run = Run(taken, self._works, len(kind.steps), self._lease)
        name = _name(taken)
        task = asyncio.create_task(self._work(run, kind, name, taken), name=name)
        self._running[name] = (run, task)
        task.add_done_callback(lambda _: self._finished(name))

    def _start_together(self, kind: Kind, lot: Sequence[Taken]) -> None:
        runs = {taken.id: Run(taken, self._works, 1, self._lease) for taken in lot}
        task = asyncio.create_task(self._work_together(kind, lot, runs), name=kind.name)
        for taken in lot:
            self._running[_name(taken)] = (runs[taken.id], task)
        task.add_done_callback(lambda _: self._finished(*map(_name, lot)))

    async def _work_together(
        self, kind: Kind, lot: Sequence[Taken], runs: Mapping[int, Run]
    ) -> None:
        began, done = self._works.clock.monotonic(), set[int]()
        try:
            done = await self._in_one_unit(kind, lot, runs)
        except asyncio.CancelledError:
            # Nothing of the unit was written; tasks whose lease is lost are not ours to give back.
            for taken in lot:
                if _name(taken) not in self._lost:
                    with suppress(Failure, SQLAlchemyError, OSError):
                        await self._give_back(runs[taken.id], taken)
            return
        except Exception as exc:  # noqa: BLE001
            # The edge of the process: one of them spoils the unit, so each is tried by itself.
            code, detail = described(exc)
            more = {"kind": kind.name, "tasks": len(lot), "code": code, "detail": detail}
            _log.warning("tasks_not_done_together", extra=more)
        each = (self._works.clock.monotonic() - began) / max(len(done), 1)
        for _ in done:
            self._observe(kind.name, "done", each)
        left = [taken for taken in lot if taken.id not in done]
        for taken in lot:
            if taken.id in done:
                self._running.pop(_name(taken), None)
        for start in range(0, len(left), self._concurrency):
            lane = left[start : start + self._concurrency]
            works = (self._work(runs[one.id], kind, _name(one), one) for one in lane)
            await asyncio.gather(*works)

    async def _in_one_unit(
        self, kind: Kind, lot: Sequence[Taken], runs: Mapping[int, Run]
    ) -> set[int]:
        fresh = [taken for taken in lot if taken.step == 0 and taken.attempts <= 1]
        if kind.together is None or not fresh:
            return set()
        async with self._works.begin(whole=True) as work:
            done = {run.id for run in await kind.together(work, [runs[t.id] for t in fresh])}
            ended = [taken for taken in fresh if taken.id in done]
            if ended and not await store.finish_many(work, ended, self._works.clock.now()):
                raise LeaseLost
        return done

    def _finished(self, *names: str) -> None:
        for name in names:
            self._running.pop(name, None)
            self._lost.discard(name)
        self._wake.set()

    async def _work(self, run: Run, kind: Kind, name: str, taken: Taken) -> None:
        began = self._works.clock.monotonic()
        outcome: Outcome = "lost"
        try:
            outcome = await self._steps(run, kind, taken)
        except LeaseLost:
            _log.warning("task_lease_lost", extra={"kind": kind.name, "task": run.id})
        except asyncio.CancelledError:
            if name not in self._lost:
                outcome = "released"
                with suppress(Failure, SQLAlchemyError, OSError):  # the lease runs out by itself
                    await self._give_back(run, taken)
        except (Failure, SQLAlchemyError, OSError) as exc:
            # What became of the run could not be recorded: the lease runs out by itself.
            _log.warning("task_not_recorded", extra={"reason": type(exc).__name__, "task": run.id})
        self._observe(kind.name, outcome, self._works.clock.monotonic() - began)

    async def _give_back(self, run: Run, taken: Taken) -> None:
        async with self._works.begin() as work:
            await store.give_back(work, taken, run.step, self._works.clock.now())

    async def _steps(self, run: Run, kind: Kind, taken: Taken) -> Outcome:
        if run.attempt > kind.max_attempts:
            return await self._bury(run, taken, "lease_expired", "the worker died at every attempt")
        if run.step >= len(kind.steps):
            return await self._bury(run, taken, "unknown_step", f"step {run.step} does not exist")
        try:
            while run.step < len(kind.steps):
                before = run.step
                run.enter()
                await kind.steps[before](run)
                if run.step == before:
                    async with run.checkpoint():
                        pass
                if self._stopping and run.step < len(kind.steps):
                    await self._give_back(run, taken)
                    return "released"
        except LeaseLost:
            raise
        except Exception as exc:  # noqa: BLE001
            # The edge of the process: whatever a step raises is recorded, and tried again or not.
            if run.step < len(kind.steps):
                return await self._failed(run, kind, taken, exc)
            code, _ = described(exc)
            _log.error("task_failed_after_its_end", extra={"kind": kind.name, "code": code})
        return "done"

    async def _failed(self, run: Run, kind: Kind, taken: Taken, error: Exception) -> Outcome:
        now = self._works.clock.now()
        if isinstance(error, Snooze):
            async with self._works.begin() as work:
                await store.give_back(work, taken, run.step, error.due(now))
            return "snoozed"
        if isinstance(error, Abandon):
            return await self._bury(run, taken, error.code, error.detail)
        code, detail = described(error)
        more = {"kind": kind.name, "task": run.id, "step": run.step, "code": code}
        if not isinstance(error, Failure):
            # Where it happened, line by line; its message may hold personal data.
            frames = "".join(traceback.format_tb(error.__traceback__))
            more |= {"error": detail, "frames": frames}
        _log.warning("task_failed", extra=more)
        if run.attempt >= kind.max_attempts:
            return await self._bury(run, taken, code, detail)
        delay = kind.backoff.delay(run.attempt, self._chance())
        if isinstance(error, Failure) and error.retry_after is not None:
            delay = max(delay, timedelta(seconds=error.retry_after))
        async with self._works.begin() as work:
            await store.retry(work, taken, run.step, due=now + delay, code=code, detail=detail)
        return "retried"

    async def _bury(self, run: Run, taken: Taken, code: str, detail: str) -> Outcome:
        now = self._works.clock.now()
        async with self._works.begin() as work:
            await store.bury(work, taken, run.step, now=now, code=code, detail=detail)
        _log.error("task_dead", extra={"kind": run.kind, "task": run.id, "code": code})
        return "dead"

    @asynccontextmanager
    async def _heartbeat(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            leases = {(run.id, run.owner) for run, _ in self._running.values()}
            if not leases:
                continue
            try:
                async with self._works.begin() as work:
                    held = await store.renew(work, leases, self._works.clock.now() + self._lease)
            except (Failure, SQLAlchemyError, OSError) as exc:
                _log.warning("leases_not_renewed", extra={"reason": type(exc).__name__})
                continue
            for name, (run, task) in tuple(self._running.items()):
                if (run.id, run.owner) in leases - held:
                    self._lost.add(name)
                    task.cancel()

    async def _drain(self) -> None:
        tasks = [task for _, task in self._running.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._grace.total_seconds())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


def _name(taken: Taken) -> str:
    # One take may hold many tasks, and a task may be taken twice: both together are unique.
    return f"{taken.owner}.{taken.id}"


def described(error: Exception) -> tuple[str, str]:
    """Return a code and a text for an error; the text of a foreign error may hold personal data.

    So only its type and the place where it was raised are told.
    """
    if isinstance(error, Failure):
        return error.code, error.detail
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return "unexpected_error", f"{type(error).__name__} at {place}"
