"""All SQL of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from gateway.cases.model import CaseId, Document, DocumentKind, DocumentState, Unsealed
from gateway.cases.tables import documents
from kernel.db.base import require_one
from kernel.db.work import connection
from kernel.work import Work

_WITHOUT_BYTES: Final = tuple(
    column for column in documents.c if column.name not in {"unsealed", "stamp", "content"}
)


class SqlDocumentRepository:
    """Documents as rows (``ports.DocumentRepository``)."""

    async def add(self, work: Work, document: Document) -> None:
        await connection(work).execute(
            insert(documents).values(
                document_id=document.document_id,
                case_id=document.case_id,
                kind=document.kind,
                version=document.version,
                number=document.number,
                state=document.state,
                created_at=document.created_at,
                actor=document.actor,
                template=document.template,
                template_version=document.template_version,
                check_code=document.check_code,
                findings=[],
            )
        )

    async def get(self, work: Work, document_id: str) -> Document | None:
        query = select(*_WITHOUT_BYTES).where(documents.c.document_id == document_id)
        row = (await connection(work).execute(query)).first()
        return None if row is None else _document(row)

    async def of_case(self, work: Work, case_id: str) -> Sequence[Document]:
        query = select(*_WITHOUT_BYTES).where(documents.c.case_id == case_id)
        rows = await connection(work).execute(query.order_by(documents.c.document_id))
        return [_document(row) for row in rows]

    async def find(
        self, work: Work, case_id: str, kind: DocumentKind, version: int
    ) -> Document | None:
        query = select(*_WITHOUT_BYTES).where(
            documents.c.case_id == case_id,
            documents.c.kind == kind,
            documents.c.version == version,
        )
        row = (await connection(work).execute(query)).first()
        return None if row is None else _document(row)

    async def numbered(self, work: Work, number: str) -> Document | None:
        query = select(*_WITHOUT_BYTES).where(documents.c.number == number)
        row = (await connection(work).execute(query)).first()
        return None if row is None else _document(row)

    async def change(self, work: Work, document_id: str, changes: dict[str, Any]) -> None:
        result = await connection(work).execute(
            update(documents).where(documents.c.document_id == document_id).values(**changes)
        )
        require_one(result)

    async def put_unsealed(self, work: Work, document_id: str, unsealed: Unsealed) -> None:
        stamp = {"page": unsealed.page, "x": unsealed.centre_x, "y": unsealed.centre_y}
        changes = {"unsealed": unsealed.ofd, "stamp": stamp, "state": DocumentState.COMPOSED}
        await self.change(work, document_id, changes)

    async def unsealed(self, work: Work, document_id: str) -> Unsealed | None:
        query = select(documents.c.unsealed, documents.c.stamp)
        query = query.where(documents.c.document_id == document_id)
        row = (await connection(work).execute(query)).first()
        if row is None or row.unsealed is None:
            return None
        return Unsealed(row.unsealed, row.stamp["page"], row.stamp["x"], row.stamp["y"])

    async def content(self, work: Work, document_id: str) -> bytes | None:
        query = select(documents.c.content).where(documents.c.document_id == document_id)
        return (await connection(work).execute(query)).scalar_one_or_none()


def _document(row: Row[Any]) -> Document:
    return Document(
        document_id=row.document_id,
        case_id=CaseId(row.case_id),
        kind=DocumentKind(row.kind),
        version=row.version,
        number=row.number,
        state=DocumentState(row.state),
        created_at=row.created_at,
        actor=row.actor,
        template=row.template or "",
        template_version=row.template_version or 0,
        check_code=row.check_code or "",
        sealed_at=row.sealed_at,
        sha256=row.sha256,
        sm3=row.sm3 or "",
        size=row.size,
        verdict=row.verdict,
        findings=tuple(row.findings),
    )
