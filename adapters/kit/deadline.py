"""One dead-line (截止时间) for everything that one incoming request makes us ask of others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

_ends: Final[ContextVar[float]] = ContextVar("deadline_ends", default=math.inf)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Let upstream calls inside take at most this many seconds together; an outer, earlier end
    stays in force.

    Nothing is cancelled from here: the client stops its own calls in time and says how they ended.
    """
    token = _ends.set(min(_ends.get(), asyncio.get_running_loop().time() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def remaining() -> float:
    """Return the seconds left, infinite where no dead-line was set, negative when it has passed."""
    return _ends.get() - asyncio.get_running_loop().time()
