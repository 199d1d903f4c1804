"""Drills 27 to 29 and 33: databases that are away, and processes that die at the worst moment."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, make_url, select, update

from adapters.kit.conformance.world import free_port
from gateway.cases.tables import cases
from kernel.db import tables as t
from kernel.db.work import connection
from payments import Bill, PayState
from payments import tables as pt
from tests.api.outside import written
from tests.api.town import HOST
from tests.contract.payments.drill import Drill, results
from tests.support.postgres import Server

BILLS, COPIES, LINES, LANES = 200, 50, 16, 48
_WORKER = "from gateway.cli.main import main; main()"


async def until(port: int) -> None:
    """Wait until somebody listens."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@asynccontextmanager
async def process(*command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process, and end it."""
    with log.open("wb") as out:
        started = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=out, stderr=out
        )
        try:
            yield started
        finally:
            if started.returncode is None:
                started.kill()
            await started.wait()


async def test_fault27_no_database_when_the_push_comes(pg_drill: Drill, postgres_server: Server):
    drill = pg_drill
    bill = await drill.pending()
    await drill.pay(bill.pay_code)
    name = make_url(drill.world.container.settings.database.url.get_secret_value()).database
    postgres_server.psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    postgres_server.psql(ended)
    try:
        assert await drill.push() == 1
        assert await drill.send(drill.confirmation(bill.pay_code)) == b""
    finally:
        postgres_server.psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.paid") == 1


async def test_fault28_killed_between_commit_and_acknowledgement(pg_drill: Drill, tmp_path: Path):
    drill = pg_drill
    bill = await drill.pending()
    drill.codes.clear()
    settings = written(drill.world.container.settings, tmp_path)
    port = free_port()
    command = ("-m", "tests.contract.payments.dying", str(settings), "acknowledging", str(port))
    frame = drill.confirmation(bill.pay_code)
    async with process(*command, log=tmp_path / "dying.log") as dying:
        await until(port)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(frame)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
        assert await dying.wait() == -signal.SIGKILL
    # Stored and committed, never acknowledged: so the finance system sends it again.
    await drill.require_kept(frame)
    assert await drill.result(frame) == "00000"
    await drill.work()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.paid") == 1
    assert await drill.count(t.inbox, t.inbox.c.kind == "5996") == 1


async def test_fault28_acknowledged_but_the_answer_is_lost(drill: Drill):
    bill = await drill.pending()
    await drill.knob("drop_response_after_commit", msg_no="5996")
    await drill.pay(bill.pay_code)
    await drill.push()
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    assert await drill.events(bill, "payments.paid") == 1


async def test_fault29_killed_between_the_fact_and_its_task(pg_drill: Drill, tmp_path: Path):
    drill = pg_drill
    bill = await drill.pending()
    await drill.pay(bill.pay_code)
    assert await drill.push() == 0
    settings = written(drill.world.container.settings, tmp_path)
    command = ("-m", "tests.contract.payments.dying", str(settings), "working", "0")
    async with process(*command, log=tmp_path / "dying.log") as dying, asyncio.timeout(30):
        assert await dying.wait() == -signal.SIGKILL
    assert await drill.state(bill) is PayState.PAID
    assert (await drill.read_case(bill.reference)).fee_paid is False
    # The worker returns, takes the abandoned task over, and tells the case.
    await drill.later(minutes=5)
    assert (await drill.read_case(bill.reference)).fee_paid is True
    assert await drill.events(bill, "payments.paid") == 1
    settled = t.events.c.topic == "case.payment_settled"
    assert await drill.count(t.events, settled) == 1


async def test_fault33_whoever_is_to_be_told_is_away_for_two_days(drill: Drill):
    bill = await drill.pending()
    await drill.work()
    await rename(drill, bill.reference, "away")
    await drill.pay(bill.pay_code)
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    for _ in range(16):
        await drill.later(hours=3)
    stats = await drill.world.engine.stats()
    assert stats["payments.changed"].ready >= 1
    assert stats["payments.changed"].dead == 0
    await rename(drill, "away", bill.reference)
    await drill.later(hours=3)
    assert (await drill.read_case(bill.reference)).fee_paid is True
    assert await drill.events(bill, "payments.paid") == 1


async def rename(drill: Drill, old: str, new: str) -> None:
    """Let a case be found under another name."""
    async with drill.world.container.works.begin() as work:
        statement = update(cases).where(cases.c.case_id == old).values(case_id=new)
        await connection(work).execute(statement)


async def test_two_hundred_bills_fifty_fold_on_two_workers(pg_drill: Drill, tmp_path: Path):
    drill = pg_drill
    bills = [await drill.pending() for _ in range(BILLS)]
    drill.codes.clear()
    frames = [drill.confirmation(bill.pay_code) for bill in bills] * COPIES
    random.Random(4).shuffle(frames)
    ports = (free_port(), free_port())
    workers = [worker_on(drill, tmp_path / f"w{port}", port) for port in ports]
    async with (
        process(*workers[0], log=tmp_path / "one.log"),
        process(*workers[1], log=tmp_path / "two.log"),
    ):
        for port in ports:
            await until(port)
        lanes = [asyncio.create_task(lane(frames[n::LANES], ports[n % 2])) for n in range(LANES)]
        answers = [code for part in await asyncio.gather(*lanes) for code in part]
        assert (len(answers), set(answers)) == (BILLS * COPIES, {"00000"})
        await reached(drill, pt.bill, pt.bill.c.pay == "paid")
        await reached(drill, t.events, t.events.c.topic == "case.payment_settled")
    await require_once(drill, bills)


async def reached(drill: Drill, table: Any, where: Any) -> None:
    """Wait until every bill has got so far."""
    async with asyncio.timeout(120):
        while True:
            if await drill.count(table, where) >= BILLS:
                return
            await asyncio.sleep(0.2)


def worker_on(drill: Drill, folder: Path, port: int) -> tuple[str, ...]:
    """Return the command of a worker of this installation that listens on a port of its own."""
    folder.mkdir()
    path = written(drill.world.container.settings, folder)
    text = re.sub(r"listen_port = \d+", f"listen_port = {port}", path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    return ("-c", _WORKER, "worker", "--config", str(path))


async def lane(frames: list[bytes], port: int) -> list[str]:
    """Send frames, some on one connection, and return every result code."""
    found: list[str] = []
    for start in range(0, len(frames), LINES):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"".join(frames[start : start + LINES]))
        writer.write_eof()
        async with asyncio.timeout(60):
            found += results(await reader.read())
        writer.close()
    return found


async def require_once(drill: Drill, bills: list[Bill]) -> None:
    """Fail unless every bill was paid once and told once."""
    for topic in ("payments.paid", "case.payment_settled"):
        told = select(t.events.c.reference, func.count()).where(t.events.c.topic == topic)
        rows = await drill.rows(told.group_by(t.events.c.reference))
        assert {row[0]: row[1] for row in rows} == {bill.reference: 1 for bill in bills}
    assert await drill.count(pt.fact) == BILLS
    assert await drill.count(t.inbox, t.inbox.c.kind == "5996") == BILLS
