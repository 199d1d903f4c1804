"""Leaves a trace of every push that was refused, as long as they do not come in floods."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog

from kernel.clock import Clock
from kernel.db import refused
from kernel.db.refused import Refused
from kernel.work import WorkSource

MOST_AN_HOUR: Final = 2000
"""Traces kept in any hour by one process (OURS); a flood beyond that is logged only."""
_HOUR: Final = 3600.0

_log = structlog.get_logger("pushes")


class Refusals:
    """The book of refused pushes."""

    def __init__(self, works: WorkSource, clock: Clock) -> None:
        self._works = works
        self._clock = clock
        self._kept: deque[float] = deque(maxlen=MOST_AN_HOUR)

    async def keep(self, source: str, raw: bytes, reason: str) -> None:
        """Store a refused message and its reason before it is answered."""
        _log.warning("push_refused", source=source, reason=reason, size=len(raw))
        now = self._clock.monotonic()
        if len(self._kept) == MOST_AN_HOUR and now - self._kept[0] < _HOUR:
            return
        self._kept.append(now)
        async with self._works.begin() as work:
            await refused.add(work, source=source, body=raw, reason=reason)

    async def latest(self, limit: int) -> Sequence[Refused]:
        """Return the newest refused messages."""
        async with self._works.read() as work:
            return await refused.latest(work, limit)
