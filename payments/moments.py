"""Moments as the finance side writes them: day and time of day in Beijing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from kernel.clock import BEIJING

_DAY: Final = re.compile(r"[0-9]{8}", re.ASCII)
_TIME: Final = re.compile(r"[0-9]{6}", re.ASCII)


def read_day(day: str) -> date:
    """Return the day of ``yyyyMMdd``. Raises ValueError."""
    if _DAY.fullmatch(day) is None:
        raise ValueError("not a day")
    return date(int(day[:4]), int(day[4:6]), int(day[6:]))


def read_moment(day: str, clock: str) -> datetime:
    """Return the moment of ``yyyyMMdd`` and ``HHmmss`` in UTC.

    ``240000`` is the end of the day, as bank systems write it. Raises ValueError.
    """
    if _TIME.fullmatch(clock) is None:
        raise ValueError("not a time of day")
    start = read_day(day)
    whole = clock == "240000"
    hour, minute, second = (0, 0, 0) if whole else (int(clock[n : n + 2]) for n in (0, 2, 4))
    at = datetime(start.year, start.month, start.day, hour, minute, second, tzinfo=BEIJING)
    return (at + timedelta(days=int(whole))).astimezone(UTC)
