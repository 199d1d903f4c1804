"""Measures how soon the three money facts reach a listening client.

``python -m bench.money_facts [BILLS]``. That a bill is paid, and that its money arrived, the
simulated finance system pushes to a worker; that it is reconciled follows from the file that is
fetched. The client listens to a second process. All of them share the machine.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx

from bench.stats import percentile
from gateway.bootstrap import build
from gateway.container import Container
from gateway.settings import load
from identity import StaffMember, StaffRole
from kernel.clock import SystemClock, beijing
from kernel.money import Fen
from payments import Bill, BillItem, BillOrder, Payer
from tests.api.installation import settings_for
from tests.api.outside import Stream, written
from tests.api.town import Town
from tests.contract.payments.street import others, running_finance
from tests.support.databases import PostgresDatabases
from tests.support.postgres import running_server

BAR: Final = 2.0
_START_S: Final = 60.0
_HEARD_S: Final = 30.0
_DIVISION: Final = "370000"
_TOPICS: Final = ("payments.paid", "payments.funds_received", "payments.reconciled")


@dataclass(frozen=True)
class Installation:
    """A server and a worker, each a process of its own, in front of a simulated finance system."""

    town: Town
    container: Container
    """For preparing; on the same database."""

    @property
    def url(self) -> str:
        return self.town.gateway_url

    @property
    def finance(self) -> str:
        return self.town.url("cnnontax_tcp")

    async def token(self, role: StaffRole) -> str:
        """Return the token of a new member of staff."""
        number = f"bench-{role.value.lower()}"
        member = StaffMember(number, "测试员", role, "11370102MB9000066L", "370102")
        await self.container.staff.accounts.provision(member)
        return await self.container.staff.accounts.issue_token(member.id, timedelta(hours=8))

    async def bills(self, count: int) -> list[Bill]:
        """Raise and issue bills."""
        found = []
        for number in range(count):
            items = (BillItem("103000001", "占道费", Fen(8000)),)
            payer = Payer("测试甲", "13800000001")
            order = BillOrder(f"bench-{number}", "1", payer, items)
            raised = await self.container.payments.raise_bill(order)
            assert isinstance(raised, Bill)
            found.append(await self.container.payments.issue(raised.bill_id))
        return found


@asynccontextmanager
async def installed(url: str, folder: Path, *processes: str) -> AsyncIterator[Installation]:
    """Start everything on a migrated database, and end it with the block."""
    async with AsyncExitStack() as stack:
        rest = others(folder / "others")
        town = await stack.enter_async_context(
            running_finance(rest, folder / "sim", "cnnontax_tcp")
        )
        config = written(settings_for(town, url), folder)
        container = build(load(config), process="bench")
        stack.push_async_callback(container.close)
        for name in processes:
            await stack.enter_async_context(_process(name, config, folder))
        await _ready(town)
        yield Installation(town, container)


@asynccontextmanager
async def _process(name: str, config: Path, folder: Path) -> AsyncIterator[None]:
    program = Path(sys.executable).with_name("onewindow")
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, name, "--config", config, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def _ready(town: Town) -> None:
    async with httpx.AsyncClient() as probe, asyncio.timeout(_START_S):
        while True:
            try:
                if (await probe.get(f"{town.gateway_url}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def hears(ear: Stream, topic: str, bill_id: str) -> float:
    """Return when the client heard this of a bill."""
    async with asyncio.timeout(_HEARD_S):
        while True:
            for (_, heard, event), moment in zip(ear.heard, ear.moments, strict=True):
                if heard == topic and event["data"]["bill_id"] == bill_id:
                    return moment
            await ear.news()


async def measure(url: str, folder: Path, count: int) -> int:
    """Measure, print, and return 1 when the bar was missed."""
    loop = asyncio.get_running_loop()
    waits: dict[str, list[float]] = {topic: [] for topic in _TOPICS}
    async with (
        installed(url, folder, "serve", "worker") as place,
        httpx.AsyncClient(base_url=place.finance, timeout=60) as finance,
    ):
        bills = await place.bills(count)
        # Two days ago at the finance system: so its file of that day can be fetched today.
        day = beijing(SystemClock().now() - timedelta(days=2))
        (await finance.post("/sim/clock", json={"at": day.isoformat()})).raise_for_status()
        ear, token = Stream(), await place.token(StaffRole.OPS)
        path = f"{place.url}/v1/staff/events/stream"
        async with ear.listening(path, token):
            for bill in bills:
                for topic, act, body in (
                    (_TOPICS[0], "pay", {"payCode": bill.pay_code}),
                    (_TOPICS[1], "funds", {"payCode": bill.pay_code, "stage": "R"}),
                ):
                    begun = loop.time()
                    (await finance.post(f"/sim/{act}", json=body)).raise_for_status()
                    waits[topic].append(await hears(ear, topic, bill.bill_id) - begun)
            await finance.delete("/sim/clock")
            # The worker may have fetched that day's file already, before anything was paid.
            again = {"fileDate": f"{day:%Y%m%d}"}
            (await finance.post("/sim/recon", json=again)).raise_for_status()
            begun = loop.time()
            await _fetch(place, day.date().isoformat())
            for bill in bills:
                waits[_TOPICS[2]].append(await hears(ear, _TOPICS[2], bill.bill_id) - begun)
    return _print(waits)


async def _fetch(place: Installation, day: str) -> None:
    headers = {
        "Authorization": f"Bearer {await place.token(StaffRole.FINANCE)}",
        "Idempotency-Key": f"bench-{day}",
    }
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        path = f"{place.url}/v1/staff/recon/{_DIVISION}/{day}/fetch"
        (await client.post(path)).raise_for_status()


def _print(waits: dict[str, list[float]]) -> int:
    worst = 0.0
    for topic, found in ((topic, sorted(all_)) for topic, all_ in waits.items()):
        p50, p95, p99 = (percentile(found, part) for part in (0.50, 0.95, 0.99))
        worst = max(worst, p99)
        print(f"{topic:24} {len(found)} heard; p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s")
    verdict = "held" if worst <= BAR else "MISSED"
    print(f"from the act at the finance system to the client; bar {BAR:.0f} s: {verdict}")
    return int(worst > BAR)


def main() -> int:
    """Start a database and measure."""
    logging.disable(logging.INFO)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    with (
        running_server() as server,
        tempfile.TemporaryDirectory() as folder,
        PostgresDatabases(server).fresh() as url,
    ):
        return asyncio.run(measure(url, Path(folder), count))


if __name__ == "__main__":
    sys.exit(main())
