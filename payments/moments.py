"""Moments as the finance side writes them: day and time of day in Beijing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
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
    midnight = _midnight(day)
    hour, minute, second = int(clock[:2]), int(clock[2:4]), int(clock[4:])
    if clock != "240000" and (hour > 23 or minute > 59 or second > 59):
        raise ValueError("not a time of day")
    return midnight + timedelta(hours=hour, minutes=minute, seconds=second)


@lru_cache(maxsize=64)
def _midnight(day: str) -> datetime:
    start = read_day(day)
    return datetime(start.year, start.month, start.day, tzinfo=BEIJING).astimezone(UTC)
