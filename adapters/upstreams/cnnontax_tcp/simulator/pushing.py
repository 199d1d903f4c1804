"""Pushes payment confirmations to the gateway and repeats each until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import structlog

from adapters.sandbox.place import Place
from adapters.upstreams.cnnontax_tcp.simulator.dialect import Dialect
from adapters.upstreams.cnnontax_tcp.simulator.finance import Finance
from adapters.upstreams.cnnontax_tcp.simulator.knobs import Action, Knobs
from adapters.upstreams.cnnontax_tcp.wire import PREFIX, frame_length

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
TIMEOUT: Final = 5.0

_log = structlog.get_logger("sandbox.cnnontax")


class Pusher:
    """Delivers what the books hold as not yet acknowledged; pauses are forgotten by a restart."""

    def __init__(self, place: Place, finance: Finance, dialect: Dialect, knobs: Knobs) -> None:
        self._place = place
        self._finance = finance
        self._dialect = dialect
        self._knobs = knobs
        self._pauses: dict[str, tuple[float, float]] = {}
        self._busy = asyncio.Lock()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at the books at once."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            await self.deliver(only_due=True)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_PAUSE / 2):
                    await self._wake.wait()

    async def deliver(self, *, only_due: bool) -> int:
        """Try every push that is waiting, or due; return how many are still waiting."""
        async with self._busy:
            now = asyncio.get_running_loop().time()
            for key, push in self._finance.pushes():
                due, pause = self._pauses.get(key, (0.0, FIRST_PAUSE))
                if only_due and due > now:
                    continue
                if await self._deliver_one(push):
                    self._finance.pushed(key)
                    self._pauses.pop(key, None)
                else:
                    self._pauses[key] = (now + pause, min(pause * 2, LONGEST_PAUSE))
            return len(self._finance.pushes())

    async def _deliver_one(self, push: dict[str, Any]) -> bool:
        if (delay := self._knobs.take(Action.DELAY)) is not None:
            await asyncio.sleep(delay.value / 1000)
        raw = self._dialect.push(push)
        twice = self._knobs.take(Action.DUPLICATE)
        done = False
        for _ in range(1 + (twice.value if twice else 0)):
            done = await self._send(raw)
        return done

    async def _send(self, raw: bytes) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                reader, writer = await asyncio.open_connection(
                    self._place.push_host, self._place.push_port
                )
                try:
                    writer.write(raw)
                    await writer.drain()
                    prefix = await reader.readexactly(PREFIX)
                    rest = await reader.readexactly(frame_length(prefix) - PREFIX)
                finally:
                    writer.close()
        except (OSError, EOFError, ValueError):
            _log.info("push_failed")
            return False
        return self._dialect.acknowledged(prefix + rest)
