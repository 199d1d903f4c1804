"""The fee of an applicant's case (缴费): where to pay, and whether it is paid."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.callers import Citizen, Services
from gateway.api.once import Answer, once_upstream
from gateway.api.v1.cases import caller_key
from gateway.api.v1.views import BillView

router = APIRouter(prefix="/v1", tags=["payments 缴费"])


@router.post("/cases/{case_id}/payments", status_code=201, response_model=BillView)
async def pay(request: Request, services: Services, principal: Citizen, case_id: str) -> Response:
    """Return the case's one bill with the address of its pay page.

    Asking twice returns the same bill. Only the finance system's word makes it paid.
    """

    async def act() -> Answer:
        bill, url = await services.fees.pay(case_id, principal.sub)
        return Answer(BillView.of(bill, url), 201)

    return await once_upstream(request, services, caller_key(principal.sub), act)


@router.get("/cases/{case_id}/payments")
async def list_payments(services: Services, principal: Citizen, case_id: str) -> list[BillView]:
    """Read the bills of one of the caller's cases."""
    return [BillView.of(bill) for bill in await services.fees.bills(case_id, principal.sub)]
