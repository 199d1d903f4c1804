"""What is known about every upstream call: four time stamps, metrics, one log line, the latest
calls; never bodies.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kernel.clock import Clock
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

trace_id: Final[ContextVar[str]] = ContextVar("trace_id", default="")
"""Id of the incoming request (追踪编号); the gateway sets it, the client passes it on to the
upstream.
"""

RECENT_CALLS: Final = 500
KNOWN_CODES: Final = 1_000
_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,31}|-?[0-9]{1,6}")

_log = structlog.get_logger("adapters")


class Outcome(StrEnum):
    """How one attempt ended."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    OUTCOME_UNKNOWN = "outcome_unknown"
    REJECTED = "rejected"
    AUTH_FAILED = "auth_failed"
    PROTOCOL_ERROR = "protocol_error"
    REFUSED = "refused"
    """Not sent: breaker open, no place, or no time left."""
    CANCELLED = "cancelled"
    BROKEN = "broken"
    """A programming error on our side."""


@dataclass
class Attempt:
    """One attempt under way; the transports stamp it with monotonic seconds."""

    number: int
    queued: float
    sent: float | None = None
    """When the first byte of the message may have left; until then nothing can have happened over
    there.
    """
    first_byte: float | None = None
    status: int | None = None
    hint: int | None = None
    """Seconds after which the upstream itself invites us back (Retry-After)."""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished attempt (一次上游调用), as the console, the probes and the availability engine
    see it.
    """

    upstream: str
    operation: str
    attempt: int
    outcome: Outcome
    at: datetime
    queued: float
    sent: float | None
    first_byte: float | None
    done: float
    status: int | None
    trace_id: str

    @property
    def milliseconds(self) -> int:
        """Return the whole duration, waiting included, in milliseconds."""
        return round((self.done - self.queued) * 1000)


Listener = Callable[[CallRecord], None]


def outcome_of(exc: UpstreamError) -> Outcome:
    """Return the outcome that an error stands for."""
    for kind, outcome in (
        (UpstreamUnavailable, Outcome.UNAVAILABLE),
        (UpstreamOutcomeUnknown, Outcome.OUTCOME_UNKNOWN),
        (UpstreamRejected, Outcome.REJECTED),
        (UpstreamAuthFailed, Outcome.AUTH_FAILED),
        (UpstreamProtocolError, Outcome.PROTOCOL_ERROR),
    ):
        if isinstance(exc, kind):
            return outcome
    return Outcome.BROKEN


class Telemetry:
    """Takes every call's record; one per process, shared by all upstreams."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._recent: deque[CallRecord] = deque(maxlen=RECENT_CALLS)
        self._unknown: Tally[tuple[str, str, str]] = Tally()
        self._listeners: list[Listener] = []
        # Looking up labels costs as much as all the rest of a record.
        self._series: dict[tuple[str, str, Outcome], Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        self._seconds = Histogram(
            "onewindow_upstream_seconds",
            "Duration of upstream calls",
            ("upstream", "operation", "outcome"),
            registry=registry,
            buckets=_BUCKETS,
        )
        self._in_flight = Gauge(
            "onewindow_upstream_in_flight", "Calls under way", ("upstream",), registry=registry
        )
        self._breaker = Gauge(
            "onewindow_upstream_breaker",
            "0 closed, 1 half-open, 2 open",
            ("upstream", "operation"),
            registry=registry,
        )
        self._unknown_codes = Counter(
            "onewindow_upstream_unknown_codes",
            "Codes that no mapping knows",
            ("upstream", "field"),
            registry=registry,
        )

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` after every attempt, in the caller's task; it must be quick and must
        not raise.
        """
        self._listeners.append(listener)

    def started(self, upstream: str) -> None:
        """Count a call that is on its way."""
        self._gauge(upstream).inc()

    def ended(self, upstream: str) -> None:
        """Count a call that has come back, however it ended."""
        self._gauge(upstream).dec()

    def finished(self, upstream: str, operation: str, attempt: Attempt, outcome: Outcome) -> None:
        """Record one finished attempt."""
        record = CallRecord(
            upstream=upstream,
            operation=operation,
            attempt=attempt.number,
            outcome=outcome,
            at=self._clock.now(),
            queued=attempt.queued,
            sent=attempt.sent,
            first_byte=attempt.first_byte,
            done=self._clock.monotonic(),
            status=attempt.status,
            trace_id=trace_id.get(),
        )
        self._recent.append(record)
        self._histogram(upstream, operation, outcome).observe(record.done - record.queued)
        say = _log.info if outcome is Outcome.OK else _log.warning
        say(
            "upstream_call",
            upstream=upstream,
            operation=operation,
            outcome=outcome.value,
            ms=record.milliseconds,
            attempt=record.attempt,
            status=record.status,
            trace_id=record.trace_id,
        )
        for listener in self._listeners:
            listener(record)

    def breaker_changed(self, upstream: str, operation: str, old: str, new: str) -> None:
        """Record that a breaker changed its state: one line when it goes, one when it returns."""
        self._breaker.labels(upstream, operation).set({"closed": 0, "half_open": 1}.get(new, 2))
        _log.warning("breaker_changed", upstream=upstream, operation=operation, old=old, new=new)

    def unknown(self, upstream: str, field: str, code: str) -> None:
        """Count a code that the mapping does not know; what does not look like a code is not
        written down.
        """
        shown = code if _CODE.fullmatch(code) else f"({len(code)} characters)"
        self._unknown_codes.labels(upstream, field).inc()
        key = (upstream, field, shown)
        if key in self._unknown or len(self._unknown) < KNOWN_CODES:
            self._unknown[key] += 1
        _log.warning("unknown_code", upstream=upstream, field=field, code=shown)

    def _gauge(self, upstream: str) -> Gauge:
        if (gauge := self._gauges.get(upstream)) is None:
            gauge = self._gauges[upstream] = self._in_flight.labels(upstream)
        return gauge

    def _histogram(self, upstream: str, operation: str, outcome: Outcome) -> Histogram:
        key = (upstream, operation, outcome)
        if (series := self._series.get(key)) is None:
            series = self._series[key] = self._seconds.labels(upstream, operation, outcome.value)
        return series

    def recent(self, upstream: str | None = None) -> tuple[CallRecord, ...]:
        """Return the latest calls of this process, newest first."""
        return tuple(r for r in reversed(self._recent) if upstream in {None, r.upstream})

    def unknown_codes(self) -> Mapping[tuple[str, str, str], int]:
        """Return how often each (upstream, field, code) was seen since the process started."""
        return dict(self._unknown)
