"""A worker in a process of its own, for the test that kills it: python crash_worker.py URL PORT."""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import timedelta

from kernel.clock import SystemClock
from kernel.db import counters
from kernel.db.engine import Database
from kernel.db.task_kinds import TaskRegistry
from kernel.db.task_run import Run
from kernel.db.tasks import TaskEngine
from kernel.db.work import SqlWorks
from kernel.ids import RandomIds


async def main(url: str, port: int) -> None:
    clock = SystemClock()
    works = SqlWorks(Database(url, pool_size=8, durable=False), clock, RandomIds(clock))

    async def write(run: Run) -> None:
        async with run.checkpoint() as work:
            await counters.add(work, f"{run.key}.{run.step}")
            await work.emit("job.moved", run.key, {"step": run.step})

    async def call(run: Run) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{run.key} {run.idempotency_key}\n".encode())
        await reader.readline()
        writer.close()
        await writer.wait_closed()

    registry = TaskRegistry()
    registry.register("job", [write, call, write], max_attempts=50)
    engine = TaskEngine(
        works,
        registry,
        chance=random.random,
        concurrency=16,
        lease=timedelta(seconds=1),
        poll=timedelta(milliseconds=50),
    )
    await engine.run_forever(asyncio.Event())


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
