"""Payments at the finance desk (财务工作台): what people must look at, decide and approve."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

import payments
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services, staff
from gateway.api.once import Answer, once, once_upstream
from gateway.api.v1.refunds import RefundView
from gateway.api.v1.shapes import shown
from gateway.api.v1.views import BillView
from identity import StaffMember, StaffRole

router = APIRouter(prefix="/v1/staff", tags=["finance 财务"])

READERS: Final = [Depends(staff(StaffRole.FINANCE, StaffRole.OPS, StaffRole.AUDITOR))]
Finance = Annotated[StaffMember, Depends(staff(StaffRole.FINANCE))]
_MOST: Final = 200
Limit = Annotated[int, Query(ge=1, le=_MOST)]
Note = Annotated[str, Field(min_length=1, max_length=500)]


class FlaggedBill(BaseModel):
    """A bill with exceptions; ``bill.exceptions`` names them."""

    case_id: str
    bill: BillView


class Unmatched(BaseModel):
    """Money that was reported for a pay code which nobody here knows (不明款)."""

    key: str
    pay_code: str
    tra_no: str
    amount_fen: int
    source: str
    first_seen: str | None
    times: int

    @classmethod
    def of(cls, found: payments.UnmatchedPayment) -> Unmatched:
        return cls(
            key=found.key,
            pay_code=found.pay_code,
            tra_no=found.tra_no,
            amount_fen=found.amount_fen,
            source=found.source,
            first_seen=shown(found.first_seen),
            times=found.times,
        )


class RefusedPush(BaseModel):
    """A pushed message that was not believed: kept as it came, and why."""

    received_at: str | None
    source: str
    reason: str
    size: int
    sha256: str


class DiscrepanciesView(BaseModel):
    """Everything about payments that a person must look at."""

    bills: list[FlaggedBill]
    unmatched: list[Unmatched]
    refused: list[RefusedPush]


class RulingView(BaseModel):
    """A decision: one proposes it, another confirms it, and only then it is carried out."""

    ruling_id: str
    subject: str
    key: str
    decision: str
    note: str
    state: str
    proposed_by: str
    proposed_at: str | None
    confirmed_by: str
    confirmed_at: str | None

    @classmethod
    def of(cls, ruling: payments.Ruling) -> RulingView:
        return cls(
            ruling_id=ruling.ruling_id,
            subject=ruling.subject,
            key=ruling.key,
            decision=ruling.decision,
            note=ruling.note,
            state=ruling.state,
            proposed_by=ruling.proposed_by,
            proposed_at=shown(ruling.proposed_at),
            confirmed_by=ruling.confirmed_by,
            confirmed_at=shown(ruling.confirmed_at),
        )


class ResolveBill(Posted):
    """What is to be done about one exception of a bill."""

    exception: payments.BillException
    decision: payments.Decision
    note: Note


class ResolveMoney(Posted):
    """What is to be done with money that has no bill; a claim (认领) names the bill."""

    key: Annotated[str, Field(min_length=1, max_length=160)]
    decision: payments.Decision
    note: Note
    bill_id: Annotated[str, Field(max_length=64)] = ""


class Reversal(Posted):
    """Why a payment is undone."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


def actor(member: StaffMember) -> str:
    """Return a member of staff as the actor of a change."""
    return f"staff:{member.id}"


@router.get("/payments:discrepancies", dependencies=READERS)
async def discrepancies(services: Services, limit: Limit = _MOST) -> DiscrepanciesView:
    """List flagged bills, money without a bill, and pushes that were refused, newest first."""
    found = await services.payments.discrepancies(limit)
    refused = await services.refusals.latest(limit)
    return DiscrepanciesView(
        bills=[FlaggedBill(case_id=b.reference, bill=BillView.of(b)) for b in found.bills],
        unmatched=[Unmatched.of(one) for one in found.unmatched],
        refused=[
            RefusedPush(
                received_at=shown(one.received_at),
                source=one.source,
                reason=one.reason,
                size=one.size,
                sha256=one.sha256,
            )
            for one in refused
        ],
    )


