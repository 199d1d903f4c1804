"""When the upstream is asked again whether a bill was paid: a pure schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_FIRST: Final = tuple(timedelta(seconds=s) for s in (5, 10, 20, 40, 60, 120, 300))
_THEN: Final = timedelta(minutes=15)


def next_poll(asked: int, now: datetime, deadline: datetime) -> datetime | None:
    """Return when to ask after ``asked`` questions; None when the deadline's was asked.

    After a redirect: 5, 10, 20, 40 s, 1, 2, 5 min, then every 15 min, the last one at the deadline
    itself. From there on the daily sweep asks.
    """
    if now >= deadline:
        return None
    wait = _FIRST[asked] if asked < len(_FIRST) else _THEN
    return min(now + wait, deadline)
