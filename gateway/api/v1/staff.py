"""The desk (工作台): what clerks, departments and approvers do with cases."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import AnyStaff, Approver, Clerk, Reviewer, Services, scope
from gateway.api.noted import note
from gateway.api.once import Answer, once
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import PageView
from gateway.api.v1.views import CaseRow, CaseView
from gateway.cases.model import Case, CaseState, Opinion, Outcome
from identity import StaffMember
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/staff", tags=["staff 工作台"])

_CASE_FIELDS: Final = ("applicant", "form", "materials")

Reason = Annotated[str, Field(max_length=1000)]


def _caller(member: StaffMember) -> str:
    return f"staff:{member.id}"


def _answer(case: Case) -> Answer:
    return Answer(CaseView.of(case))


@router.get("/cases")
async def worklist(
    services: Services,
    member: AnyStaff,
    state: Annotated[CaseState, Query()],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> PageView[CaseRow]:
    """List the cases of the caller's region or department that are in one state, oldest first."""
    page = await services.desk.worklist(scope(member), state, cursor, limit)
    return PageView(rows=[CaseRow.of(line) for line in page.rows], next=page.next_cursor)


@router.get("/cases/{case_id}")
async def read_case(services: Services, member: AnyStaff, case_id: str) -> CaseView:
    """Read a case of the caller's region or department; any other does not exist (404)."""
    async with services.works.begin() as work:
        case = await services.desk.get(case_id, scope(member))
        await note(services, work, member, "case.read", reference=case_id, fields=_CASE_FIELDS)
    return CaseView.of(case)


@router.get("/cases/{case_id}/materials/{code}/content", response_class=Response)
async def read_material(services: Services, member: AnyStaff, case_id: str, code: str) -> Response:
    """Download an uploaded material."""
    async with services.works.begin() as work:
        # Noted before the file is opened: a reader who is not noted sees nothing.
        await note(
            services, work, member, "material.read", reference=case_id, about=("material", code)
        )
        media_type, content = await services.materials.content(case_id, scope(member), code)
    headers = {"Content-Disposition": "attachment"}
    return Response(content, headers=headers, media_type=media_type)


@router.post("/cases/{case_id}/receive", response_model=CaseView)
async def receive(request: Request, services: Services, member: Clerk, case_id: str) -> Response:
    """Confirm that the application came in (收件)."""

    async def act() -> Answer:
        return _answer(await services.desk.receive(case_id, scope(member)))

    return await once(request, services, _caller(member), act)


@router.post("/cases/{case_id}/accept", response_model=CaseView)
async def accept(request: Request, services: Services, member: Clerk, case_id: str) -> Response:
    """Accept a case (受理); the sealed notice follows by itself."""

    async def act() -> Answer:
        return _answer(await services.desk.accept(case_id, scope(member)))

    return await once(request, services, _caller(member), act)


class Reject(Posted):
    """Why a case is not accepted."""

    reason: Reason


@router.post("/cases/{case_id}/reject", response_model=CaseView)
async def reject(
    request: Request,
    services: Services,
    member: Clerk,
    case_id: str,
    body: Annotated[Reject, Depends(JsonBody(Reject))],
) -> Response:
    """Do not accept a case (不予受理), with the reason."""

    async def act() -> Answer:
        return _answer(await services.desk.reject(case_id, scope(member), body.reason))

    return await once(request, services, _caller(member), act)


@router.post("/cases/{case_id}/take", response_model=CaseView)
async def take(request: Request, services: Services, member: Reviewer, case_id: str) -> Response:
    """Take an accepted case into review (审查)."""

    async def act() -> Answer:
        return _answer(await services.desk.take(case_id, scope(member)))

    return await once(request, services, _caller(member), act)


class ReviewBody(Posted):
    """The department's opinion."""

    opinion: Opinion
    remark: Reason = ""


@router.post("/cases/{case_id}/review", response_model=CaseView)
async def review(
    request: Request,
    services: Services,
    member: Reviewer,
    case_id: str,
    body: Annotated[ReviewBody, Depends(JsonBody(ReviewBody))],
) -> Response:
    """Give the department's opinion; a favourable one asks the applicant for the fee, if any."""

    async def act() -> Answer:
        case = await services.desk.review(case_id, scope(member), body.opinion, body.remark)
        return _answer(case)

    return await once(request, services, _caller(member), act)


class Decide(Posted):
    """A decision; REFUSED needs a reason."""

    outcome: Literal["GRANTED", "REFUSED"]
    reason: Reason = ""


@router.post("/cases/{case_id}/decide", response_model=CaseView)
async def decide(
    request: Request,
    services: Services,
    member: Approver,
    case_id: str,
    body: Annotated[Decide, Depends(JsonBody(Decide))],
) -> Response:
    """Decide a case (决定); the sealed decision follows by itself. Before a grant the sources are
    asked whether the licences of the case still hold.
    """
    if body.outcome == Outcome.GRANTED:
        await services.materials.recheck(case_id, scope(member))

    async def act() -> Answer:
        case = await services.desk.decide(
            case_id, scope(member), Outcome(body.outcome), body.reason
        )
        return _answer(case)

    return await once(request, services, _caller(member), act)
