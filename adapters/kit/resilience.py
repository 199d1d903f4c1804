"""What keeps one sick upstream from hurting others and itself: breaker, bulkhead, pace and retry
budget.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

WINDOW: Final = 20
MIN_CALLS: Final = 10
FAILURE_SHARE: Final = 0.5
COOLDOWN_SECONDS: Final = 5.0
BUDGET_SECONDS: Final = 60

Seconds = Callable[[], float]


class BreakerState(StrEnum):
    """States of a breaker (熔断器)."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class BreakerOpen(Exception):
    """The call was not made; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("breaker open")
        self.retry_after = retry_after


class NoPlace(Exception):
    """The call was not made: too many others are under way, or too many were made this second."""


class Breaker:
    """Opens on the failure rate of the latest calls; half-open, it lets one call through and no
    more.

    ``enter`` gives a ticket and ``leave`` takes it back with the result; a result that arrives
    after the state
    has changed is ignored, and a cancelled call says nothing about the upstream.
    """

    def __init__(
        self,
        seconds: Seconds,
        *,
        on_change: Callable[[BreakerState, BreakerState], None],
        cooldown: float = COOLDOWN_SECONDS,
        probes: int = 1,
    ) -> None:
        self._seconds = seconds
        self._on_change = on_change
        self._cooldown = cooldown
        self._probes = probes
        self._state = BreakerState.CLOSED
        self._opened = 0.0
        self._probing = 0
        self._generation = 0
        self._failed: deque[bool] = deque(maxlen=WINDOW)

    @property
    def state(self) -> BreakerState:
        """Return the state as it stands; an open breaker turns half-open only when a call asks."""
        return self._state

    def require_willing(self) -> None:
        """Raise BreakerOpen when ``enter`` would; changes nothing, so that callers need not queue
        in vain.
        """
        if self._state is BreakerState.OPEN and (left := self._left()) > 0:
            raise BreakerOpen(left)
        if self._state is BreakerState.HALF_OPEN and self._probing >= self._probes:
            raise BreakerOpen(self._cooldown)

    def enter(self) -> int:
        """Return a ticket for one call; raises BreakerOpen."""
        self.require_willing()
        if self._state is BreakerState.OPEN:
            self._to(BreakerState.HALF_OPEN)
        if self._state is BreakerState.HALF_OPEN:
            self._probing += 1
        return self._generation

    def leave(self, ticket: int, *, failed: bool | None) -> None:
        """Return the ticket with what happened; None when the call was cancelled."""
        if ticket != self._generation:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._probing -= 1
            if failed is not None:
                self._to(BreakerState.OPEN if failed else BreakerState.CLOSED)
            return
        if failed is None:
            return
        self._failed.append(failed)
        calls = len(self._failed)
        if calls >= MIN_CALLS and sum(self._failed) / calls >= FAILURE_SHARE:
            self._to(BreakerState.OPEN)

    def _left(self) -> float:
        return self._cooldown - (self._seconds() - self._opened)

    def _to(self, state: BreakerState) -> None:
        old, self._state = self._state, state
        self._generation += 1
        self._probing = 0
        self._failed.clear()
        if state is BreakerState.OPEN:
            self._opened = self._seconds()
        self._on_change(old, state)


class Bulkhead:
    """At most so many calls at once to one upstream; others wait a little and are then turned
    away.
    """

    def __init__(self, places: int, *, wait: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._wait = wait

    @asynccontextmanager
    async def place(self, most: float) -> AsyncIterator[None]:
        """Hold one place; raises NoPlace after the bulkhead's wait or ``most`` seconds."""
        if self._places.locked():
            try:
                async with asyncio.timeout(max(0.0, min(self._wait, most))):
                    await self._places.acquire()
            except TimeoutError:
                raise NoPlace from None
        else:
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()


class Pace:
    """At most so many calls a second, a second's worth of them at once (generic cell rate
    algorithm).
    """

    def __init__(self, per_second: int) -> None:
        self._step = 1.0 / per_second
        self._burst = 1.0
        self._earliest = 0.0

    async def turn(self, most: float) -> None:
        """Wait for this call's turn; raises NoPlace when that would take more than ``most``
        seconds.
        """
        now = asyncio.get_running_loop().time()
        earliest = max(self._earliest, now)
        wait = earliest + self._step - self._burst - now
        if wait > most:
            raise NoPlace
        self._earliest = earliest + self._step
        if wait > 0:
            await asyncio.sleep(wait)


class RetryBudget:
    """Repetitions are at most a tenth of the calls of the last minute, with a small floor for
    quiet hours.
    """

    def __init__(self, seconds: Seconds, *, share: float = 0.1, floor: int = 3) -> None:
        self._seconds = seconds
        self._share = share
        self._floor = floor
        self._slots: deque[list[int]] = deque()

    def called(self) -> None:
        """Count a call that is not a repetition."""
        self._slot()[1] += 1

    def take(self) -> bool:
        """Return whether one more repetition is allowed, and count it when it is."""
        slot = self._slot()
        calls = sum(entry[1] for entry in self._slots)
        repeats = sum(entry[2] for entry in self._slots)
        if repeats >= max(self._floor, int(calls * self._share)):
            return False
        slot[2] += 1
        return True

    def _slot(self) -> list[int]:
        second = int(self._seconds())
        while self._slots and self._slots[0][0] <= second - BUDGET_SECONDS:
            self._slots.popleft()
        if not self._slots or self._slots[-1][0] != second:
            self._slots.append([second, 0, 0])
        return self._slots[-1]
