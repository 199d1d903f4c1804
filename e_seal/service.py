"""The use cases of sealing: order, carry on after any interruption, hand out, verify."""

import asyncio
import logging
from dataclasses import replace
from typing import Final, assert_never

from e_seal.asn1.chain import TrustStore
from e_seal.errors import DocumentNotSealed, SealActNotFound, SealOrderDiffers
from e_seal.judge import Judge, Problem, restored
from e_seal.ledger import RESUME_TASK, Ledger
from e_seal.model import (
    ActState,
    FailureReason,
    Papers,
    SealAct,
    SealOrder,
    SealState,
    SignRequest,
    content_digest,
)
from e_seal.options import SealOptions
from e_seal.ports import ActRepository, SealProvider
from e_seal.verify import Report, verify
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

    # ---- ordering ------------------------------------------------------------------------------

    async def order(self, order: SealOrder) -> SealAct:
        """Store what is to be sealed and return its act; nothing is sent yet.

        The same order again returns the same act. Raises InvalidSealOrder, or SealOrderDiffers
        when this version of the document was ordered with other content or another seal.
        """
        document = await asyncio.to_thread(self._judge.read_order, order)
        act = self._draft(order, len(document.pages))
        async with self._works.begin() as work:
            known = await self._acts.by_document(work, order.document_id, order.version)
            if known is None and await self._acts.add(work, act, Papers(order.ofd)):
                await self._ledger.raised(work, act, order.actor)
                due = self._clock.now() + self._options.resume_after
                await work.enqueue(RESUME_TASK, act.act_id, {"act_id": act.act_id}, due=due)
                return act
            known = known or await self._acts.by_document(work, order.document_id, order.version)
        if known is None:
            raise OperationInProgress("the document version is being ordered at this moment")
        if (known.content_digest, known.seal_code) != (act.content_digest, act.seal_code):
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

    def _draft(self, order: SealOrder, page_count: int) -> SealAct:
        now = self._clock.now()
        return SealAct(
            act_id=self._ids.new("seal"),
            request_id=self._ids.new("sign"),
            reference=order.reference,
            item_code=order.item_code,
            document_id=order.document_id,
            document_version=order.version,
            name=order.name,
            page_count=page_count,
            content_digest=content_digest(order.ofd),
            seal_code=order.seal_code,
            stamp=order.stamp,
            signer=order.signer,
            authorisation=order.authorisation,
            state=ActState.DRAFT,
            created_at=now,
            updated_at=now,
        )

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
        async with self._works.begin() as work:
            papers = await self._acts.papers(work, act.act_id)
            moved = await self._ledger.move(work, act, ActState.SEAL_FETCHED, self._upstream)
            await self._acts.save_papers(work, act.act_id, replace(papers, seal=record.data))
            return moved

    async def _freeze(self, act: SealAct) -> SealAct:
        papers = await self._papers(act)
        prepared = await asyncio.to_thread(self._judge.freeze, act, papers, self._clock.now())
        frozen = replace(
            papers,
            prepared=prepared.ofd,
            prepared_at=prepared.prepared_at,
            signature_path=prepared.signature_path,
            signature_xml=prepared.signature_xml,
        )
        async with self._works.begin() as work:
            ready = replace(act, digest=prepared.digest)
            moved = await self._ledger.move(work, ready, ActState.DIGEST_READY, "system")
            await self._acts.save_papers(work, act.act_id, frozen)
            return moved

    async def _sign(self, act: SealAct) -> SealAct:
        now = self._clock.now()
        if now > act.authorisation.expires_at:
            raise Problem(FailureReason.AUTHORISATION_EXPIRED, "")
        request = _request(act, await self._papers(act))
        async with self._works.begin() as work:
            # Written before the call: if the process dies in it, the province is asked first.
            started = replace(act, signing_at=now)
            act = await self._ledger.move(work, started, ActState.SIGNING, "system")
        try:
            signature = await self._provider.sign_digest(request)
        except UpstreamRejected as refusal:
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
            moved = await self._ledger.move(work, act, ActState.SIGNED, self._upstream)
            await self._acts.save_papers(work, act_id, replace(papers, ses_signature=signature))
            return moved

    async def _finish(self, act: SealAct) -> SealAct:
        papers = await self._papers(act)
        sealed = await asyncio.to_thread(self._judge.seal, act, papers, self._clock.now())
        # The sealed document holds every byte of the two earlier ones.
        kept = replace(papers, unsigned=None, prepared=None, sealed=sealed)
        async with self._works.begin() as work:
            moved = await self._ledger.move(work, act, ActState.VERIFIED, "system")
            await self._acts.save_papers(work, act.act_id, kept)
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

    async def sealed_document(self, act_id: str) -> bytes:
        """Return the sealed OFD. Raises SealActNotFound, DocumentNotSealed."""
        act = await self.get(act_id)
        papers = await self._papers(act)
        if not act.is_sealed or papers.sealed is None:
            raise DocumentNotSealed("no valid seal yet", state=str(act.state))
        return papers.sealed

    async def _papers(self, act: SealAct) -> Papers:
        async with self._works.read() as work:
            return await self._acts.papers(work, act.act_id)

    # ---- verifying -----------------------------------------------------------------------------

    async def verify(self, ofd: bytes, *, online: bool = False) -> Report:
        """Verify any sealed OFD (验章); ``online`` also asks the province about each seal.

        A status system that does not answer is a warning in the report, never an error.
        """
        report = await self._verified(ofd, None)
        if not online:
            return report
        states: dict[str, SealState] = {}
        for code in {part.seal_code for part in report.signatures if part.seal_code}:
            try:
                states[code] = await self._provider.status(code)
            except UpstreamError as exc:
                log.warning("seal_status_unanswered", extra={"code": exc.code})
        return await self._verified(ofd, states)

    async def _verified(self, ofd: bytes, states: dict[str, SealState] | None) -> Report:
        return await asyncio.to_thread(
            verify,
            ofd,
            trust=self._trust,
            now=self._clock.now(),
            skew=self._options.skew,
            seal_states=states,
        )


def _request(act: SealAct, papers: Papers) -> SignRequest:
    prepared = restored(papers)
    return SignRequest(
        request_id=act.request_id,
        reference=act.reference,
        item_code=act.item_code,
        seal_code=act.seal_code,
        digest=prepared.digest,
        property_info=prepared.property_info,
        sign_time=prepared.prepared_at,
        signer=act.signer,
        authorisation=act.authorisation,
        document_id=act.document_id,
        document_name=act.name,
        page_count=act.page_count,
    )
