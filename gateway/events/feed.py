"""Wakes everybody in this process who waits for new events, with one watcher for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from kernel.db.errors import TROUBLE
from kernel.db.events import EventLog
from kernel.db.wake import listening
from kernel.db.work import SqlWorks

_log = structlog.get_logger("events")
_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Pace:
    """How often is looked although nobody called, in seconds (OURS)."""

    file: float = 0.5
    """At a file, which no notification reaches from other processes."""
    net: float = 10.0
    """At PostgreSQL, although it notifies."""
    heartbeat: float = 15.0
    """By a reader, who tells its client then that the stream is still open."""


class Subscription:
    """One waiting reader."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Let the reader look again."""
        self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Return whether there may be news; False after ``seconds`` without any."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        woken = self._news.is_set()
        self._news.clear()
        return woken


class EventFeed:
    """Knows when to look for events; the watcher runs only while somebody is subscribed.

    Commits of this process wake at once. Those of others come through PostgreSQL's notifications,
    or are found by looking at the file twice a second.
    """

    def __init__(self, works: SqlWorks, events: EventLog, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.closed = False
        """Whether this process ends: then every reader does."""
        self._database = works.database
        self._works = works
        self._events = events
        self._readers: set[Subscription] = set()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def readers(self) -> int:
        """Return how many wait."""
        return len(self._readers)

    def close(self) -> None:
        """Let every reader go, so that nobody waits for open streams when the process ends."""
        self.closed = True
        self._wake()

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[Subscription]:
        """Yield a subscription; the first one starts the watcher and the last one ends it."""
        reader = Subscription()
        self._readers.add(reader)
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers and self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None

    def _wake(self) -> None:
        for reader in tuple(self._readers):
            reader.wake()

    async def _watch(self) -> None:
        notified = self._database.dialect == "postgresql"
        seen: int | None = None
        async with AsyncExitStack() as stack:
            stack.callback(self._works.on_commit("event", self._wake))
            await stack.enter_async_context(listening(self._database, "event", self._wake))
            # What was written before anybody watched is for the readers to find.
            self._wake()
            while True:
                try:
                    seen = await self._look(seen)
                except TROUBLE as exc:
                    # The watcher outlives the database: nobody would start another one.
                    _log.warning("events_not_readable", reason=type(exc).__name__)
                await asyncio.sleep(self.pace.net if notified else self.pace.file)

    async def _look(self, seen: int | None) -> int:
        if seen is None:
            return await self._events.last_position()
        fresh = await self._events.read_after(seen, _AT_ONCE)
        if fresh:
            self._wake()
        return fresh[-1].position or seen if fresh else seen