@router.post("/payments/{bill_id}/resolve", status_code=201, response_model=RulingView)
async def resolve_bill(
    request: Request,
    services: Services,
    member: Finance,
    bill_id: str,
    body: Annotated[ResolveBill, Depends(JsonBody(ResolveBill))],
) -> Response:
    """Propose what is to be done about an exception of a bill; somebody else must confirm it."""

    async def act() -> Answer:
        ruling = await services.payments.rulings.propose(
            payments.Subject.EXCEPTION,
            f"{bill_id}:{body.exception}",
            body.decision,
            actor=actor(member),
            note=body.note,
        )
        return Answer(RulingView.of(ruling), 201)

    return await once(request, services, actor(member), act)


@router.post("/unmatched:resolve", status_code=201, response_model=RulingView)
async def resolve_money(
    request: Request,
    services: Services,
    member: Finance,
    body: Annotated[ResolveMoney, Depends(JsonBody(ResolveMoney))],
) -> Response:
    """Propose a bill for money without one (认领), or its refund; somebody else must confirm it."""

    async def act() -> Answer:
        ruling = await services.payments.rulings.propose(
            payments.Subject.UNMATCHED,
            body.key,
            body.decision,
            actor=actor(member),
            note=body.note,
            bill_id=body.bill_id,
        )
        return Answer(RulingView.of(ruling), 201)

    return await once(request, services, actor(member), act)


@router.get("/rulings", dependencies=READERS)
async def open_rulings(services: Services, limit: Limit = _MOST) -> list[RulingView]:
    """List the decisions that wait for somebody to confirm them, oldest first."""
    return [RulingView.of(ruling) for ruling in await services.payments.rulings.open(limit)]


@router.post("/rulings/{ruling_id}/confirm", response_model=RulingView)
async def confirm_ruling(
    request: Request, services: Services, member: Finance, ruling_id: str
) -> Response:
    """Confirm a decision that somebody else proposed; it is carried out at once."""

    async def act() -> Answer:
        ruling = await services.payments.rulings.confirm(ruling_id, actor(member))
        return Answer(RulingView.of(ruling))

    return await once(request, services, actor(member), act)


@router.post("/rulings/{ruling_id}/withdraw", response_model=RulingView)
async def withdraw_ruling(
    request: Request, services: Services, member: Finance, ruling_id: str
) -> Response:
    """Drop a decision that was not confirmed."""

    async def act() -> Answer:
        ruling = await services.payments.rulings.withdraw(ruling_id, actor(member))
        return Answer(RulingView.of(ruling))

    return await once(request, services, actor(member), act)


@router.post("/refunds/{refund_id}/approve", response_model=RefundView)
async def approve_refund(
    request: Request, services: Services, member: Finance, refund_id: str
) -> Response:
    """Approve a refund that somebody else asked for; the worker carries it to the end."""

    async def act() -> Answer:
        refund = await services.payments.refunds.approve(refund_id, actor(member))
        return Answer(RefundView.of(refund))

    return await once(request, services, actor(member), act)


@router.post("/refunds/{refund_id}/withdraw", response_model=RefundView)
async def withdraw_refund(
    request: Request, services: Services, member: Finance, refund_id: str
) -> Response:
    """Turn a refund down before it is sent."""

    async def act() -> Answer:
        refund = await services.payments.refunds.withdraw(refund_id, actor(member))
        return Answer(RefundView.of(refund))

    return await once(request, services, actor(member), act)


@router.post("/payments/{bill_id}/reverse", response_model=BillView)
async def reverse(
    request: Request,
    services: Services,
    member: Finance,
    bill_id: str,
    body: Annotated[Reversal, Depends(JsonBody(Reversal))],
) -> Response:
    """Undo a payment of today (冲正); refused once its day is reconciled: refund it then."""

    async def act() -> Answer:
        bill = await services.payments.reversals.reverse(
            bill_id, actor=actor(member), reason=body.reason
        )
        return Answer(BillView.of(bill))

    return await once_upstream(request, services, actor(member), act)
