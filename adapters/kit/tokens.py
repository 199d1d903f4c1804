"""Access tokens of upstreams: kept, renewed before they end, and fetched once however many wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kernel.clock import Clock

MARGIN: Final = timedelta(seconds=60)
MARGIN_SHARE: Final = 5
"""A token is renewed when a fifth of its life is left, or a minute where that is longer
than the fifth.
"""


@dataclass(frozen=True)
class Token:
    """A token (访问令牌) and when it ends."""

    value: str = field(repr=False)
    expires: datetime
    """Aware UTC."""


@dataclass(frozen=True)
class _Kept:
    token: Token
    renew: datetime


class TokenCache:
    """One token of one upstream account; concurrent callers share one fetch and its error.

    ``fetch`` is called with no lock of the caller held and runs to its end even when the
    caller that started it
    is cancelled, so that the others do not start again.
    """

    def __init__(self, clock: Clock, fetch: Callable[[], Awaitable[Token]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._kept: _Kept | None = None
        self._running: asyncio.Task[Token] | None = None

    async def get(self) -> str:
        """Return a token that is good for a while; raises what ``fetch`` raises."""
        if self._kept is not None and self._clock.now() < self._kept.renew:
            return self._kept.token.value
        if self._running is None:
            self._running = asyncio.create_task(self._renew())
            self._running.add_done_callback(self._done)
        return (await asyncio.shield(self._running)).value

    def forget(self, value: str) -> None:
        """Drop a token that the upstream no longer accepts, unless it has been renewed
        meanwhile.
        """
        if self._kept is not None and self._kept.token.value == value:
            self._kept = None

    async def _renew(self) -> Token:
        asked = self._clock.now()
        token = await self._fetch()
        margin = max(MARGIN, (token.expires - asked) / MARGIN_SHARE)
        # A token of two minutes or less would never be kept with a minute's margin.
        margin = min(margin, (token.expires - asked) / 2)
        self._kept = _Kept(token, token.expires - margin)
        return token

    def _done(self, task: asyncio.Task[Token]) -> None:
        self._running = None
        if not task.cancelled():
            # Every waiter may have been cancelled: then nobody else looks at the error.
            task.exception()
