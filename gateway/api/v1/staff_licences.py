"""The licences that a department issued: read, suspend, cancel, take away, re-issue (证照管理)."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

import e_license
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import AnyStaff, Approver, Services, scope
from gateway.api.noted import note
from gateway.api.once import Answer, once
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.licence_views import StaffLicenceView
from gateway.api.v1.shapes import PageView, shown
from gateway.container import Container
from identity import StaffMember
from kernel.clock import beijing_day
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/staff", tags=["staff 工作台"])

Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
FaceKey = Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")]
FaceValue = Annotated[str, Field(min_length=1, max_length=500)]


class ProposalView(BaseModel):
    """A 吊销 or 撤销 that somebody proposed."""

    proposal_id: str
    to: str
    reason: str
    proposed_by: str
    proposed_at: str | None
    state: str
    decided_by: str

    @classmethod
    def of(cls, proposal: e_license.issuing.Proposal) -> ProposalView:
        return cls(
            proposal_id=proposal.proposal_id,
            to=proposal.to,
            reason=proposal.reason,
            proposed_by=proposal.proposed_by,
            proposed_at=shown(proposal.proposed_at),
            state=proposal.state,
            decided_by=proposal.decided_by,
        )


class LicenceDetail(BaseModel):
    """A licence and what was proposed about it."""

    licence: StaffLicenceView
    proposals: list[ProposalView]


class StateChange(Posted):
    """VALID restores a suspended licence; WITHDRAWN and REVOKED only propose."""

    to: Literal["SUSPENDED", "VALID", "CANCELLED", "WITHDRAWN", "REVOKED"]
    reason: Reason


class ProposalDecision(Posted):
    """Whether a proposal is confirmed."""

    confirm: bool


class Reissue(Posted):
    """What changes on the face, by pinyin key; ``CZZT`` is the name of a sole holder."""

    face: Annotated[dict[FaceKey, FaceValue], Field(min_length=1, max_length=50)]
    reason: Reason


@router.get("/licences")
async def list_issued(
    services: Services, member: AnyStaff, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> PageView[StaffLicenceView]:
    """List the issued licences of the caller's department or region, oldest first."""
    page = await services.results.page(scope(member), cursor, limit)
    today = beijing_day(services.clock.now())
    rows = [StaffLicenceView.of(one, today) for one in page.rows]
    return PageView(rows=rows, next=page.next_cursor)


@router.get("/licences/{licence_id}")
async def read_issued(services: Services, member: AnyStaff, licence_id: str) -> LicenceDetail:
    """Read one licence with its proposals."""
    return await _detail(services, member, licence_id)


@router.post("/licences/{licence_id}/state", response_model=LicenceDetail)
async def change_state(
    request: Request,
    services: Services,
    member: Approver,
    licence_id: str,
    body: Annotated[StateChange, Depends(JsonBody(StateChange))],
) -> Response:
    """Suspend, restore or cancel (暂扣、恢复、注销); propose a withdrawal or revocation."""

    async def act() -> Answer:
        to = e_license.issuing.IssuedState(body.to)
        async with services.works.begin() as work:
            await services.results.change(licence_id, scope(member), to, body.reason)
            action = f"licence.{body.to.lower()}"
            await note(services, work, member, action, about=("licence", licence_id))
            return Answer(await _detail(services, member, licence_id))

    return await once(request, services, _caller(member), act)


@router.post("/licences/{licence_id}/proposals/{proposal_id}/decide", response_model=LicenceDetail)
async def decide_proposal(
    request: Request,
    services: Services,
    member: Approver,
    licence_id: str,
    proposal_id: str,
    body: Annotated[ProposalDecision, Depends(JsonBody(ProposalDecision))],
) -> Response:
    """Confirm or decline a 吊销 or 撤销; whoever proposed it cannot confirm it."""

    async def act() -> Answer:
        async with services.works.begin() as work:
            await services.results.decide(
                licence_id, scope(member), proposal_id, confirm=body.confirm
            )
            action = "licence.proposal_confirmed" if body.confirm else "licence.proposal_declined"
            await note(services, work, member, action, about=("licence", licence_id))
            return Answer(await _detail(services, member, licence_id))

    return await once(request, services, _caller(member), act)


@router.post("/licences/{licence_id}/reissue", status_code=202, response_model=StaffLicenceView)
async def reissue(
    request: Request,
    services: Services,
    member: Approver,
    licence_id: str,
    body: Annotated[Reissue, Depends(JsonBody(Reissue))],
) -> Response:
    """Re-issue with other face data (变更); the old version is superseded once it is sealed."""

    async def act() -> Answer:
        async with services.works.begin() as work:
            made = await services.results.reissue(licence_id, scope(member), body.face, body.reason)
            await note(
                services,
                work,
                member,
                "licence.reissued",
                reference=made.reference,
                about=("licence", licence_id),
                fields=tuple(sorted(body.face)),
            )
        return Answer(StaffLicenceView.of(made, beijing_day(services.clock.now())), 202)

    return await once(request, services, _caller(member), act)


async def _detail(services: Container, member: StaffMember, licence_id: str) -> LicenceDetail:
    licence = await services.results.get(licence_id, scope(member))
    found = await services.results.proposals(licence_id, scope(member))
    return LicenceDetail(
        licence=StaffLicenceView.of(licence, beijing_day(services.clock.now())),
        proposals=[ProposalView.of(one) for one in found],
    )


def _caller(member: StaffMember) -> str:
    return f"staff:{member.id}"
