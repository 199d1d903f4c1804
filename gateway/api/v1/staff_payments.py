"""Payments at the desk (财务工作台): what people must look at, and what they decide about it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

import payments
from gateway.api.callers import Services, staff
from gateway.api.v1.shapes import shown
from gateway.api.v1.views import BillView
from identity import StaffRole

router = APIRouter(prefix="/v1/staff", tags=["finance 财务"])

READERS: Final = [Depends(staff(StaffRole.FINANCE, StaffRole.OPS, StaffRole.AUDITOR))]
_MOST: Final = 200
Limit = Annotated[int, Query(ge=1, le=_MOST)]


class FlaggedBill(BaseModel):
    """A bill with exceptions; ``bill.exceptions`` names them."""

    case_id: str
    bill: BillView


class Unmatched(BaseModel):
    """Money that was reported for a pay code which nobody here knows (不明款)."""

    pay_code: str
    tra_no: str
    amount_fen: int
    source: str
    first_seen: str | None
    times: int

    @classmethod
    def of(cls, found: payments.UnmatchedPayment) -> Unmatched:
        return cls(
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
