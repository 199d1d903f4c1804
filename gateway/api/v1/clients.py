"""What a program sees of itself and of its cases (接入应用自助接口); every request is signed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from gateway.api.body import JsonBody
from gateway.api.callers import Services
from gateway.api.once import Answer, once
from gateway.api.partners import Partner, signed
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import PageView, shown
from gateway.api.v1.staff import ReviewBody
from gateway.api.v1.views import BillView, CaseRow
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/clients/self", tags=["clients 接入应用"])

Self = Annotated[Partner, Depends(signed())]
CaseReader = Annotated[Partner, Depends(signed("case.read"))]
DepartmentSystem = Annotated[Partner, Depends(signed("case.review"))]
BillReader = Annotated[Partner, Depends(signed("pay.read"))]


class KeyView(BaseModel):
    """One of the client's keys."""

    key_id: str
    kind: str
    status: str
    created_at: str | None
    expires_at: str | None


class ClientView(BaseModel):
    """The client as it is registered."""

    client_id: str
    name: str
    kind: str
    profile: str
    rate_class: str
    scopes: list[str]
    may_act_scopes: list[str]
    region_codes: list[str]
    ip_cidrs: list[str]
    callback_hosts: list[str]
    keys: list[KeyView]


@router.get("")
async def read_self(partner: Self) -> ClientView:
    """Read what is registered about the calling program, and until when its keys may sign."""
    client = partner.client
    return ClientView(
        client_id=client.client_id,
        name=client.name,
        kind=client.kind,
        profile=client.profile,
        rate_class=client.rate_class,
        scopes=sorted(client.scopes),
        may_act_scopes=sorted(client.may_act_scopes),
        region_codes=list(client.region_codes),
        ip_cidrs=list(client.ip_cidrs),
        callback_hosts=list(client.callback_hosts),
        keys=[
            KeyView(
                key_id=key.key_id,
                kind=key.kind,
                status=key.status,
                created_at=shown(key.created_at),
                expires_at=shown(key.expires_at),
            )
            for key in client.keys
        ],
    )


@router.get("/cases")
async def list_cases(
    services: Services, partner: CaseReader, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> PageView[CaseRow]:
    """List the cases that are the calling program's business, newest first (``case.read``)."""
    page = await services.client_cases.page(partner.client, cursor, limit)
    return PageView(rows=[CaseRow.of(line) for line in page.rows], next=page.next_cursor)


@router.get("/cases/{case_id}")
async def read_case(services: Services, partner: CaseReader, case_id: str) -> CaseRow:
    """Read where one of these cases stands; any other does not exist (404)."""
    return CaseRow.of(await services.client_cases.get(partner.client, case_id))


@router.post("/cases/{case_id}/take", response_model=CaseRow)
async def take(
    request: Request, services: Services, partner: DepartmentSystem, case_id: str
) -> Response:
    """Take an accepted case into review (审查) from the department's own system."""

    async def act() -> Answer:
        scope = await services.client_cases.review_scope(partner.client, case_id)
        await services.desk.take(case_id, scope)
        return Answer(CaseRow.of(await services.client_cases.get(partner.client, case_id)))

    return await once(request, services, partner.caller, act)


@router.post("/cases/{case_id}/review", response_model=CaseRow)
async def review(
    request: Request,
    services: Services,
    partner: DepartmentSystem,
    case_id: str,
    body: Annotated[ReviewBody, Depends(JsonBody(ReviewBody))],
) -> Response:
    """Give the department's opinion (``case.review``, signed with SM2: it cannot be denied)."""

    async def act() -> Answer:
        scope = await services.client_cases.review_scope(partner.client, case_id)
        await services.desk.review(case_id, scope, body.opinion, body.remark)
        return Answer(CaseRow.of(await services.client_cases.get(partner.client, case_id)))

    return await once(request, services, partner.caller, act)


@router.get("/cases/{case_id}/payments")
async def list_payments(services: Services, partner: BillReader, case_id: str) -> list[BillView]:
    """Read the bills of one of these cases (``pay.read``, signed with SM2)."""
    await services.client_cases.get(partner.client, case_id)
    return [BillView.of(bill) for bill in await services.payments.by_reference(case_id)]
