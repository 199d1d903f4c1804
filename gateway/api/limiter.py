"""Counts what one address asks of routes that need no token, and refuses what is too much."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from kernel.errors import Failure, Text

PER_MINUTE: Final = 30
_MINUTE: Final = 60.0
_ADDRESSES: Final = 20_000


class TooManyRequests(Failure):
    """One address asks too often."""

    code = "too_many_requests"
    status = 429
    title = Text("请求过于频繁", "Too many requests")
    citizen = Text("查询过于频繁，请稍后再试。", "Too many requests; please wait a moment.")
    clerk = Text("同一地址查询过于频繁，请稍后再试。", "This address asks too often; wait.")


class Limiter:
    """A bucket per address that refills evenly; the longest unused ones are forgotten first.

    It counts within one process: several processes allow as many times as much.
    """

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._full = float(per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now: float) -> None:
        """Count one request at ``now``, monotonic seconds. Raises TooManyRequests with the wait."""
        left, since = self._buckets.pop(address, (self._full, now))
        left = min(self._full, left + (now - since) * self._full / _MINUTE)
        is_allowed = left >= 1
        self._buckets[address] = left - 1 if is_allowed else left, now
        while len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        if not is_allowed:
            wait = int((1 - left) * _MINUTE / self._full) + 1
            raise TooManyRequests("the address asks too often", retry_after=wait)
