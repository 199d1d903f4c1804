"""Measures pushed payments on PostgreSQL: ``python -m bench.payments [PUSHES]``.

One process listens as the worker does; it has a core of its own, and the database and the sender
share the other. Taking in is verifying, storing and acknowledging; working off is booking.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from adapters.upstreams.cnnontax_tcp import mac, wire
from adapters.upstreams.cnnontax_tcp.wire import Head
from bench.servers import Cores
from gateway.bootstrap import build
from gateway.settings import load
from gateway.worker.steps import PUSH_TASK, register
from kernel.clock import SystemClock, beijing
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import TaskEngine
from kernel.money import Fen
from payments import Bill, BillItem, BillOrder, Payer
from tests.api.installation import settings_for
from tests.api.outside import written
from tests.api.town import HOST
from tests.contract.payments.street import others, running_finance
from tests.support.databases import PostgresDatabases
from tests.support.postgres import running_server

LANES: Final = 24
ON_ONE_LINE: Final = 16
"""Frames on one connection, as many as the listener takes."""


@dataclass(frozen=True)
class Rate:
    """How fast something went."""

    pushes: int
    seconds: float
    busy: float
    """CPU seconds of the measured process."""

    def __str__(self) -> str:
        each = self.busy / self.pushes * 1e6
        return (
            f"{self.pushes} in {self.seconds:.1f} s: {self.pushes / self.seconds:.0f}/s; "
            f"{each:.0f} µs of CPU each, {self.pushes / self.busy:.0f} per CPU second"
        )


async def raise_bills(config: Path, count: int) -> list[str]:
    """Raise bills and return their pay codes."""
    container = build(load(config), process="bench")
    codes = []
    for number in range(count):
        order = BillOrder(
            reference=f"bench-{number}",
            fee_version="1",
            payer=Payer("测试甲", "13800000001"),
            items=(BillItem("103000001", "占道费", Fen(8000)),),
        )
        bill = await container.payments.raise_bill(order)
        assert isinstance(bill, Bill)
        codes.append(bill.pay_code)
    await container.close()
    return codes


def frame_of(token: str, pay_code: str, number: int) -> bytes:
    """Return the confirmation of one bill."""
    day = f"{beijing(SystemClock().now()):%Y%m%d}"
    fields = {
        "PayCode": pay_code,
        "CfmDate": day,
        "CfmTime": "120000",
        "Amt": "80.00",
        "BankOutlet": "00000",
        "Operator": "G000001",
        "PayMode": "51",
        "TraNoBus": f"B{number:021d}",
        "PayerName": "测试甲",
        "RecAcctType": "1",
        "RecAcct": "3700001",
        "Hold1": "",
        "Hold2": "",
    }
    head = Head("F370000", "K3700000001", "5996", f"F{number:016d}", f"F{number:016d}", day)
    xml = wire.write_xml(head, [wire.write_voucher(list(fields.items()))])
    return wire.join_frame("5996", xml, mac.sign(token, xml))


async def lane(frames: list[bytes], port: int) -> int:
    """Send frames one behind the other; return how many were answered."""
    answered = 0
    for start in range(0, len(frames), ON_ONE_LINE):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"".join(frames[start : start + ON_ONE_LINE]))
        writer.write_eof()
        answers = await reader.read()
        writer.close()
        while answers:
            answers = answers[wire.frame_length(answers[: wire.PREFIX]) :]
            answered += 1
    return answered


async def send(frames: list[bytes], port: int, process: psutil.Process) -> Rate:
    """Send everything on a few lanes and return how fast it was taken in."""
    before, begun = sum(process.cpu_times()[:2]), time.monotonic()
    answered = sum(await asyncio.gather(*(lane(frames[n::LANES], port) for n in range(LANES))))
    seconds, busy = time.monotonic() - begun, sum(process.cpu_times()[:2]) - before
    if answered != len(frames):
        raise SystemExit(f"only {answered} of {len(frames)} pushes were answered")
    return Rate(answered, seconds, busy)


async def serve(config: Path) -> None:
    """Take pushes in until told to work them off, then do that and say how long it took."""
    container = build(load(config), process="bench")
    assert container.listen is not None
    listener = await container.listen()
    loop = asyncio.get_running_loop()
    print("listening", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    await listener.close()
    every, only = TaskRegistry(), TaskRegistry()
    register(every, container)
    only.kinds[PUSH_TASK] = every.kinds[PUSH_TASK]
    engine = TaskEngine(container.works, only, chance=lambda: 1.0)
    stop = asyncio.Event()
    waiting = await ready(engine)
    begun, busy = time.monotonic(), time.process_time()
    working = asyncio.create_task(engine.run_forever(stop))
    while await ready(engine):  # noqa: ASYNC110 - a measurement
        await asyncio.sleep(0.25)
    rate = [waiting, time.monotonic() - begun, time.process_time() - busy]
    stop.set()
    await working
    print(json.dumps(rate), flush=True)
    await container.close()


async def ready(engine: TaskEngine) -> int:
    """Return how many pushes wait to be worked off."""
    found = (await engine.stats()).get(PUSH_TASK)
    return 0 if found is None else found.ready


async def measure(url: str, folder: Path, count: int) -> None:
    """Prepare, measure, print."""
    async with running_finance(others(folder / "others"), folder / "sim", "cnnontax_tcp") as town:
        config = written(settings_for(town, url), folder)
        token = str(town.given["cnnontax_tcp"].secrets["token"])
        port = town.push_port
    codes = await raise_bills(config, count)
    frames = [frame_of(token, code, number) for number, code in enumerate(codes)]
    cores = Cores.of_machine()
    command = [sys.executable, "-m", "bench.payments", "serve", str(config)]
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    os.sched_setaffinity(child.pid, {cores.server})
    assert child.stdin is not None
    assert child.stdout is not None
    await child.stdout.readline()
    process = psutil.Process(child.pid)
    print("taken in, new:      ", await send(frames, port, process))
    random.Random(4).shuffle(frames)
    print("taken in, repeated: ", await send(frames, port, process))
    child.stdin.write(b"work\n")
    done, seconds, busy = json.loads(await child.stdout.readline())
    print("worked off:         ", Rate(done, seconds, busy))
    await child.wait()


def main() -> None:
    """Start a database and measure, or be the process that is measured."""
    if len(sys.argv) == 3:
        asyncio.run(serve(Path(sys.argv[2])))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    os.sched_setaffinity(0, {Cores.of_machine().load})
    with (
        running_server() as server,
        tempfile.TemporaryDirectory() as folder,
        PostgresDatabases(server).fresh() as url,
    ):
        asyncio.run(measure(url, Path(folder), count))


if __name__ == "__main__":
    main()
