"""The guarded path of every upstream call, whatever its transport: dead-line, breaker, bulkhead,
repetition, record.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeVar

from adapters.kit.deadline import deadline, remaining
from adapters.kit.manifest import Manifest, Operation
from adapters.kit.resilience import (
    Breaker,
    BreakerOpen,
    BreakerState,
    Bulkhead,
    NoPlace,
    Pace,
    RetryBudget,
)
from adapters.kit.telemetry import Attempt, Outcome, Telemetry, outcome_of
from adapters.kit.translate import TRANSPORT_ERRORS, no_answer
from kernel.clock import Clock
from kernel.errors import (
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import IdSource
from kernel.work import require_no_open_work

MAX_ATTEMPTS: Final = 2
"""A citizen waits: one repetition, the rest belongs to a background task."""
QUEUE_SECONDS: Final = 1.0
JITTER_SECONDS: Final = 0.3
MAX_PAUSE_SECONDS: Final = 2
"""An upstream that invites us back later than this is not waited for."""

T = TypeVar("T")
Send = Callable[[Attempt], Awaitable[T]]


class Calls:
    """Runs calls to one upstream; a breaker per operation, everything else per upstream."""

    def __init__(
        self, manifest: Manifest, *, clock: Clock, ids: IdSource, telemetry: Telemetry
    ) -> None:
        self._manifest = manifest
        self._clock = clock
        self._ids = ids
        self._telemetry = telemetry
        self._bulkhead = Bulkhead(manifest.limits.concurrency, wait=QUEUE_SECONDS)
        self._pace = Pace(manifest.limits.per_second)
        self._budget = RetryBudget(clock.monotonic)
        self._breakers = {
            name: Breaker(clock.monotonic, on_change=partial(self._breaker_changed, name))
            for name in manifest.operations
        }

    @property
    def breakers(self) -> Mapping[str, BreakerState]:
        """Return the state of every operation's breaker."""
        return {name: breaker.state for name, breaker in self._breakers.items()}

    async def run(self, operation: str, send: Send[T]) -> T:
        """Call ``send`` once, or twice where the manifest allows; raises the five upstream errors
        only.

        Also raises WorkHeldOpen inside a unit of work and BadManifest for an operation that is
        not declared.
        """
        require_no_open_work()
        spec = self._manifest.operation(operation)
        self._budget.called()
        may_have_happened = False
        async with deadline(self._manifest.limits.deadline_ms / 1000):
            for number in range(1, MAX_ATTEMPTS + 1):
                attempt = Attempt(number, self._clock.monotonic())
                try:
                    return await self._once(operation, spec, attempt, send)
                except UpstreamRejected:
                    raise
                except UpstreamError as exc:
                    may_have_happened |= isinstance(exc, UpstreamOutcomeUnknown)
                    if await self._may_repeat(spec, attempt, exc):
                        continue
                    if may_have_happened and not isinstance(exc, UpstreamOutcomeUnknown):
                        # The repetition was not even taken, but the first message may have had
                        # its effect.
                        raise UpstreamOutcomeUnknown(
                            "sent, no answer; then: " + exc.detail
                        ) from exc
                    raise
        msg = "unreachable: the last attempt returns or raises"
        raise AssertionError(msg)

    async def _once(self, operation: str, spec: Operation, attempt: Attempt, send: Send[T]) -> T:
        breaker = self._breakers[operation]
        try:
            breaker.require_willing()
            await self._pace.turn(min(QUEUE_SECONDS, remaining()))
            async with self._bulkhead.place(remaining()):
                if remaining() <= 0:
                    raise NoPlace
                ticket = breaker.enter()
                return await self._guarded(operation, spec, attempt, send, ticket)
        except BreakerOpen as exc:
            failure = UpstreamUnavailable(
                "breaker open", retry_after=max(1, math.ceil(exc.retry_after))
            )
        except NoPlace:
            failure = UpstreamUnavailable(
                "no time left" if remaining() <= 0 else "too many calls under way", retry_after=1
            )
        attempt.refused = True
        self._finished(operation, attempt, Outcome.REFUSED)
        raise failure

    async def _guarded(
        self, operation: str, spec: Operation, attempt: Attempt, send: Send[T], ticket: int
    ) -> T:
        outcome = Outcome.BROKEN
        self._telemetry.started(self._manifest.name)
        try:
            result = await self._timed(spec, attempt, send)
            outcome = Outcome.OK
        except UpstreamError as exc:
            outcome = outcome_of(exc)
            raise
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED
            raise
        else:
            return result
        finally:
            self._breakers[operation].leave(ticket, failed=_verdict(outcome))
            self._telemetry.ended(self._manifest.name)
            self._finished(operation, attempt, outcome)

    async def _timed(self, spec: Operation, attempt: Attempt, send: Send[T]) -> T:
        seconds = min((spec.connect_ms + spec.read_ms) / 1000, remaining())
        try:
            async with asyncio.timeout(seconds):
                return await send(attempt)
        except TRANSPORT_ERRORS as exc:
            raise no_answer(spec, attempt) from exc

    async def _may_repeat(self, spec: Operation, attempt: Attempt, exc: UpstreamError) -> bool:
        """Wait and return True when the same message may go out once more."""
        if attempt.number >= MAX_ATTEMPTS or attempt.refused or not spec.repeatable:
            return False
        lost = isinstance(exc, UpstreamUnavailable) or (
            spec.keyed and isinstance(exc, UpstreamOutcomeUnknown)
        )
        pause = attempt.hint if attempt.hint is not None else self._jitter()
        late = pause > MAX_PAUSE_SECONDS or pause + spec.connect_ms / 1000 >= remaining()
        if not lost or late or not self._budget.take():
            return False
        await asyncio.sleep(pause)
        return True

    def _jitter(self) -> float:
        """Return a pause of 0 to JITTER_SECONDS, evenly spread: full jitter."""
        drawn = hashlib.sha256(self._ids.secret().encode()).digest()
        return int.from_bytes(drawn[:4]) / 2**32 * JITTER_SECONDS

    def _finished(self, operation: str, attempt: Attempt, outcome: Outcome) -> None:
        self._telemetry.finished(self._manifest.name, operation, attempt, outcome)

    def _breaker_changed(self, operation: str, old: BreakerState, new: BreakerState) -> None:
        self._telemetry.breaker_changed(self._manifest.name, operation, old.value, new.value)


def _verdict(outcome: Outcome) -> bool | None:
    """Return what an outcome tells the breaker: a refusal is a sign of life, a cancelled call
    says nothing.
    """
    match outcome:
        case Outcome.OK | Outcome.REJECTED | Outcome.AUTH_FAILED:
            return False
        case Outcome.UNAVAILABLE | Outcome.OUTCOME_UNKNOWN | Outcome.PROTOCOL_ERROR:
            return True
        case Outcome.REFUSED | Outcome.CANCELLED | Outcome.BROKEN:
            return None
