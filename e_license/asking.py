"""Puts questions to the sources of licences: in order or side by side, in time, each one noted."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from e_license.errors import LicenceNotSupported
from e_license.model import (
    Access,
    AnswerStatus,
    FetchRequest,
    LicenceAnswer,
    LookupRequest,
    Operation,
)
from e_license.options import LicenceOptions
from e_license.ports import LicenceProvider
from kernel.clock import Clock
from kernel.errors import Failure, UpstreamError
from kernel.masking import scrub

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)

_ABORTED: Final = "ABORTED"
_FROM_MEMORY: Final = "MEMORY"
TOO_LATE: Final = "deadline_exceeded"
"""Reason of an answer that did not come within the time of a pre-check."""
_REASONS: Final[Mapping[AnswerStatus, str]] = {
    AnswerStatus.FOUND: "found",
    AnswerStatus.NOT_FOUND: "no_such_licence",
    AnswerStatus.PENDING: "in_progress",
    AnswerStatus.DENIED: "no_right_to_type",
    AnswerStatus.UNAVAILABLE: "no_answer",
}
_UNCLEAR: Final = frozenset({AnswerStatus.NOT_FOUND, AnswerStatus.UNAVAILABLE})


@dataclass
class Calls:
    """The calls made for one request and what the log will say about each."""

    request: LookupRequest | FetchRequest
    subject_hash: str
    licence_type: str
    identifier: str = ""
    made: list[Access] = field(default_factory=list)


_Key = tuple[str, str, str, str]


class _Misses:
    """Questions that were answered NOT_FOUND a moment ago, in this process, bounded in number and
    age; no licence and no face data is ever kept.
    """

    def __init__(self, clock: Clock, options: LicenceOptions) -> None:
        self._clock = clock
        self._options = options
        self._until: OrderedDict[_Key, float] = OrderedDict()

    def add(self, key: _Key) -> None:
        self._until[key] = self._clock.monotonic() + self._options.miss_seconds
        self._until.move_to_end(key)
        if len(self._until) > self._options.miss_entries:
            self._until.popitem(last=False)

    def __contains__(self, key: _Key) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if until <= self._clock.monotonic():
            del self._until[key]
            return False
        return True


class Sources:
    """The connected sources in the order of trust: the province first, the nation next."""

    def __init__(
        self, providers: Mapping[str, LicenceProvider], clock: Clock, options: LicenceOptions
    ) -> None:
        self._providers = dict(providers)
        self._clock = clock
        self._options = options
        self._misses = _Misses(clock, options)
        self._down_since: dict[str, datetime] = {}

    def provider(self, source: str) -> LicenceProvider:
        """Return the provider of this name. Raises LicenceNotSupported."""
        found = self._providers.get(source)
        if found is None:
            raise LicenceNotSupported("the source of this licence is not connected any more")
        return found

    async def find(
        self, request: LookupRequest, calls: Calls, *, seconds: float | None = None
    ) -> LicenceAnswer:
        """Return the first clear answer; with ``seconds`` all are asked at once and in that time.

        Never raises an upstream error. NOT_FOUND is remembered for up to a minute, under holder,
        type, item and client.
        """
        key = (
            calls.subject_hash,
            request.licence_type,
            request.purpose.item_code,
            request.channel,
        )
        missing = LicenceAnswer(AnswerStatus.NOT_FOUND)
        if key in self._misses:
            return await self.answer(calls, Operation.FIND, _FROM_MEMORY, _always(missing))
        if seconds is None:
            answer = await self._one_by_one(request, calls)
        else:
            answer = await self._side_by_side(request, calls, seconds)
        if answer.status is AnswerStatus.NOT_FOUND:
            self._misses.add(key)
        return answer

    async def _one_by_one(self, request: LookupRequest, calls: Calls) -> LicenceAnswer:
        answer = self._told(LicenceAnswer(AnswerStatus.NOT_FOUND), "")
        for source in self._providers:
            asked = await self._ask(request, calls, source)
            if asked.status not in _UNCLEAR:
                return asked
            answer = _the_better(answer, asked)
        return answer

    async def _side_by_side(
        self, request: LookupRequest, calls: Calls, seconds: float
    ) -> LicenceAnswer:
        answer = self._told(LicenceAnswer(AnswerStatus.NOT_FOUND), "")
        asked = [
            (source, asyncio.create_task(self._in_time(request, calls, source, seconds)))
            for source in self._providers
        ]
        try:
            for _, task in asked:
                one = await task
                if one.status not in _UNCLEAR:
                    return one
                answer = _the_better(answer, one)
        finally:
            for _, task in asked:
                task.cancel()
            # Their notes are taken on the way out, so the way out is awaited.
            await asyncio.gather(*(task for _, task in asked), return_exceptions=True)
        return answer

    async def _in_time(
        self, request: LookupRequest, calls: Calls, source: str, seconds: float
    ) -> LicenceAnswer:
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(request, calls, source)
        except TimeoutError:
            since = self._down_since.setdefault(source, self._clock.now())
            late = LicenceAnswer(AnswerStatus.UNAVAILABLE, reason=TOO_LATE, since=since)
            return self._told(late, source)

    async def _ask(self, request: LookupRequest, calls: Calls, source: str) -> LicenceAnswer:
        provider = self._providers[source]
        question = partial(provider.find, request.holder, request.licence_type, request.purpose)
        return await self.answer(calls, Operation.FIND, source, question)

    async def answer(
        self,
        calls: Calls,
        operation: Operation,
        source: str,
        call: Callable[[], Awaitable[LicenceAnswer]],
    ) -> LicenceAnswer:
        """Return what a source says; an upstream that fails makes an answer, not an exception."""
        try:
            answer = await self.timed(calls, operation, source, call)
        except UpstreamError as exc:
            since = self._down_since.setdefault(source, self._clock.now())
            wait = exc.retry_after
            answer = LicenceAnswer(
                AnswerStatus.UNAVAILABLE,
                reason=exc.code,
                upstream_status=_upstream_code(exc),
                since=since,
                retry_at=None if wait is None else self._clock.now() + timedelta(seconds=wait),
            )
        else:
            self._down_since.pop(source, None)
        return self._told(answer, source)

    def _told(self, answer: LicenceAnswer, source: str) -> LicenceAnswer:
        now, waits = self._clock.now(), self._options
        seconds = {
            AnswerStatus.NOT_FOUND: waits.miss_seconds,
            AnswerStatus.PENDING: waits.pending_seconds,
        }.get(answer.status)
        if answer.reason == TOO_LATE:
            seconds = waits.pending_seconds
        again = None if seconds is None else now + timedelta(seconds=seconds)
        return replace(
            answer,
            source=source,
            fetched_at=now,
            reason=answer.reason or _REASONS[answer.status],
            retry_at=answer.retry_at or again,
        )

    async def timed(
        self,
        calls: Calls,
        operation: Operation,
        source: str,
        call: Callable[[], Awaitable[T]],
    ) -> T:
        """Carry out one call and note it, also when it fails or is cancelled."""
        begun = self._clock.monotonic()
        outcome, upstream_status = _ABORTED, ""
        fields: tuple[str, ...] = ()
        try:
            result = await call()
            outcome = AnswerStatus.FOUND
            if isinstance(result, LicenceAnswer):
                outcome, upstream_status = result.status, result.upstream_status
                fields = tuple(sorted({key for one in result.licences for key in one.face}))
            return result
        except Failure as exc:
            outcome, upstream_status = exc.code, _upstream_code(exc)
            raise
        finally:
            purpose = calls.request.purpose
            calls.made.append(
                Access(
                    at=self._clock.now(),
                    reference=purpose.reference,
                    item_code=purpose.item_code,
                    actor=calls.request.actor,
                    channel=calls.request.channel,
                    trace_id=calls.request.trace_id,
                    subject_hash=calls.subject_hash,
                    licence_type=calls.licence_type,
                    identifier=calls.identifier,
                    operation=operation,
                    cause=scrub(purpose.cause),
                    auth_basis=purpose.auth_basis,
                    source=source,
                    outcome=outcome,
                    upstream_status=upstream_status,
                    elapsed_ms=round((self._clock.monotonic() - begun) * 1000),
                    fields=fields,
                )
            )
            _log.info("licence %s for %s: %s", operation, purpose.reference, outcome)


def _the_better(before: LicenceAnswer, now: LicenceAnswer) -> LicenceAnswer:
    # A source that could not answer might have had it.
    return now if before.status is AnswerStatus.NOT_FOUND else before


def _always(answer: LicenceAnswer) -> Callable[[], Awaitable[LicenceAnswer]]:
    async def call() -> LicenceAnswer:
        return answer

    return call


def _upstream_code(failure: Failure) -> str:
    return str(failure.extras.get("upstream_code", ""))
