"""The finance system's own clock, which testers move; a restart keeps where it was set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from adapters.sandbox.store import Store
from kernel.clock import Clock

_KEY: Final = "clock"


class SimClock:
    """A clock that runs beside the place's own (implements kernel.clock.Clock)."""

    def __init__(self, store: Store, base: Clock) -> None:
        self._store = store
        self._base = base

    def now(self) -> datetime:
        """Return the moment that the finance system believes in."""
        return self._base.now() + timedelta(seconds=self._ahead())

    def monotonic(self) -> float:
        """Return seconds that nobody moves."""
        return self._base.monotonic()

    def _ahead(self) -> int:
        return int(self._store.get("setting", _KEY) or 0)

    def advance(self, seconds: int) -> None:
        """Move by so many seconds, backwards too."""
        with self._store.transaction():
            self._store.put("setting", _KEY, self._ahead() + seconds)

    def set(self, at: datetime) -> None:
        """Stand at this moment now and run on."""
        seconds = round((at - self._base.now()).total_seconds())
        self._store.put("setting", _KEY, seconds)

    def reset(self) -> None:
        """Agree with the machine again."""
        self._store.delete("setting", _KEY)
