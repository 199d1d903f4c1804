"""The use cases of licences: look up, look again, fetch the file, and show what serves a case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from e_license.asking import Calls, Sources
from e_license.errors import LicenceNotFound
from e_license.grants.model import Use
from e_license.grants.service import Grants
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
from e_license.ports import LicenceProvider, LicenceRepository
from kernel.clock import Clock
from kernel.errors import UpstreamProtocolError
from kernel.ids import IdSource
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import JsonMap, Work, WorkSource, require_no_open_work

RECORDED: Final = "elicense.recorded"
"""Event: a licence stands for a material of a case, or does so in another state than before."""


class LicenceService:
    """电子证照 for the acceptance process; cases appear here as opaque references only.

    ``providers`` are asked in their order until one has an answer, and only after a grant of
    exactly this question was used up in the database (``e_license.grants``). An upstream that is
    down makes an answer, not an exception: the applicant uploads the paper instead. Every question
    put to a source is logged with who asked, for what and on which basis; face data are handed
    through and never stored.
    """

    def __init__(
        self,
        providers: Mapping[str, LicenceProvider],
        repository: LicenceRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        grants: Grants,
        options: LicenceOptions,
    ) -> None:
        self._sources = Sources(providers, clock, options)
        self._repository = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._grants = grants
        self._options = options

    @property
    def precheck_seconds(self) -> float:
        """Return within how many seconds a pre-check has its answers."""
        return self._options.precheck_ms / 1000

    async def lookup(self, request: LookupRequest) -> LicenceAnswer:
        """Ask for a holder's licences of one type and record those found as serving the material.

        Never raises an upstream error. Raises LicenceGrantInvalid. NOT_FOUND is remembered for up
        to a minute.
        """
        require_no_open_work()
        (calls,) = await self._begun([request])
        async with self._logged(calls):
            answer = await self._sources.find(request, calls)
        await self._record([(calls, self._found(request, calls, answer))])
        return answer

    async def lookup_all(
        self, requests: Sequence[LookupRequest], *, seconds: float
    ) -> list[LicenceAnswer]:
        """Ask several questions at once, all sources side by side, and answer in this time.

        The answers have the order of the requests; who is too late is UNAVAILABLE with the reason
        ``deadline_exceeded``. Raises LicenceGrantInvalid before anybody is asked.
        """
        require_no_open_work()
        begun = await self._begun(requests)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._sources.find(request, calls, seconds=seconds))
                    for request, calls in zip(requests, begun, strict=True)
                ]
        except BaseException:
            await self._record([(calls, ()) for calls in begun])
            raise
        answers = [task.result() for task in tasks]
        together = zip(requests, begun, answers, strict=True)
        await self._record(
            [(calls, self._found(one, calls, told)) for one, calls, told in together]
        )
        return answers

    async def fetch(self, request: FetchRequest) -> LicenceAnswer:
        """Ask again about a licence that serves this case, and bring the record up to date.

        Raises LicenceNotFound when the case never looked this licence up, LicenceGrantInvalid; no
        upstream error.
        """
        require_no_open_work()
        known = await self._known(request)
        source = known[0].source
        provider = self._sources.provider(source)
        calls = await self._granted(request, known[0], Operation.FETCH)
        async with self._logged(calls):
            answer = await self._sources.answer(
                calls,
                Operation.FETCH,
                source,
                lambda: provider.fetch(request.identifier, request.purpose),
            )
        fresh = [_refreshed(use, answer, self._clock.now()) for use in known]
        await self._record([(calls, fresh)])
        return answer

    async def fetch_document(self, request: FetchRequest) -> LicenceDocument:
        """Return the file of a licence that serves this case, and store its digests.

        The upstream's temporary address stays inside the adapter. Raises LicenceNotFound,
        LicenceDenied, LicenceNotUsable, LicenceNotSupported, LicenceGrantInvalid and the upstream
        errors.
        """
        require_no_open_work()
        known = await self._known(request)
        source = known[0].source
        provider = self._sources.provider(source)
        calls = await self._granted(request, known[0], Operation.DOCUMENT)
        async with self._logged(calls):
            document = await self._sources.timed(
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
            return await self.served_in(work, reference)

    async def served_in(self, work: Work, reference: str) -> Sequence[LicenceUse]:
        """Like ``served``, in a unit of work that is open."""
        return await self._repository.uses(work, reference)

    async def ledger(
        self, holder: Holder, cursor: str | None, limit: int
    ) -> Page[tuple[int, Access]]:
        """Return a page of who read this holder's licences, newest first. Raises InvalidCursor."""
        before = int(decode_cursor(cursor, (int,))[0]) if cursor else None
        async with self._works.read() as work:
            rows = await self._repository.accesses(
                work, self._grants.hash_of(holder), before, limit + 1
            )
        return page_of(rows, limit, lambda row: (row[0],))

    async def _begun(self, requests: Sequence[LookupRequest]) -> list[Calls]:
        begun = [
            Calls(request, self._grants.hash_of(request.holder), request.licence_type)
            for request in requests
        ]
        wanted = [
            Use(
                request.grant,
                request.purpose.reference,
                calls.subject_hash,
                calls.licence_type,
                Operation.FIND,
            )
            for request, calls in zip(requests, begun, strict=True)
        ]
        async with self._works.begin() as work:
            await self._grants.consume(work, wanted)
        return begun

    async def _granted(
        self, request: FetchRequest, known: LicenceUse, operation: Operation
    ) -> Calls:
        use = Use(
            request.grant,
            request.purpose.reference,
            known.subject_hash,
            known.licence_type,
            operation,
            request.identifier,
        )
        async with self._works.begin() as work:
            await self._grants.consume(work, [use])
        return Calls(request, known.subject_hash, known.licence_type, request.identifier)

    async def _known(self, request: FetchRequest) -> list[LicenceUse]:
        # Rights of use are per case: an identifier alone opens nothing.
        uses = await self.served(request.purpose.reference)
        known = [use for use in uses if use.identifier == request.identifier]
        if not known:
            raise LicenceNotFound("this reference has not looked the licence up")
        return known

    def _found(
        self, request: LookupRequest, calls: Calls, answer: LicenceAnswer
    ) -> list[LicenceUse]:
        return [self._use(request, calls, answer, licence) for licence in answer.licences]

    def _use(
        self, request: LookupRequest, calls: Calls, answer: LicenceAnswer, licence: Licence
    ) -> LicenceUse:
        return LicenceUse(
            id=self._ids.new("use"),
            reference=request.purpose.reference,
            material_code=request.material_code,
            identifier=licence.identifier,
            identifier_check=licence.identifier_check,
            licence_type=licence.type_code,
            subject_hash=calls.subject_hash,
            source=answer.source,
            state=licence.state,
            raw_state=licence.raw_state,
            valid_from=licence.valid_from,
            valid_to=licence.valid_to,
            fetched_at=answer.fetched_at or self._clock.now(),
        )

    @asynccontextmanager
    async def _logged(self, calls: Calls) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            # Also when the request is cancelled: personal data may have been read.
            await self._record([(calls, ())])
            raise

    async def _record(self, done: Sequence[tuple[Calls, Sequence[LicenceUse]]]) -> None:
        async with self._works.begin() as work:
            for calls, uses in done:
                await self._write(work, calls)
                for use in uses:
                    if await self._repository.save_use(work, use):
                        data: JsonMap = {
                            "material_code": use.material_code,
                            "licence_type": use.licence_type,
                            "state": use.state.value,
                        }
                        await work.emit(RECORDED, use.reference, data)

    async def _write(self, work: Work, calls: Calls) -> None:
        for access in calls.made:
            await self._repository.log_access(work, access)


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
