"""Makes the documents of a case: composes, has them sealed, keeps them, hands them out (文书)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import e_seal
from gateway.cases import forms, translate
from gateway.cases.desk import conclude
from gateway.cases.errors import DocumentNotFound, DocumentNotReady, SealRefused
from gateway.cases.model import (
    Case,
    CaseState,
    Checked,
    Document,
    DocumentKind,
    DocumentState,
)
from gateway.cases.mover import CaseMover
from gateway.cases.ports import DocumentRepository
from gateway.catalog.service import CatalogService
from kernel.clock import Clock
from kernel.crypto import sm3
from kernel.work import Work, WorkSource

NO_CODE: Final = "-" * 8
"""No document's code: what is compared when there is no document, so that both take the same."""
_DECISIONS: Final = frozenset({DocumentKind.GRANT, DocumentKind.REFUSAL})
_DELIVERED: Final = _DECISIONS | {DocumentKind.ACCEPTANCE, DocumentKind.NON_ACCEPTANCE}


def title_of(document: Document) -> str:
    """Return the name that stands on a document."""
    return forms.named(document.template, document.template_version).title


class PaperService:
    """The documents of cases; the seal domain decides what a good seal is."""

    def __init__(
        self,
        *,
        repository: DocumentRepository,
        mover: CaseMover,
        catalog: CatalogService,
        seals: e_seal.SealService,
        works: WorkSource,
        clock: Clock,
        check_url: str,
    ) -> None:
        self._repository = repository
        self._mover = mover
        self._catalog = catalog
        self._seals = seals
        self._works = works
        self._clock = clock
        self._check_url = check_url

    async def compose(self, document_id: str) -> None:
        """Lay the document out and store its bytes; a second time changes nothing."""
        async with self._works.begin() as work:
            document = await self._get(work, document_id)
            if document.state is not DocumentState.QUEUED:
                return
            case = await self._mover.load(work, document.case_id, lock=False)
            item = await self._catalog.get(case.item_code)
            issue = forms.Issue(self._check_url, await self._delivered(work, case, document))
            composed = forms.compose(document, case, item, issue)
            await self._repository.put_unsealed(work, document_id, composed)

    async def _delivered(self, work: Work, case: Case, document: Document) -> list[tuple[str, str]]:
        """Title and number of what a 送达回证 lists: notices and decisions."""
        if document.kind is not DocumentKind.DELIVERY:
            return []
        earlier = await self._repository.of_case(work, case.case_id)
        return [(title_of(one), one.number) for one in earlier if one.kind in _DELIVERED]

    async def seal(self, document_id: str) -> bool:
        """Have the document sealed, keep it, and conclude the case when it is the decision.

        False while the seal system's answer is not known. Raises SealRefused when it never will be
        sealed; nothing that failed a check is kept.
        """
        async with self._works.read() as work:
            document = await self._get(work, document_id)
            if document.state is DocumentState.SEALED:
                return True
            case = await self._mover.load(work, document.case_id, lock=False)
            item = await self._catalog.get(case.item_code)
            unsealed = await self._repository.unsealed(work, document_id)
        if unsealed is None:
            raise DocumentNotReady("the document is not composed")
        order = translate.seal_order_of(document, case, item, unsealed)
        act = await self._seals.seal_document(order)
        if act.failure is not None:
            raise SealRefused("the document cannot be sealed", failure=act.failure)
        if not act.is_sealed:
            return False
        sealed = await self._seals.sealed_document(act.act_id)
        report = await self._seals.verify(sealed)
        async with self._works.begin() as work:
            await self._keep(work, document, sealed, report)
        return True

    async def _keep(
        self, work: Work, document: Document, sealed: bytes, report: e_seal.Report
    ) -> None:
        case = await self._mover.load(work, document.case_id)
        now = await self._get(work, document.document_id)
        if now.state is DocumentState.SEALED:
            return
        digest = hashlib.sha256(sealed).hexdigest()
        changes = {
            "state": DocumentState.SEALED,
            "content": sealed,
            "unsealed": None,
            "sealed_at": self._clock.now(),
            "sha256": digest,
            "sm3": sm3.digest(sealed).hex(),
            "size": len(sealed),
            "verdict": report.verdict,
            "findings": sorted(str(code) for code in report.codes),
        }
        await self._repository.change(work, document.document_id, changes)
        await work.emit(
            "case.document_sealed",
            case.case_id,
            {"document_id": document.document_id, "kind": document.kind, "sha256": digest},
        )
        if document.kind in _DECISIONS and case.state is CaseState.DECIDED:
            await conclude(self._mover, work, case)

    async def of_case(self, case_id: str, owner: str) -> Sequence[Document]:
        """Return the documents of an owner's case, oldest first. Raises CaseNotFound."""
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
            return await self._repository.of_case(work, case.case_id)

    async def content(self, case_id: str, owner: str, document_id: str) -> tuple[Document, bytes]:
        """Return a sealed document of an owner's case.

        Raises CaseNotFound, DocumentNotFound, DocumentNotReady while it is being sealed.
        """
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
            document = await self._get(work, document_id)
            if document.case_id != case.case_id:
                raise DocumentNotFound("the case has no such document")
            content = await self._repository.content(work, document_id)
        if content is None:
            raise DocumentNotReady("the document is being sealed")
        return document, content

    async def preview(self, case_id: str, owner: str, document_id: str, page: int) -> bytes:
        """Return a page of a sealed document of an owner's case as PNG, pages counted from 0.

        Raises CaseNotFound, DocumentNotFound also for a page that is not there, DocumentNotReady.
        """
        _, content = await self.content(case_id, owner, document_id)
        try:
            return await asyncio.to_thread(e_seal.render_page, content, page)
        except e_seal.NoSuchPage as exc:
            raise DocumentNotFound(str(exc)) from exc

    async def check(self, number: str, code: str) -> Checked:
        """Tell anybody who has number and code of a document what it is.

        Raises DocumentNotFound for anything else, always the same.
        """
        async with self._works.read() as work:
            document = await self._repository.numbered(work, number)
            expected = document.check_code if document is not None else NO_CODE
            given = "".join(code.split()).upper()
            is_known = hmac.compare_digest(given.encode(), (expected or NO_CODE).encode())
            if document is None or not is_known or document.state is not DocumentState.SEALED:
                raise DocumentNotFound("no sealed document has this number and code")
            case = await self._mover.load(work, document.case_id, lock=False)
        item = await self._catalog.get(case.item_code)
        return Checked(
            number=document.number,
            kind=document.kind,
            title=title_of(document),
            department=item.department.name,
            issued_at=document.created_at,
            sealed_at=document.sealed_at,
            sha256=document.sha256,
            sm3=document.sm3,
            verdict=document.verdict,
        )

    async def _get(self, work: Work, document_id: str) -> Document:
        document = await self._repository.get(work, document_id)
        if document is None:
            raise DocumentNotFound("no such document")
        return document
