"""The use cases of licences: look up, look again, fetch the file, and show what serves a case."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from e_license.errors import LicenceNotFound, LicenceNotSupported
from e_license.model import (
    Access,
    AnswerStatus,
    FetchRequest,
    Holder,
    Licence,
    LicenceAnswer,
    LicenceDocument,
    LicenceState,
    LicenceUse,
    LookupRequest,
    Operation,
)
from e_license.options import LicenceOptions
from e_license.ports import LicenceProvider, LicenceRepository, SubjectHash
from kernel.clock import Clock
from kernel.errors import Failure, UpstreamError, UpstreamProtocolError
from kernel.ids import IdSource
from kernel.masking import scrub
from kernel.work import JsonMap, Work, WorkSource, require_no_open_work

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)

_ABORTED: Final = "ABORTED"
_FROM_MEMORY: Final = "MEMORY"
RECORDED: Final = "elicense.recorded"
"""Event: a licence stands for a material of a case, or does so in another state than before."""


@dataclass
class _Calls:
    """The calls made for one request and what the log will say about each."""

    request: LookupRequest | FetchRequest
    subject_hash: str
    licence_type: str
    identifier: str = ""
    made: list[Access] = field(default_factory=list)


class _Misses:
    """Questions that were answered NOT_FOUND a moment ago, in this process, bounded in number and
    age.
    """

    def __init__(self, clock: Clock, options: LicenceOptions) -> None:
        self._clock = clock
        self._options = options
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def add(self, key: tuple[str, str]) -> None:
        self._until[key] = self._clock.monotonic() + self._options.miss_seconds
        self._until.move_to_end(key)
        if len(self._until) > self._options.miss_entries:
            self._until.popitem(last=False)

    def __contains__(self, key: tuple[str, str]) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if until <= self._clock.monotonic():
            del self._until[key]
            return False
        return True


class LicenceService:
    """电子证照 for the acceptance process; cases appear here as opaque references only.

    ``providers`` are asked in their order until one has an answer. An upstream that is down makes
    an answer, not an exception: the applicant uploads the paper instead. Every question put to a
    source is logged with who asked, for what and on which basis; face data are handed through and
    never stored.
    """

    def __init__(
        self,
        providers: Mapping[str, LicenceProvider],
        repository: LicenceRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        subject_hash: SubjectHash,
        options: LicenceOptions,
    ) -> None:
        self._providers = dict(providers)
        self._repository = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._subject_hash = subject_hash
        self._options = options
        self._misses = _Misses(clock, options)

    async def lookup(self, request: LookupRequest) -> LicenceAnswer:
        """Ask for a holder's licences of one type and record those found as serving the material.

        Never raises an upstream error. NOT_FOUND is remembered for up to a minute.
        """
        require_no_open_work()
        calls = _Calls(request, self._hash(request.holder), request.licence_type)
        async with self._logged(calls):
            answer = await self._find(request, calls)
        await self._record(calls, [self._use(request, answer, one) for one in answer.licences])
        return answer

    async def fetch(self, request: FetchRequest) -> LicenceAnswer:
        """Ask again about a licence that serves this case, and bring the record up to date.

        Raises LicenceNotFound when the case never looked this licence up; no upstream error.
        """
        require_no_open_work()
        known = await self._known(request)
        calls = _Calls(request, known[0].subject_hash, known[0].licence_type, request.identifier)
        source = known[0].source
        provider = self._provider(source)
        async with self._logged(calls):
            answer = await self._answer(
                calls,
                Operation.FETCH,
                source,
                lambda: provider.fetch(request.identifier, request.purpose),
            )
        await self._record(calls, [_refreshed(use, answer, self._clock.now()) for use in known])
        return answer

    async def fetch_document(self, request: FetchRequest) -> LicenceDocument:
        """Return the file of a licence that serves this case, and store its digests.

        The upstream's temporary address stays inside the adapter. Raises LicenceNotFound,
        LicenceDenied, LicenceNotUsable, LicenceNotSupported and the upstream errors.
        """
        require_no_open_work()
        known = await self._known(request)
        calls = _Calls(request, known[0].subject_hash, known[0].licence_type, request.identifier)
        source = known[0].source
        provider = self._provider(source)
        async with self._logged(calls):
            document = await self._timed(
                calls,
                Operation.DOCUMENT,
                source,
                lambda: provider.document(request.identifier, request.purpose),
            )
            if len(document.content) > self._options.max_document_bytes:
                raise UpstreamProtocolError("the licence file is larger than allowed")
        async with self._works.begin() as work:
            await self._write(work, calls)
            await self._repository.set_document(
                work, request.purpose.reference, request.identifier, document, self._clock.now()
            )
        return document

    async def served(self, reference: str) -> Sequence[LicenceUse]:
        """Return which licences serve which materials of a case, oldest first."""
        async with self._works.read() as work:
            return await self._repository.uses(work, reference)

    def _hash(self, holder: Holder) -> str:
        return self._subject_hash(f"{holder.kind.value}:{holder.code.upper()}")

    async def _known(self, request: FetchRequest) -> list[LicenceUse]:
        # Rights of use are per case: an identifier alone opens nothing.
        uses = await self.served(request.purpose.reference)
        known = [use for use in uses if use.identifier == request.identifier]
        if not known:
            raise LicenceNotFound("this reference has not looked the licence up")
        return known

    def _provider(self, source: str) -> LicenceProvider:
        found = self._providers.get(source)
        if found is None:
            raise LicenceNotSupported("the source of this licence is not connected any more")
        return found

    async def _find(self, request: LookupRequest, calls: _Calls) -> LicenceAnswer:
        key = (calls.subject_hash, request.licence_type)
        answer = LicenceAnswer(AnswerStatus.NOT_FOUND, fetched_at=self._clock.now())
        if key in self._misses:
            return await self._answer(calls, Operation.FIND, _FROM_MEMORY, _always(answer))
        for source, provider in self._providers.items():
            question = partial(provider.find, request.holder, request.licence_type, request.purpose)
            asked = await self._answer(calls, Operation.FIND, source, question)
            if asked.status not in {AnswerStatus.NOT_FOUND, AnswerStatus.UNAVAILABLE}:
                return asked
            # A source that could not answer might have had it.
            if answer.status is AnswerStatus.NOT_FOUND:
                answer = asked
        if answer.status is AnswerStatus.NOT_FOUND:
            self._misses.add(key)
        return answer

    async def _answer(
        self,
        calls: _Calls,
        operation: Operation,
        source: str,
        call: Callable[[], Awaitable[LicenceAnswer]],
    ) -> LicenceAnswer:
        try:
            answer = await self._timed(calls, operation, source, call)
        except UpstreamError as exc:
            answer = LicenceAnswer(
                AnswerStatus.UNAVAILABLE, reason=exc.code, upstream_status=_upstream_code(exc)
            )
        return replace(answer, source=source, fetched_at=self._clock.now())

    async def _timed(
        self,
        calls: _Calls,
        operation: Operation,
        source: str,
        call: Callable[[], Awaitable[T]],
    ) -> T:
        begun = self._clock.monotonic()
        outcome, upstream_status = _ABORTED, ""
        try:
            result = await call()
            outcome = AnswerStatus.FOUND
            if isinstance(result, LicenceAnswer):
                outcome, upstream_status = result.status, result.upstream_status
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
                )
            )
            _log.info("licence %s for %s: %s", operation, purpose.reference, outcome)

    def _use(self, request: LookupRequest, answer: LicenceAnswer, licence: Licence) -> LicenceUse:
        return LicenceUse(
            id=self._ids.new("use"),
            reference=request.purpose.reference,
            material_code=request.material_code,
            identifier=licence.identifier,
            identifier_check=licence.identifier_check,
            licence_type=licence.type_code,
            subject_hash=self._hash(request.holder),
            source=answer.source,
            state=licence.state,
            raw_state=licence.raw_state,
            valid_from=licence.valid_from,
            valid_to=licence.valid_to,
            fetched_at=answer.fetched_at or self._clock.now(),
        )

    @asynccontextmanager
    async def _logged(self, calls: _Calls) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            # Also when the request is cancelled: personal data may have been read.
            await self._record(calls, ())
            raise

    async def _record(self, calls: _Calls, uses: Sequence[LicenceUse]) -> None:
        async with self._works.begin() as work:
            await self._write(work, calls)
            for use in uses:
                if await self._repository.save_use(work, use):
                    data: JsonMap = {
                        "material_code": use.material_code,
                        "licence_type": use.licence_type,
                        "state": use.state.value,
                    }
                    await work.emit(RECORDED, use.reference, data)

    async def _write(self, work: Work, calls: _Calls) -> None:
        for access in calls.made:
            await self._repository.log_access(work, access)


def _always(answer: LicenceAnswer) -> Callable[[], Awaitable[LicenceAnswer]]:
    async def call() -> LicenceAnswer:
        return answer

    return call


def _upstream_code(failure: Failure) -> str:
    return str(failure.extras.get("upstream_code", ""))


def _refreshed(use: LicenceUse, answer: LicenceAnswer, now: datetime) -> LicenceUse:
    if answer.status is AnswerStatus.NOT_FOUND:
        # The source that issued it denies it now: it must not stand for a material any longer.
        state = LicenceState.INVALID_OTHER
        return replace(use, state=state, raw_state=answer.upstream_status, fetched_at=now)
    if answer.status is not AnswerStatus.FOUND:
        return use
    if answer.state is not None:
        return replace(use, state=answer.state, raw_state=answer.upstream_status, fetched_at=now)
    for one in answer.licences:
        if one.identifier == use.identifier:
            return replace(
                use,
                identifier_check=one.identifier_check,
                state=one.state,
                raw_state=one.raw_state,
                valid_from=one.valid_from,
                valid_to=one.valid_to,
                fetched_at=now,
            )
    return use
