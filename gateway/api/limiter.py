"""Counts what one address or client asks, and refuses what is too much."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from gateway.settings import Rate
from identity import Client
from kernel.errors import Failure, Text

PER_MINUTE: Final = 30
_MINUTE: Final = 60.0
_NAMES: Final = 20_000


class TooManyRequests(Failure):
    """One address or client asks too often."""

    code = "too_many_requests"
    status = 429
    title = Text("请求过于频繁", "Too many requests")
    citizen = Text("查询过于频繁，请稍后再试。", "Too many requests; please wait a moment.")
    clerk = Text("同一地址查询过于频繁，请稍后再试。", "This address asks too often; wait.")


class Buckets:
    """A bucket of tokens per name (令牌桶); the longest unused ones are forgotten first.

    It counts within one process: several processes allow as many times as much.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float, *, full: float, per_second: float) -> None:
        """Count one request at ``now``, monotonic seconds. Raises TooManyRequests with the wait."""
        left, since = self._buckets.pop(name, (full, now))
        left = min(full, left + (now - since) * per_second)
        is_allowed = left >= 1
        self._buckets[name] = left - 1 if is_allowed else left, now
        while len(self._buckets) > _NAMES:
            self._buckets.popitem(last=False)
        if not is_allowed:
            wait = int((1 - left) / per_second) + 1
            raise TooManyRequests("the caller asks too often", retry_after=wait)


class Limiter:
    """What one address may ask without a token."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._full = float(per_minute)
        self._buckets = Buckets()

    def take(self, address: str, now: float) -> None:
        """Count one request at ``now``, monotonic seconds. Raises TooManyRequests with the wait."""
        per_second = self._full / _MINUTE
        self._buckets.take(address, now, full=self._full, per_second=per_second)


class Rates:
    """What one client may ask, by its rate class (流量等级)."""

    def __init__(self, classes: Mapping[str, Rate]) -> None:
        self._classes = dict(classes)
        self._buckets = Buckets()

    def take(self, client: Client, now: float) -> None:
        """Count one request. Raises TooManyRequests with the wait."""
        rate = self._classes[client.rate_class]
        self._buckets.take(
            client.client_id, now, full=float(rate.burst), per_second=float(rate.per_second)
        )
