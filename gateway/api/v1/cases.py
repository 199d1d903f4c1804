"""The applicant's cases (办件): declare, fill, submit, withdraw, collect."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from gateway.api.assurance import Declares, Reads, Receives
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import PageView
from gateway.api.v1.views import CaseRow, CaseView, EventView
from gateway.cases.model import Case, Channel
from gateway.cases.service import require_same
from gateway.cases.translate import applicant_of
from kernel.db.events import timeline
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1", tags=["cases 办件"])

FormBody = dict[
    Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=1000)]
]
_TIMELINE: Final = 500


class Declared(Posted):
    """Who applies, as the portal's own form says."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    id_number: Annotated[str, Field(min_length=1, max_length=30)]


class Declare(Posted):
    """A new application."""

    item_code: Annotated[str, Field(min_length=1, max_length=50)]
    channel: Channel
    form: FormBody = Field(default_factory=dict)
    mandate_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The mandate by which the caller applies for somebody else (代办); null for oneself."""
    applicant: Declared | None = None
    """Compared with whom the province proved; another name or number is refused, not corrected."""


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
    acting: Declares,
    body: Annotated[Declare, Depends(JsonBody(Declare))],
) -> Response:
    """Open a draft (暂存) for the caller, or for whom its mandate names. Nothing is submitted."""

    async def act() -> Answer:
        mandate = await acting.on_item(body.item_code, body.mandate_id)
        applicant, told = applicant_of(acting.principal, mandate), body.applicant
        if told is not None:
            require_same(applicant, told.name, told.id_number)
        case = await services.cases.declare(
            owner=acting.sub if mandate is None else mandate.granted_by,
            client_id=acting.principal.client_id,
            ial=acting.principal.ial,
            applicant=applicant,
            item_code=body.item_code,
            form=body.form,
            channel=body.channel,
        )
        return _answer(case, 201)

    return await once(request, services, caller_key(acting.sub), act)


@router.get("/cases")
async def list_cases(
    services: Services, acting: Reads, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> PageView[CaseRow]:
    """List the caller's cases, newest first."""
    page = await services.cases.mine(acting.sub, cursor, limit)
    return PageView(rows=[CaseRow.of(line) for line in page.rows], next=page.next_cursor)


@router.get("/cases/{case_id}")
async def read_case(services: Services, acting: Reads, case_id: str) -> CaseView:
    """Read one of the caller's cases; anybody else's does not exist (404)."""
    return CaseView.of(await services.cases.get(case_id, await acting.reading(case_id)))


@router.put("/cases/{case_id}/form", response_model=CaseView)
async def rewrite(
    request: Request,
    services: Services,
    acting: Declares,
    case_id: str,
    body: Annotated[Rewrite, Depends(JsonBody(Rewrite))],
) -> Response:
    """Replace a draft's form."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        return _answer(await services.cases.rewrite(case_id, owner, body.form))

    return await once(request, services, caller_key(acting.sub), act)


@router.post("/cases/{case_id}/submit", response_model=CaseView)
async def submit(request: Request, services: Services, acting: Declares, case_id: str) -> Response:
    """Submit a draft (申报); all that is missing is told at once."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        return _answer(await services.cases.submit(case_id, owner))

    return await once(request, services, caller_key(acting.sub), act)


@router.post("/cases/{case_id}/withdraw", response_model=CaseView)
async def withdraw(
    request: Request, services: Services, acting: Declares, case_id: str
) -> Response:
    """Take a case back before it is decided (撤回)."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        return _answer(await services.cases.withdraw(case_id, owner))

    return await once(request, services, caller_key(acting.sub), act)


@router.post("/cases/{case_id}/discard", response_model=CaseView)
async def discard(request: Request, services: Services, acting: Declares, case_id: str) -> Response:
    """Throw a draft away."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        return _answer(await services.cases.discard(case_id, owner))

    return await once(request, services, caller_key(acting.sub), act)


@router.post("/cases/{case_id}/collect", response_model=CaseView)
async def collect(request: Request, services: Services, acting: Receives, case_id: str) -> Response:
    """Confirm that the result was received (签收)."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        return _answer(await services.cases.collect(case_id, owner))

    return await once(request, services, caller_key(acting.sub), act)


@router.get("/cases/{case_id}/timeline")
async def read_timeline(services: Services, acting: Reads, case_id: str) -> list[EventView]:
    """Read everything that happened to one of the caller's cases, in order."""
    case = await services.cases.get(case_id, await acting.reading(case_id))
    async with services.works.read() as work:
        events = await timeline(work, case.case_id, limit=_TIMELINE)
    return [EventView.of(event) for event in events]
