"""What a step of a task sees: its payload, its key, and the checkpoint that moves it on."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from kernel.clock import Clock
from kernel.db import task_store as store
from kernel.db.task_store import Taken
from kernel.db.work import SqlWork, SqlWorks
from kernel.work import JsonMap, require_no_open_work


class Snooze(Exception):
    """The step is not at fault and wants to be called again later: polling, an open breaker.

    Not counted as an attempt.
    """

    def __init__(self, delay: timedelta | None = None, *, until: datetime | None = None) -> None:
        super().__init__("snoozed")
        if (delay is None) == (until is None):
            msg = "give either a delay or a moment"
            raise ValueError(msg)
        self.delay = delay
        self.until = until

    def due(self, now: datetime) -> datetime:
        """Return the moment of the next call."""
        return self.until if self.until is not None else now + (self.delay or timedelta())


class Abandon(Exception):
    """Trying again cannot help: the task is DEAD at once, with this code and text.

    ``detail`` holds no personal data.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class LeaseLost(Exception):
    """Another worker has taken the task; what this one was writing is rolled back."""


class Run:
    """One task in the hands of one worker."""

    def __init__(self, taken: Taken, works: SqlWorks, steps: int, lease: timedelta) -> None:
        self._taken = taken
        self._steps = steps
        self._lease = lease
        self.works = works
        self.clock: Clock = works.clock
        self.step = taken.step
        """Index of the step that is running, or that comes next."""
        self._entered = taken.step
        self.attempt = taken.attempts
        """Which attempt at the present step this is, from 1."""
        self.payload: JsonMap = taken.payload

    @property
    def id(self) -> int:
        """The task's row, which never leaves the system."""
        return self._taken.id

    @property
    def owner(self) -> str:
        """The lease that this worker holds."""
        return self._taken.owner

    @property
    def kind(self) -> str:
        """The kind that was registered."""
        return self._taken.kind

    @property
    def key(self) -> str:
        """The business key; unique within the kind."""
        return self._taken.key

    @property
    def created_at(self) -> datetime:
        """When the task was written, for steps that give up polling after a time."""
        return self._taken.created_at

    @property
    def idempotency_key(self) -> str:
        """32 hexadecimal characters that are the same whenever this step of this task is tried."""
        name = "\n".join((self.kind, self.key, str(self.id), str(self._entered)))
        return hashlib.sha256(name.encode()).hexdigest()[:32]

    def enter(self) -> None:
        """Begin the step that comes next; the engine does this."""
        self._entered = self.step

    @asynccontextmanager
    async def checkpoint(self) -> AsyncIterator[SqlWork]:
        """Open the unit of work that ends this step: effects and step number commit together.

        At most once in a step, and not inside another unit. Raises LeaseLost, and writes nothing,
        when another worker has the task.
        """
        require_no_open_work()
        if self.step != self._entered:
            msg = "a step has one checkpoint, at its end"
            raise RuntimeError(msg)
        async with self.works.begin() as work:
            yield work
            now = self.clock.now()
            last = self.step + 1 == self._steps
            if not await store.advance(
                work, self._taken, self.step, last=last, now=now, lease=self._lease
            ):
                raise LeaseLost
        self.step += 1
        self.attempt = 1

    async def save(self, payload: JsonMap) -> None:
        """Replace the payload that this and later steps see. Raises LeaseLost like a checkpoint."""
        async with self.works.begin() as work:
            if not await store.save(work, self._taken, self.step, payload):
                raise LeaseLost
        self.payload = dict(payload)


Step = Callable[[Run], Awaitable[None]]

Together = Callable[[SqlWork, Sequence[Run]], Awaitable[Sequence[Run]]]
"""Does the step of many tasks inside the unit it is given, and returns those that are done.

The engine moves exactly those on in the same unit. Nothing outside may be called from it.
"""
