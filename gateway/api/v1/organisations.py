"""法人账号: the organisations for which a person may act, and going over to another one."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from gateway.api.assurance import AnyAccount
from gateway.api.callers import Citizen, Services, bearer
from gateway.api.v1.auth import Me, TokenView
from gateway.api.v1.shapes import shown

router = APIRouter(prefix="/v1/me/organisations", tags=["auth 登录"])

MAX_PAGE: Final = 200
OrganisationId = Annotated[str, Path(max_length=128)]


class OrganisationView(BaseModel):
    """One organisation, and as what the person acts for it."""

    id: str
    name: str
    uscc: str
    acting_role: str
    current: bool
    """Whether this session acts for it."""


class OrganisationsView(BaseModel):
    """One page, counted from 1; ask for the next one while ``more`` is true."""

    rows: list[OrganisationView]
    page: int
    more: bool


@router.get("")
async def organisations(
    services: Services,
    principal: Citizen,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
) -> OrganisationsView:
    """Return the organisations for which the signed-in person may act, as the province lists
    them.
    """
    found = await services.organisations.listed(principal.session_id, page)
    now = None if principal.org is None else principal.org.uscc
    return OrganisationsView(
        rows=[
            OrganisationView(
                id=one.id,
                name=one.org.name,
                uscc=one.org.uscc,
                acting_role=one.acting_role,
                current=one.org.uscc == now,
            )
            for one in found.rows
        ],
        page=found.page,
        more=found.more,
    )


@router.post("/{organisation_id}/switch")
async def switch(
    request: Request, services: Services, _acting: AnyAccount, organisation_id: OrganisationId
) -> TokenView:
    """Go over to another organisation: a new access token, and the old one is over.

    A repetition finds the old token ended, so that no Idempotency-Key is needed.
    """
    issued = await services.organisations.switch(bearer(request), organisation_id)
    return TokenView(
        access_token=issued.token,
        expires_at=shown(issued.expires_at),
        me=Me.of(issued.principal),
    )
