"""Measures what a hung finance system does to other calls.

``python -m bench.hung_platform [ROUNDS]``. Members of the finance staff ask the finance system for
a file at a steady rate, first while it answers, then while it hangs; others read the list of items
all the time. Rounds of both kinds take turns in one run, and both get the same questions.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import tempfile
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Final

import httpx

from bench.money_facts import Installation, installed
from bench.stats import percentile
from identity import StaffRole
from tests.support.databases import PostgresDatabases
from tests.support.postgres import running_server

BAR: Final = 1.10
_HUNG_MS: Final = 29_000
_READING: Final = 4
_RECOVERY_S: Final = 60.0
_PAUSE_S: Final = 0.2
"""Between two questions to the finance system."""

_numbers = count(1)


async def ask(client: httpx.AsyncClient, url: str, outcomes: list[int]) -> None:
    """Ask the finance system for a day's file at a steady rate, however long answers take."""
    async with asyncio.TaskGroup() as asking:
        while True:
            asking.create_task(_ask_once(client, url, outcomes))
            await asyncio.sleep(_PAUSE_S)


async def _ask_once(client: httpx.AsyncClient, url: str, outcomes: list[int]) -> None:
    path = f"{url}/v1/staff/recon/370000/2026-01-15/fetch"
    key = {"Idempotency-Key": f"hung-{next(_numbers)}"}
    outcomes.append((await client.post(path, headers=key)).status_code)


async def recovered(client: httpx.AsyncClient, url: str) -> None:
    """Ask until every breaker of the gateway is closed; raises TimeoutError after a minute.

    An open breaker changes its state only when a call asks. Without this wait the questions of the
    next round would be refused unasked, and it would be no round in which finance answers.
    """
    async with asyncio.timeout(_RECOVERY_S):
        while True:
            await _ask_once(client, url, [])
            told = (await client.get(f"{url}/health/dependencies")).json()
            breakers = [state for one in told["dependencies"] for state in one["breakers"].values()]
            if all(state == "closed" for state in breakers):
                return
            await asyncio.sleep(_PAUSE_S)


async def read(client: httpx.AsyncClient, url: str, waits: list[float]) -> None:
    """Read the list of items at a steady pace, and keep how long each answer took."""
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        (await client.get(f"{url}/v1/items")).raise_for_status()
        waits.append(loop.time() - begun)
        await asyncio.sleep(0.01)


async def round_of(
    place: Installation, token: str, seconds: float, *, hung: bool
) -> tuple[float, list[int]]:
    """Return the p99 of the reading calls in seconds, and what the asking calls were answered."""
    waits: list[float] = []
    outcomes: list[int] = []
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(headers=headers, timeout=60, limits=limits) as staff,
        httpx.AsyncClient(timeout=60) as citizens,
    ):
        if not hung:
            await recovered(staff, place.url)
        running = [asyncio.create_task(ask(staff, place.url, outcomes))]
        await asyncio.sleep(1)
        running += [asyncio.create_task(read(citizens, place.url, waits)) for _ in range(_READING)]
        await asyncio.sleep(seconds)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for task in running:
        if not task.cancelled() and task.exception() is not None:
            raise SystemExit(f"a call failed: {task.exception()!r}")
    return percentile(sorted(waits), 0.99), outcomes


def _counted(codes: list[int]) -> str:
    return ", ".join(f"{number} x {code}" for code, number in sorted(Counter(codes).items()))


async def measure(url: str, folder: Path, rounds: int, seconds: float) -> int:
    """Measure, print, and return 1 when the bar was missed."""
    well: list[float] = []
    hung: list[float] = []
    async with (
        installed(url, folder, "serve") as place,
        httpx.AsyncClient(base_url=place.finance, timeout=60) as finance,
    ):
        token = await place.token(StaffRole.FINANCE)
        hang = {"match": {"msgNo": "8805"}, "action": "delay_ms", "value": _HUNG_MS, "times": 0}
        await round_of(place, token, 1, hung=False)
        for number in range(rounds):
            p99, answers = await round_of(place, token, seconds, hung=False)
            well.append(p99)
            (await finance.post("/sim/faults", json=hang)).raise_for_status()
            p99, refused = await round_of(place, token, seconds, hung=True)
            hung.append(p99)
            (await finance.delete("/sim/faults")).raise_for_status()
            told = f"answered {_counted(answers)}, while it hung {_counted(refused)}"
            print(
                f"round {number + 1}: p99 {well[-1] * 1e3:.1f} ms, hung {p99 * 1e3:.1f} ms; {told}"
            )
    ratios = sorted(slow / quick for slow, quick in zip(hung, well, strict=True))
    ratio = statistics.median(ratios)
    verdict = "held" if ratio <= BAR else "MISSED"
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(f"p99, hung to well: median {ratio:.2f} ({spread}); bar {BAR:.2f}: {verdict}")
    return int(ratio > BAR)


def main() -> int:
    """Start a database and measure."""
    logging.disable(logging.INFO)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with (
        running_server() as server,
        tempfile.TemporaryDirectory() as folder,
        PostgresDatabases(server).fresh() as url,
    ):
        return asyncio.run(measure(url, Path(folder), rounds, 6))


if __name__ == "__main__":
    sys.exit(main())
