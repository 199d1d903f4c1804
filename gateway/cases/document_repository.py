"""All SQL of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from gateway.cases.model import CaseId, Document, DocumentKind, DocumentState
from gateway.cases.tables import documents
from kernel.db.base import require_one
from kernel.db.work import connection
from kernel.work import Work

_WITHOUT_BYTES: Final = tuple(
    column for column in documents.c if column.name not in {"unsealed", "content"}
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

    async def change(self, work: Work, document_id: str, changes: dict[str, Any]) -> None:
        result = await connection(work).execute(
            update(documents).where(documents.c.document_id == document_id).values(**changes)
        )
        require_one(result)

    async def unsealed(self, work: Work, document_id: str) -> bytes | None:
        query = select(documents.c.unsealed).where(documents.c.document_id == document_id)
        return (await connection(work).execute(query)).scalar_one_or_none()

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
        sealed_at=row.sealed_at,
        sha256=row.sha256,
        size=row.size,
        verdict=row.verdict,
        findings=tuple(row.findings),
    )
