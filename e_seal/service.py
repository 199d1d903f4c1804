"""The use cases of sealing: order, carry on after any interruption, hand out, verify."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from e_seal.acts import drafted, request_of, same_order
from e_seal.asn1.chain import TrustStore
from e_seal.errors import DocumentNotSealed, Problem, SealActNotFound, SealOrderDiffers
from e_seal.findings import Code
from e_seal.judge import Judge, made_with
from e_seal.ledger import RESUME_TASK, Ledger
from e_seal.media import kept, verify_file
from e_seal.model import (
    ActState,
    FailureReason,
    FirstUse,
    Papers,
    SealAct,
    SealOrder,
    SealState,
    SealSummary,
)
from e_seal.ofd.container import Source
from e_seal.options import SealOptions
from e_seal.ports import ActRepository, SealProvider, SealStatusSource
from e_seal.report import Report
from e_seal.status_book import StatusBook
from kernel.clock import Clock
from kernel.errors import (
    OperationInProgress,
    StaleVersion,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import IdSource
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import WorkSource

log = logging.getLogger(__name__)

_STEPS_AT_MOST: Final = 12
_IN_FLIGHT: Final = frozenset({ActState.SIGNING, ActState.UNKNOWN})


class SealService:
    """Seals documents through one province. No upstream is called inside a unit of work."""

    def __init__(
        self,
        *,
        provider: SealProvider,
        repository: ActRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        options: SealOptions,
        trust: TrustStore,
        status_source: SealStatusSource | None = None,
    ) -> None:
        self._provider = provider
        self._acts = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._options = options
        self._trust = trust
        self._judge = Judge(trust, options)
        self._ledger = Ledger(repository, clock)
        self._upstream = f"upstream:{options.upstream}"
        self.status_book = StatusBook(
            provider=provider,
            source=status_source,
            repository=repository,
            works=works,
            clock=clock,
            options=options,
        )

    # ---- ordering ------------------------------------------------------------------------------

    async def order(self, order: SealOrder) -> SealAct:
        """Store what is to be sealed and return its act; nothing is sent yet.

        The same order again returns the same act. Raises InvalidSealOrder, or SealOrderDiffers
        when this version of the document was ordered with other content or another seal.
        """
        now = self._clock.now()
        page_count = await asyncio.to_thread(self._judge.read_order, order, now)
        act = drafted(order, page_count, self._ids, now)
        async with self._works.begin() as work:
            known = await self._acts.by_document(work, order.document_id, order.version)
            if known is None and await self._acts.add(work, act, Papers(order.content)):
                await self._ledger.raised(work, act, order.actor)
                due = self._clock.now() + self._options.resume_after
                await work.enqueue(RESUME_TASK, act.act_id, {"act_id": act.act_id}, due=due)
                return act
            known = known or await self._acts.by_document(work, order.document_id, order.version)
        if known is None:
            raise OperationInProgress("the document version is being ordered at this moment")
        if not same_order(known, act):
            raise SealOrderDiffers("the document version is taken by other content")
        return known

    async def seal_document(self, order: SealOrder) -> SealAct:
        """Order and seal at once; the act that returns tells how far it came.

        An upstream that does not answer leaves the act where it is, and the worker carries on.
        """
        act = await self.order(order)
        try:
            return await self.resume(act.act_id)
        except (UpstreamError, OperationInProgress, StaleVersion) as exc:
            log.warning("seal_not_finished", extra={"act_id": act.act_id, "code": exc.code})
        return await self.get(act.act_id)

    # ---- carrying on ---------------------------------------------------------------------------

    async def resume(self, act_id: str) -> SealAct:
        """Carry an act on from wherever it stands, until it is final.

        Raises the upstream error when the province cannot be asked, and OperationInProgress while
        another process awaits the province's answer. A stored Signature.xml is never made again,
        and after a lost answer the province is asked before anything is repeated.
        """
        act = await self.get(act_id)
        for _ in range(_STEPS_AT_MOST):
            if act.is_final:
                return act
            try:
                act = await self._step(act)
            except Problem as problem:
                act = await self._fail(act, problem)
        raise OperationInProgress("the act is being moved to and fro")

    async def _step(self, act: SealAct) -> SealAct:
        match act.state:
            case ActState.DRAFT:
                return await self._fetch(act)
            case ActState.SEAL_FETCHED:
                return await self._freeze(act)
            case ActState.DIGEST_READY:
                return await self._sign(act)
            case ActState.SIGNING:
                return await self._overdue(act)
            case ActState.UNKNOWN:
                return await self._find(act)
            case ActState.SIGNED:
                return await self._finish(act)
            case ActState.VERIFIED | ActState.FAILED:
                return act
        assert_never(act.state)

    async def _fetch(self, act: SealAct) -> SealAct:
        try:
            record = await self._provider.get_seal(act.seal_code)
        except UpstreamRejected as refusal:
            raise Problem(FailureReason.SEAL_NOT_USABLE, refusal.upstream_code) from refusal
        self._judge.examine_seal(act, record, self._clock.now())
        await self.status_book.require_alive(act.seal_code)
        async with self._works.begin() as work:
            papers = await self._acts.papers(work, act.act_id)
            moved = await self._ledger.move(work, act, ActState.SEAL_FETCHED, self._upstream)
            await self._acts.save_papers(work, act.act_id, replace(papers, seal=record.data))
            return moved

    async def _freeze(self, act: SealAct) -> SealAct:
        papers = await self._papers(act)
        prepared = await asyncio.to_thread(self._judge.freeze, act, papers, self._clock.now())
        digest = await asyncio.to_thread(lambda: prepared.digest)
        async with self._works.begin() as work:
            ready = replace(act, digest=digest)
            moved = await self._ledger.move(work, ready, ActState.DIGEST_READY, "system")
            await self._acts.save_papers(work, act.act_id, kept(papers, prepared))
            return moved

    async def _sign(self, act: SealAct) -> SealAct:
        now = self._clock.now()
        if now > act.authorisation.expires_at:
            raise Problem(FailureReason.AUTHORISATION_EXPIRED, "")
        await self.status_book.require_alive(act.seal_code)
        request = await asyncio.to_thread(request_of, act, await self._papers(act))
        async with self._works.begin() as work:
            # Written before the call: if the process dies in it, the province is asked first.
            started = replace(act, signing_at=now)
            act = await self._ledger.move(work, started, ActState.SIGNING, "system")
        try:
            signature = await self._provider.sign_digest(request)
        except UpstreamRejected as refusal:
            if (rebuilt := await self._reissued(act, None)) is not None:
                return rebuilt
            raise Problem(FailureReason.REFUSED, refusal.upstream_code) from refusal
        except (UpstreamUnavailable, UpstreamAuthFailed):
            await self._move(act, ActState.DIGEST_READY)
            raise
        except UpstreamError:
            await self._move(act, ActState.UNKNOWN)
            raise
        return await self._signed(act.act_id, signature)

    async def _overdue(self, act: SealAct) -> SealAct:
        if self._clock.now() < (act.signing_at or act.updated_at) + self._options.signing_lease:
            raise OperationInProgress("another process awaits the province's answer")
        return await self._move(act, ActState.UNKNOWN)

    async def _find(self, act: SealAct) -> SealAct:
        signature = await self._provider.find_signature(act.request_id)
        if signature is not None:
            return await self._signed(act.act_id, signature)
        if self._clock.now() < (act.signing_at or act.updated_at) + self._options.settle:
            raise UpstreamOutcomeUnknown("the province may still be working on the request")
        return await self._move(act, ActState.DIGEST_READY)

    async def _signed(self, act_id: str, signature: bytes) -> SealAct:
        async with self._works.begin() as work:
            act = await self._acts.get(work, act_id, lock=True)
            if act is None:
                raise SealActNotFound("no such seal act")
            if act.state not in _IN_FLIGHT:
                # Whoever asked meanwhile has recorded the same signature already.
                return act
            papers = await self._acts.papers(work, act_id)
            act = replace(act, signed_at=self._clock.now())
            moved = await self._ledger.move(work, act, ActState.SIGNED, self._upstream)
            await self._acts.save_papers(work, act_id, replace(papers, ses_signature=signature))
            return moved

    async def _finish(self, act: SealAct) -> SealAct:
        papers = await self._papers(act)
        try:
            sealed = await asyncio.to_thread(self._judge.seal, act, papers, self._clock.now())
        except Problem as problem:
            # Everything else of the answer is right: the province used a newer issue of the seal.
            if problem.detail == Code.SEAL_FILE_MISMATCH:
                rebuilt = await self._reissued(act, papers.ses_signature)
                if rebuilt is not None:
                    return rebuilt
            raise
        # The sealed document holds every byte of the two earlier ones.
        delivered = replace(papers, unsigned=None, prepared=None, sealed=sealed)
        async with self._works.begin() as work:
            moved = await self._ledger.move(work, act, ActState.VERIFIED, "system")
            await self._acts.save_papers(work, act.act_id, delivered)
            return moved

    async def _reissued(self, act: SealAct, answer: bytes | None) -> SealAct | None:
        """Build anew, once, when the province has another issue of the seal than the one we hold.

        The first request stays in the log; the second one has an id of its own. None: the seal is
        still the same, the answer was made with neither issue, or it has been built anew before.
        """
        if act.first_use is not None or act.digest is None:
            return None
        try:
            record = await self._provider.get_seal(act.seal_code)
        except UpstreamRejected:
            return None
        held = (await self._papers(act)).seal
        if record.data == held or (answer is not None and not made_with(answer, record.data)):
            return None
        self._judge.examine_seal(act, record, self._clock.now())
        first = FirstUse(act.request_id, act.digest, is_signed=answer is not None)
        fresh = replace(
            act,
            request_id=self._ids.new("sign"),
            digest=None,
            signing_at=None,
            signed_at=None,
            first_use=first,
        )
        log.warning("seal_reissued", extra={"act_id": act.act_id, "request_id": first.request_id})
        async with self._works.begin() as work:
            papers = await self._acts.papers(work, act.act_id)
            moved = await self._ledger.move(work, fresh, ActState.SEAL_FETCHED, self._upstream)
            anew = Papers(papers.unsigned, seal=record.data, first_signature=answer)
            await self._acts.save_papers(work, act.act_id, anew)
            return moved

    async def _fail(self, act: SealAct, problem: Problem) -> SealAct:
        act = await self.get(act.act_id)
        if act.is_final:
            return act
        log.warning("seal_failed", extra={"act_id": act.act_id, "reason": str(problem.reason)})
        failed = replace(act, failure=problem.reason, failure_detail=problem.detail)
        return await self._move(failed, ActState.FAILED)

    async def _move(self, act: SealAct, new: ActState) -> SealAct:
        async with self._works.begin() as work:
            return await self._ledger.move(work, act, new, "system")

    async def sweep(self, after: str = "") -> str | None:
        """Carry on one page of unfinished acts; return where to go on, or None."""
        async with self._works.read() as work:
            page = await self._acts.unfinished(work, after, self._options.sweep_page)
        for act_id in page:
            try:
                await self.resume(act_id)
            except (UpstreamError, OperationInProgress, StaleVersion) as exc:
                log.warning("seal_sweep_failed", extra={"act_id": act_id, "code": exc.code})
        return page[-1] if len(page) == self._options.sweep_page else None

    # ---- reading -------------------------------------------------------------------------------

    async def get(self, act_id: str) -> SealAct:
        """Return an act. Raises SealActNotFound."""
        async with self._works.read() as work:
            act = await self._acts.get(work, act_id)
        if act is None:
            raise SealActNotFound("no such seal act")
        return act

    async def by_reference(self, reference: str) -> list[SealAct]:
        """Return every act of a case, the oldest first (用章日志)."""
        async with self._works.read() as work:
            return await self._acts.by_reference(work, reference)

    async def log(self, reference: str | None, cursor: str | None, limit: int) -> Page[SealAct]:
        """Return one page of the log of seal use (用章日志), the newest first. InvalidCursor."""
        before = None if cursor is None else decode_cursor(cursor, (int,))[0]
        async with self._works.read() as work:
            position = before if isinstance(before, int) else None
            rows = await self._acts.page(work, reference, position, limit + 1)
        page = page_of(rows, limit, lambda row: (row[0],))
        return Page([act for _, act in page.rows], page.next_cursor)

    async def seals_of(self, unit: str, signer: str) -> Sequence[SealSummary]:
        """Return the seals that a signer may use for a unit, as the province lists them."""
        return await self._provider.list_seals(unit, signer)

    async def sealed_document(self, act_id: str) -> bytes:
        """Return the sealed file. Raises SealActNotFound, DocumentNotSealed."""
        act = await self.get(act_id)
        papers = await self._papers(act)
        if not act.is_sealed or papers.sealed is None:
            raise DocumentNotSealed("no valid seal yet", state=str(act.state))
        return papers.sealed

    async def _papers(self, act: SealAct) -> Papers:
        async with self._works.read() as work:
            return await self._acts.papers(work, act.act_id)

    # ---- verifying -----------------------------------------------------------------------------

    async def verify(self, file: Source, *, online: bool = False) -> Report:
        """Verify any sealed OFD or PDF (验章); ``online`` also asks the province about each seal.

        A status system that does not answer is a warning in the report, never an error.
        """
        report = await self._verified(file, None)
        if not online:
            return report
        used = {
            (part.seal_code, part.seal_name or "", part.signed_at)
            for part in report.signatures
            if part.seal_code
        }
        return await self._verified(file, await self.status_book.states(used))

    async def _verified(self, file: Source, states: Mapping[str, SealState] | None) -> Report:
        return await asyncio.to_thread(
            verify_file,
            file,
            trust=self._trust,
            now=self._clock.now(),
            skew=self._options.skew,
            seal_states=states,
        )
