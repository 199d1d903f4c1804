"""The materials of an applicant's draft: upload a file, or let a licence stand for it (免提交)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.api.assurance import Declares, UsesLicences
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once, once_upstream
from gateway.api.problems import WrongContentType
from gateway.api.v1.cases import caller_key
from gateway.api.v1.views import MaterialView
from gateway.cases.materials import MEDIA_TYPES
from gateway.catalog.model import ExemptMode

router = APIRouter(prefix="/v1", tags=["materials 材料"])

MAX_FILE: Final = 10 * 1024 * 1024
FILE_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in MEDIA_TYPES
        },
    }
}


@router.put(
    "/cases/{case_id}/materials/{code}",
    response_model=MaterialView,
    max_body_size=MAX_FILE,
    openapi_extra=FILE_BODY,
)
async def upload(
    request: Request, services: Services, acting: Declares, case_id: str, code: str
) -> Response:
    """Upload one file as a material: the body is the file, at most 10 MiB."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise WrongContentType("this route takes files", accepted=list(MEDIA_TYPES))
    content = await request.body()

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        brought = await services.materials.upload(case_id, owner, code, media_type, content)
        return Answer(MaterialView.of(brought))

    return await once(request, services, caller_key(acting.sub), act)


class UseLicence(Posted):
    """The holder's consent to the use of its licence for this case (用证授权)."""

    consent: bool


@router.post("/cases/{case_id}/materials/{code}/licence", response_model=MaterialView)
async def use_licence(
    request: Request,
    services: Services,
    acting: UsesLicences,
    case_id: str,
    code: str,
    body: Annotated[UseLicence, Depends(JsonBody(UseLicence))],
) -> Response:
    """Let a valid licence of the applicant stand for a material; 409 says what to do instead."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        brought = await services.materials.use_licence(case_id, owner, code, consent=body.consent)
        return Answer(MaterialView.of(brought))

    return await once_upstream(request, services, caller_key(acting.sub), act)


class Exempt(Posted):
    """A promise instead of a paper: that it holds (COMMITMENT), or that it follows (DEFERRED)."""

    mode: Literal["COMMITMENT", "DEFERRED"]
    agreed: Literal[True]
    """The applicant was told what the promise means (告知)."""


@router.post("/cases/{case_id}/materials/{code}/exemption", response_model=MaterialView)
async def exempt(
    request: Request,
    services: Services,
    acting: Declares,
    case_id: str,
    code: str,
    body: Annotated[Exempt, Depends(JsonBody(Exempt))],
) -> Response:
    """Let a promise stand for a material, where the item offers it (告知承诺、容缺后补)."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        mode = ExemptMode(body.mode)
        return Answer(MaterialView.of(await services.materials.exempt(case_id, owner, code, mode)))

    return await once(request, services, caller_key(acting.sub), act)
