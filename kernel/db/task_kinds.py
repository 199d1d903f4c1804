"""Which kinds of task exist, how often they are tried, and which of them the clock starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kernel.clock import BEIJING, beijing
from kernel.db.task_run import Step, Together

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=BEIJING)
_LARGEST_POWER: Final = 32


@dataclass(frozen=True)
class Backoff:
    """Full jitter: attempt n waits between nothing and ``base * 2**(n-1)``, at most ``cap``."""

    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=10)

    def delay(self, attempt: int, chance: float) -> timedelta:
        """Return the wait after attempt ``attempt`` (from 1); ``chance`` is drawn from 0 to 1."""
        power: int = 2 ** min(max(attempt - 1, 0), _LARGEST_POWER)
        return min(self.base * power, self.cap) * chance


@dataclass(frozen=True)
class Kind:
    """A kind of task."""

    name: str
    steps: Sequence[Step]
    max_attempts: int
    """Per step: progress starts the count again."""
    backoff: Backoff
    together: Together | None = None
    """Does the only step for many tasks in one unit, where that is possible."""
    most: int = 1
    """How many tasks one unit takes."""


@dataclass(frozen=True)
class Cron:
    """A kind of task that the clock starts, once per tick across all workers."""

    kind: str
    every: timedelta
    offset: timedelta

    def tick(self, now: datetime) -> datetime:
        """Return the newest tick that is not in the future; they count from midnight in Beijing."""
        since = beijing(now) - _EPOCH - self.offset
        return _EPOCH + self.offset + (since // self.every) * self.every


class TaskRegistry:
    """The kinds that this process can work on; a worker takes no others."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.crons: list[Cron] = []

    def register(
        self,
        kind: str,
        steps: Sequence[Step],
        *,
        max_attempts: int = 10,
        backoff: Backoff | None = None,
        together: Together | None = None,
        most: int = 100,
    ) -> None:
        """Add a kind, with ``together`` one whose tasks are done up to ``most`` in one unit.

        What ``together`` does not finish, or the whole unit when it raises, is done task by task
        with the one step. Raises ValueError for a name that is taken, without steps, or with
        several and ``together``.
        """
        if kind in self.kinds or not steps or max_attempts < 1:
            msg = f"task kind {kind!r}: already registered, without steps or without attempts"
            raise ValueError(msg)
        if together is not None and (len(steps) != 1 or most < 1):
            msg = f"task kind {kind!r}: only a single step can be done for many tasks at once"
            raise ValueError(msg)
        self.kinds[kind] = Kind(
            kind, tuple(steps), max_attempts, backoff or Backoff(), together, most
        )

    def every(
        self,
        kind: str,
        period: timedelta,
        steps: Sequence[Step],
        *,
        offset: timedelta = timedelta(),
        max_attempts: int = 3,
        backoff: Backoff | None = None,
    ) -> None:
        """Add a kind that is due every ``period``, ``offset`` after midnight in Beijing.

        A tick that nobody was there for is not made up, except the newest one. The task's key is
        the tick in ISO format.
        """
        if period <= timedelta():
            msg = f"task kind {kind!r}: the period must be positive"
            raise ValueError(msg)
        self.register(kind, steps, max_attempts=max_attempts, backoff=backoff)
        self.crons.append(Cron(kind, period, offset))
