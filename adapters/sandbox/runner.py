"""Starts simulators on their ports and keeps them until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import structlog

from adapters.sandbox.faults import Faults, FaultyApp
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.server import PortTaken, http_server, listening, tcp_server

__all__ = ["PortTaken", "Running", "SimulatorSource", "run", "started"]

_log = structlog.get_logger("sandbox")


class SimulatorSource(Protocol):
    """Knows the simulator module of an upstream; the adapter registry does."""

    def simulator_of(self, name: str) -> ModuleType:
        """Return a module with ``provision(place)`` and ``create(place)``."""
        ...


@dataclass(frozen=True)
class Running:
    """One simulator under way."""

    place: Place
    onboarding: Onboarding
    failed: asyncio.Future[None]
    """Gets the exception of the first background loop that fails."""


@asynccontextmanager
async def started(place: Place, module: ModuleType) -> AsyncIterator[Running]:
    """Provision one simulator and serve it while the block runs; raises PortTaken."""
    place.folder.mkdir(parents=True, exist_ok=True)
    onboarding: Onboarding = module.provision(place)
    simulator: Simulator = module.create(place)
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        if simulator.close is not None:
            stack.push_async_callback(simulator.close)
        http = listening(place.host, place.http_port, place.name)
        stack.callback(http.close)
        if simulator.tcp is not None:
            tcp = listening(place.host, place.tcp_port, place.name)
            await stack.enter_async_context(tcp_server(simulator.tcp, tcp))
        app = (
            simulator.app if isinstance(simulator.app, FaultyApp) else Faults().wrap(simulator.app)
        )
        await stack.enter_async_context(http_server(app, http))
        stack.push_async_callback(_stop, [_loop(task, failed) for task in simulator.tasks])
        _log.info(
            "simulator_started",
            upstream=place.name,
            http_port=place.http_port,
            tcp_port=place.tcp_port if simulator.tcp is not None else None,
        )
        yield Running(place, onboarding, failed)
    if not failed.cancel() and not failed.cancelled():
        failed.exception()  # seen by ``run``; a harness that does not look must not warn at exit
    _log.info("simulator_stopped", upstream=place.name)


async def run(
    places: Sequence[Place], source: SimulatorSource, stop: asyncio.Event | None = None
) -> None:
    """Serve all simulators until SIGTERM, SIGINT or ``stop``; raises PortTaken, or what a
    simulator's loop raised.

    With ``stop`` the caller keeps the signals.
    """
    ended = stop or asyncio.Event()
    if stop is None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(started(place, source.simulator_of(place.name)))
            for place in places
        ]
        for one in running:
            one.failed.add_done_callback(lambda _future: ended.set())
        await ended.wait()
        for one in running:
            if one.failed.done():
                await one.failed


def _loop(body: Callable[[], Awaitable[None]], failed: asyncio.Future[None]) -> asyncio.Task[None]:
    async def watched() -> None:
        await body()

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled() or failed.done():
            return
        if (exc := task.exception()) is not None:
            failed.set_exception(exc)

    task = asyncio.create_task(watched())
    task.add_done_callback(ended)
    return task


async def _stop(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
