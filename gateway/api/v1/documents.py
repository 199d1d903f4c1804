"""The sealed documents (文书) of an applicant's case."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.api.assurance import Reads
from gateway.api.callers import Services
from gateway.api.v1.views import DocumentView

router = APIRouter(prefix="/v1", tags=["documents 文书"])

_OFD: Final = "application/ofd"
_PNG: Final = "image/png"


@router.get("/cases/{case_id}/documents")
async def list_documents(services: Services, acting: Reads, case_id: str) -> list[DocumentView]:
    """List the documents of one of the caller's cases, with our verdict on each seal."""
    documents = await services.papers.of_case(case_id, await acting.reading(case_id))
    return [DocumentView.of(document) for document in documents]


@router.get(
    "/cases/{case_id}/documents/{document_id}/content",
    response_class=Response,
    responses={200: {"content": {_OFD: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def download(services: Services, acting: Reads, case_id: str, document_id: str) -> Response:
    """Download a sealed document as OFD (GB/T 33190)."""
    owner = await acting.reading(case_id)
    document, content = await services.papers.content(case_id, owner, document_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{document.document_id}.ofd"',
        "ETag": f'"{document.sha256}"',
    }
    return Response(content, headers=headers, media_type=_OFD)


@router.get(
    "/cases/{case_id}/documents/{document_id}/preview",
    response_class=Response,
    responses={200: {"content": {_PNG: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def preview(
    services: Services,
    acting: Reads,
    case_id: str,
    document_id: str,
    page: Annotated[int, Query(ge=0, le=999)] = 0,
) -> Response:
    """Look at one page of a sealed document, pages counted from 0. A picture proves nothing."""
    owner = await acting.reading(case_id)
    picture = await services.papers.preview(case_id, owner, document_id, page)
    return Response(picture, headers={"Cache-Control": "private, no-store"}, media_type=_PNG)
