"""The licence that a case resulted in: for its holder, and for whoever has its code (证照核验)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.api.assurance import Reads
from gateway.api.callers import Services
from gateway.api.v1.licence_views import IssuedView, OwnLicenceView
from gateway.api.v1.public_documents import limited
from kernel.clock import beijing_day

router = APIRouter(prefix="/v1", tags=["licences 证照"])

_OFD: Final = "application/ofd"


@router.get("/cases/{case_id}/licences")
async def list_licences(services: Services, acting: Reads, case_id: str) -> list[OwnLicenceView]:
    """List the licences that one of the caller's cases resulted in, the first version first."""
    found = await services.results.of_case(case_id, await acting.reading(case_id))
    today = beijing_day(services.clock.now())
    return [OwnLicenceView.of(one, today) for one in found]


@router.get(
    "/cases/{case_id}/licences/{licence_id}/content",
    response_class=Response,
    responses={200: {"content": {_OFD: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def download_licence(
    services: Services, acting: Reads, case_id: str, licence_id: str
) -> Response:
    """Download a sealed licence as OFD (GB/T 33190), with its data inside as XML."""
    owner = await acting.reading(case_id)
    licence, content = await services.results.content(case_id, owner, licence_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{licence.licence_id}.ofd"',
        "ETag": f'"{licence.sha256}"',
    }
    return Response(content, headers=headers, media_type=_OFD)


@router.get("/public/licences/{identifier}", dependencies=[Depends(limited)])
async def check_licence(
    services: Services,
    identifier: str,
    code: Annotated[str, Query(max_length=20, description="校验码 printed on the licence")],
) -> IssuedView:
    """Check a licence and its state. Unknown identifiers and wrong codes are answered alike."""
    found = await services.results.check(identifier, code)
    return IssuedView.of(found, beijing_day(services.clock.now()))
