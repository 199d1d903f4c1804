"""The applicant's cases (办件): declare, fill, submit, withdraw, collect."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Citizen, Services
from gateway.api.once import Answer, once
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import PageView
from gateway.api.v1.views import CaseRow, CaseView, EventView
from gateway.cases.model import Case, Channel
from gateway.cases.translate import applicant_of
from kernel.db.events import timeline
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1", tags=["cases 办件"])

FormBody = dict[
    Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=1000)]
]
_TIMELINE: Final = 500


class Declare(Posted):
    """A new application."""

    item_code: Annotated[str, Field(min_length=1, max_length=50)]
    channel: Channel
    form: FormBody = Field(default_factory=dict)


class Rewrite(Posted):
    """The whole form, which replaces what was there."""

    form: FormBody


def caller_key(sub: str) -> str:
    """Return the key under which an applicant's idempotency keys are kept apart."""
    return f"citizen:{sub}"


def _answer(case: Case, status: int = 200) -> Answer:
    headers = {"Location": f"/v1/cases/{case.case_id}"} if status == 201 else {}
    return Answer(CaseView.of(case), status, headers)


@router.post("/cases", status_code=201, response_model=CaseView)
async def declare(
    request: Request,
    services: Services,
    principal: Citizen,
    body: Annotated[Declare, Depends(JsonBody(Declare))],
) -> Response:
    """Open a draft (暂存) for the caller. Nothing is submitted yet."""

    async def act() -> Answer:
        case = await services.cases.declare(
            owner=principal.sub,
            client_id=principal.idp,
            ial=principal.ial,
            applicant=applicant_of(principal),
            item_code=body.item_code,
            form=body.form,
            channel=body.channel,
        )
        return _answer(case, 201)

    return await once(request, services, caller_key(principal.sub), act)


@router.get("/cases")
async def list_cases(
    services: Services, principal: Citizen, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> PageView[CaseRow]:
    """List the caller's cases, newest first."""
    page = await services.cases.mine(principal.sub, cursor, limit)
    return PageView(rows=[CaseRow.of(line) for line in page.rows], next=page.next_cursor)


@router.get("/cases/{case_id}")
async def read_case(services: Services, principal: Citizen, case_id: str) -> CaseView:
    """Read one of the caller's cases; anybody else's does not exist (404)."""
    return CaseView.of(await services.cases.get(case_id, principal.sub))


@router.put("/cases/{case_id}/form", response_model=CaseView)
async def rewrite(
    request: Request,
    services: Services,
    principal: Citizen,
    case_id: str,
    body: Annotated[Rewrite, Depends(JsonBody(Rewrite))],
) -> Response:
    """Replace a draft's form."""

    async def act() -> Answer:
        return _answer(await services.cases.rewrite(case_id, principal.sub, body.form))

    return await once(request, services, caller_key(principal.sub), act)


@router.post("/cases/{case_id}/submit", response_model=CaseView)
async def submit(
    request: Request, services: Services, principal: Citizen, case_id: str
) -> Response:
    """Submit a draft (申报); all that is missing is told at once."""

    async def act() -> Answer:
        return _answer(await services.cases.submit(case_id, principal.sub))

    return await once(request, services, caller_key(principal.sub), act)


@router.post("/cases/{case_id}/withdraw", response_model=CaseView)
async def withdraw(
    request: Request, services: Services, principal: Citizen, case_id: str
) -> Response:
    """Take a case back before it is decided (撤回)."""

    async def act() -> Answer:
        return _answer(await services.cases.withdraw(case_id, principal.sub))

    return await once(request, services, caller_key(principal.sub), act)


@router.post("/cases/{case_id}/discard", response_model=CaseView)
async def discard(
    request: Request, services: Services, principal: Citizen, case_id: str
) -> Response:
    """Throw a draft away."""

    async def act() -> Answer:
        return _answer(await services.cases.discard(case_id, principal.sub))

    return await once(request, services, caller_key(principal.sub), act)


@router.post("/cases/{case_id}/collect", response_model=CaseView)
async def collect(
    request: Request, services: Services, principal: Citizen, case_id: str
) -> Response:
    """Confirm that the result was received (签收)."""

    async def act() -> Answer:
        return _answer(await services.cases.collect(case_id, principal.sub))

    return await once(request, services, caller_key(principal.sub), act)


@router.get("/cases/{case_id}/timeline")
async def read_timeline(services: Services, principal: Citizen, case_id: str) -> list[EventView]:
    """Read everything that happened to one of the caller's cases, in order."""
    case = await services.cases.get(case_id, principal.sub)
    async with services.works.read() as work:
        events = await timeline(work, case.case_id, limit=_TIMELINE)
    return [EventView.of(event) for event in events]
