"""Time is an argument: the only module that asks the machine what time it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, Protocol

BEIJING: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Asia/Shanghai as a fixed offset: no daylight saving since 1991, no time zone files needed."""


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> datetime:
        """Return the current moment, always aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring spans only."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


@dataclass
class FrozenClock:
    """A clock that moves only when told to, for tests and reproducible documents."""

    at: datetime
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self.at

    def monotonic(self) -> float:
        """Return the seconds by which the clock has been advanced."""
        return self.elapsed

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self.at += by
        self.elapsed += by.total_seconds()


def require_aware(at: datetime) -> datetime:
    """Return ``at`` in UTC; raise ValueError for a naive time, which has no meaning here."""
    if at.tzinfo is None:
        msg = "a time without a time zone was given"
        raise ValueError(msg)
    return at.astimezone(UTC)


def beijing(at: datetime) -> datetime:
    """Return ``at`` as Beijing time (北京时间), the only zone that people are shown."""
    return require_aware(at).astimezone(BEIJING)


def beijing_day(at: datetime) -> date:
    """Return the calendar day in Beijing on which ``at`` falls."""
    return beijing(at).date()
