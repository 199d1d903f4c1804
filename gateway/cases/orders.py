"""Orders the documents (文书) that a state change calls for; the worker makes and seals them."""

from __future__ import annotations

import hashlib
from typing import Final

from gateway.cases.forms import newest
from gateway.cases.model import Case, Document, DocumentKind, DocumentState
from gateway.cases.numbers import Numbering
from gateway.cases.ports import DocumentRepository
from gateway.catalog.model import Item
from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import Work

DOCUMENT_TASK: Final = "case.document"
LICENCE_TASK: Final = "case.licence"
FIRST_VERSION: Final = 1
_CODE_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Thirty-two characters that are not mistaken for one another on paper."""
_CODE_LENGTH: Final = 8


class DocumentOrders:
    """Writes a document's row and its task in the transaction that needs the document."""

    def __init__(
        self,
        *,
        repository: DocumentRepository,
        numbering: Numbering,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._repository = repository
        self._numbering = numbering
        self._clock = clock
        self._ids = ids

    async def order(
        self, work: Work, case: Case, item: Item, kind: DocumentKind, actor: str
    ) -> bool:
        """Order one document; False when the department has no seal and so issues none."""
        if not item.department.seal_code:
            return False
        template = newest(kind, is_permit=item.is_permit)
        document = Document(
            document_id=self._ids.new("doc"),
            case_id=case.case_id,
            kind=kind,
            version=FIRST_VERSION,
            number=await self._numbering.document_no(work, kind, case.region),
            state=DocumentState.QUEUED,
            created_at=self._clock.now(),
            actor=actor,
            template=template.id,
            template_version=template.version,
            check_code=check_code(self._ids.secret()),
        )
        await self._repository.add(work, document)
        payload = {"document_id": document.document_id, "case_id": case.case_id}
        await work.enqueue(DOCUMENT_TASK, document.document_id, payload)
        return True

    @staticmethod
    async def order_licence(work: Work, case: Case, item: Item, actor: str) -> None:
        """Order the licence that a grant results in, where the item has one; once per case."""
        if item.result_licence_type and item.department.seal_code:
            payload = {"case_id": case.case_id, "actor": actor}
            await work.enqueue(LICENCE_TASK, case.case_id, payload)


def check_code(secret: str) -> str:
    """Return eight characters (40 bits) drawn from a secret."""
    drawn = hashlib.sha256(secret.encode()).digest()[:_CODE_LENGTH]
    return "".join(_CODE_LETTERS[number % len(_CODE_LETTERS)] for number in drawn)
