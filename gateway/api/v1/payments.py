"""The fee of an applicant's case (缴费): where to pay, and whether it is paid."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.assurance import Pays, Reads
from gateway.api.callers import Services
from gateway.api.once import Answer, once_upstream
from gateway.api.v1.cases import caller_key
from gateway.api.v1.views import BillView, EventView
from kernel.db.events import timeline

router = APIRouter(prefix="/v1", tags=["payments 缴费"])

_TIMELINE: Final = 500
_TOPICS: Final = "payments."


@router.post("/cases/{case_id}/payments", status_code=201, response_model=BillView)
async def pay(request: Request, services: Services, acting: Pays, case_id: str) -> Response:
    """Return the case's one bill with the address of its pay page.

    Asking twice returns the same bill. Only the finance system's word makes it paid. After a bill
    was voided, has expired or was reversed, a new one with a new pay code is made.
    """

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        acting.on_amount(await services.fees.due(case_id, owner))
        bill, url = await services.fees.pay(case_id, owner)
        location = f"/v1/cases/{case_id}/payments/{bill.bill_id}"
        return Answer(BillView.of(bill, url), 201, {"Location": location})

    return await once_upstream(request, services, caller_key(acting.sub), act)


@router.get("/cases/{case_id}/payments")
async def list_payments(services: Services, acting: Reads, case_id: str) -> list[BillView]:
    """Read the bills of one of the caller's cases."""
    owner = await acting.reading(case_id)
    return [BillView.of(bill) for bill in await services.fees.bills(case_id, owner)]


@router.get("/cases/{case_id}/payments/{bill_id}")
async def read_payment(services: Services, acting: Reads, case_id: str, bill_id: str) -> BillView:
    """Read one bill: whether it is paid (已支付), received (已到账) and reconciled (已对账)."""
    return BillView.of(await services.fees.bill_of(case_id, bill_id, await acting.reading(case_id)))


@router.get("/cases/{case_id}/payments/{bill_id}/events")
async def payment_events(
    services: Services, acting: Reads, case_id: str, bill_id: str
) -> list[EventView]:
    """Read everything that happened to one bill, in order."""
    bill = await services.fees.bill_of(case_id, bill_id, await acting.reading(case_id))
    async with services.works.read() as work:
        events = await timeline(work, case_id, limit=_TIMELINE)
    return [
        EventView.of(event)
        for event in events
        if event.topic.startswith(_TOPICS) and event.data.get("bill_id") == bill.bill_id
    ]


@router.post("/cases/{case_id}/payments/{bill_id}/void", response_model=BillView)
async def void_payment(
    request: Request, services: Services, acting: Pays, case_id: str, bill_id: str
) -> Response:
    """Void an unpaid bill, after the finance system agreed; the answer may be that it is paid."""

    async def act() -> Answer:
        owner = await acting.on_case(case_id)
        return Answer(BillView.of(await services.fees.void(case_id, bill_id, owner)))

    return await once_upstream(request, services, caller_key(acting.sub), act)
