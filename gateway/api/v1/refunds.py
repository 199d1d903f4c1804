"""What follows a payment (缴费之后): its fiscal e-receipt, and money back."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

import payments
from gateway.api.assurance import Pays, Reads
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once
from gateway.api.v1.cases import caller_key
from gateway.api.v1.shapes import shown
from gateway.cases.fees import RefundWish

router = APIRouter(prefix="/v1", tags=["payments 缴费"])

_MOST: Final = 10**15
Amount = Annotated[int, Field(gt=0, le=_MOST)]


class RefundRequest(Posted):
    """What the payer wants back, under the caller's own number."""

    refund_no: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,32}$")]
    amount_fen: Amount
    expected_refundable_fen: Annotated[int, Field(ge=0, le=_MOST)]
    """What the caller believes can be refunded; when that is wrong, nothing is."""
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class RefundView(BaseModel):
    """One refund (退付)."""

    refund_id: str
    refund_no: str
    amount_fen: int
    cause: str
    step: str
    refunded_on: str | None
    failure_code: str
    created_at: str | None

    @classmethod
    def of(cls, refund: payments.Refund) -> RefundView:
        day = refund.refunded_on
        return cls(
            refund_id=refund.refund_id,
            refund_no=refund.refund_no,
            amount_fen=refund.amount_fen,
            cause=refund.cause,
            step=refund.step,
            refunded_on=None if day is None else day.isoformat(),
            failure_code=refund.failure_code,
            created_at=shown(refund.created_at),
        )


class Refunds(BaseModel):
    """The refunds of a bill, and what can still be refunded."""

    refunds: list[RefundView]
    refundable_fen: int


class Refunded(BaseModel):
    """The refund that was asked for, and what can be refunded after it."""

    refund: RefundView
    refundable_fen: int


@router.post(
    "/cases/{case_id}/payments/{bill_id}/refunds", status_code=201, response_model=Refunded
)
async def ask_refund(
    request: Request,
    services: Services,
    acting: Pays,
    case_id: str,
    bill_id: str,
    body: Annotated[RefundRequest, Depends(JsonBody(RefundRequest))],
) -> Response:
    """Ask for a refund (退付); the finance staff approves it, then the money goes back."""

    async def act() -> Answer:
        wish = RefundWish(**body.model_dump())
        owner = await acting.on_case(case_id)
        refund, left = await services.fees.refund(case_id, bill_id, owner, wish)
        return Answer(Refunded(refund=RefundView.of(refund), refundable_fen=left), 201)

    return await once(request, services, caller_key(acting.sub), act)


@router.get("/cases/{case_id}/payments/{bill_id}/refunds")
async def list_refunds(services: Services, acting: Reads, case_id: str, bill_id: str) -> Refunds:
    """Read the refunds of a bill; ``refundable_fen`` is what a new one must expect."""
    bill = await services.fees.bill_of(case_id, bill_id, await acting.reading(case_id))
    found = await services.payments.refunds.of_bill(bill.bill_id)
    return Refunds(
        refunds=[RefundView.of(refund) for refund in found],
        refundable_fen=await services.payments.refunds.refundable(bill.bill_id),
    )


@router.get(
    "/cases/{case_id}/payments/{bill_id}/receipt",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def download_receipt(
    services: Services, acting: Reads, case_id: str, bill_id: str
) -> Response:
    """Download the valid fiscal e-receipt (财政电子票据); a red one is none."""
    bill = await services.fees.bill_of(case_id, bill_id, await acting.reading(case_id))
    receipt, content = await services.payments.receipts.document(bill.bill_id)
    suffix = receipt.media_type.rpartition("/")[2]
    headers = {
        "Content-Disposition": f'attachment; filename="{receipt.receipt_id}.{suffix}"',
        "ETag": f'"{receipt.sha256}"',
    }
    return Response(content, headers=headers, media_type=receipt.media_type)
