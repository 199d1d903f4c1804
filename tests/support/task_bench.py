"""One task engine with one kind, as the tests of the engine use it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from kernel.db import counters
from kernel.db import task_store as store
from kernel.db.task_kinds import TaskRegistry
from kernel.db.task_run import Run, Step
from kernel.db.tasks import Outcome, TaskEngine
from kernel.db.work import SqlWorks
from kernel.errors import UpstreamUnavailable

LEASE = timedelta(seconds=30)


class Bench:
    """An engine with one kind, and what it told its observer."""

    def __init__(
        self, works: SqlWorks, *steps: Step, lease=LEASE, poll=0.02, **options: Any
    ) -> None:
        self.works = works
        self.outcomes: list[Outcome] = []
        self.registry = TaskRegistry()
        if steps:
            self.registry.register("job", steps, **options)
        self.lease = lease
        self.poll = timedelta(seconds=poll)
        self.engine = self.another()

    def another(self) -> TaskEngine:
        return TaskEngine(
            self.works,
            self.registry,
            chance=lambda: 0.5,
            lease=self.lease,
            poll=self.poll,
            grace=timedelta(milliseconds=200),
            observe=lambda _kind, outcome, _seconds: self.outcomes.append(outcome),
        )

    async def enqueue(self, *keys: str, due: datetime | None = None) -> None:
        async with self.works.begin() as work:
            for key in keys:
                await work.enqueue("job", key, {"n": 1}, due=due)

    async def task(self, key: str = "a") -> store.Task:
        async with self.works.read() as work:
            found = await store.find(work, "job", key)
        assert found is not None
        return found

    async def finished(self) -> None:
        async with asyncio.timeout(8):
            while (await self.task()).state != "DONE":  # noqa: ASYNC110 - a row tells nobody
                await asyncio.sleep(0.01)

    async def counted(self) -> dict[str, int]:
        async with self.works.read() as work:
            return await counters.read(work, "")


async def effect(run: Run) -> None:
    async with run.checkpoint() as work:
        await counters.add(work, f"{run.key}.{run.step}")


async def nothing(run: Run) -> None:
    return


async def fail(run: Run) -> None:
    raise UpstreamUnavailable("not reached")
