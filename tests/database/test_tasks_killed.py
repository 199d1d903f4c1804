"""kill -9 of real workers in the middle of three-step jobs: nothing lost, nothing written twice."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kernel.clock import SystemClock
from kernel.db import counters
from kernel.db.engine import Database
from kernel.db.events import timeline
from kernel.db.tables import tasks
from kernel.db.work import SqlWorks, connection
from kernel.ids import RandomIds

JOBS = 150
KILLS = 3
ROOT = Path(__file__).parents[2]


class Upstream:
    """A real socket that remembers who called with which key, and takes its time to answer."""

    def __init__(self) -> None:
        self.calls: defaultdict[str, list[str]] = defaultdict(list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        job, key = (await reader.readline()).decode().split()
        self.calls[job].append(key)
        await asyncio.sleep(0.02)
        try:
            writer.write(b"ok\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            return  # the caller was killed

    @property
    def total(self) -> int:
        return sum(len(keys) for keys in self.calls.values())


async def unfinished(works: SqlWorks) -> int:
    async with works.read() as work:
        count = select(func.count()).where(tasks.c.state != "DONE")
        left: int = (await connection(work).execute(count)).scalar_one()
        return left


@pytest.mark.slow
async def test_killed_workers_lose_and_repeat_nothing(database: Database, database_url) -> None:
    clock = SystemClock()
    works = SqlWorks(database, clock, RandomIds(clock))
    jobs = [f"job-{number}" for number in range(JOBS)]
    async with works.begin() as work:
        for job in jobs:
            await work.enqueue("job", job)
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def start() -> asyncio.subprocess.Process:
        script = Path(__file__).with_name("crash_worker.py")
        return await asyncio.create_subprocess_exec(
            sys.executable, str(script), database_url, str(port), env={"PYTHONPATH": str(ROOT)}
        )

    async with server, asyncio.timeout(100):
        for kill in range(1, KILLS + 1):
            worker = await start()
            while upstream.total < kill * JOBS // (KILLS + 2):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            worker.kill()
            await worker.wait()
            assert await unfinished(works) > 0
        workers = [await start(), await start()]
        while await unfinished(works):  # noqa: ASYNC110 - a row tells nobody
            await asyncio.sleep(0.1)
        for worker in workers:
            worker.kill()
            await worker.wait()

    async with works.read() as work:
        effects = await counters.read(work, "job-")
        for job in jobs:
            steps = [event.data for event in await timeline(work, job)]
            assert steps == [{"step": 0}, {"step": 2}]
    assert effects == {f"{job}.{step}": 1 for job in jobs for step in (0, 2)}
    assert set(upstream.calls) == set(jobs)
    for keys in upstream.calls.values():
        assert len(set(keys)) == 1
    assert len({keys[0] for keys in upstream.calls.values()}) == JOBS
    # A kill interrupts at most what one worker holds at a time.
    assert upstream.total <= JOBS + KILLS * 16
