"""Mandates (委托授权): whom somebody lets act for it, and who lets the caller act."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from gateway.api.assurance import AnyAccount, Mandates
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once
from gateway.api.v1.cases import caller_key
from gateway.api.v1.shapes import shown
from identity import IdType, Mandate, MandateAction, Operator, Wish
from kernel import masking

router = APIRouter(prefix="/v1/me", tags=["mandates 委托"])

ItemCode = Annotated[str, Field(pattern=r"^(\*|[0-9A-Za-z]{1,50})$")]


class Grant(Posted):
    """A mandate to be granted for the caller's organisation, or for the caller (代办)."""

    operator_name: Annotated[str, Field(min_length=1, max_length=80)]
    operator_id_type: IdType
    operator_id_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{5,30}$")]
    items: Annotated[list[ItemCode], Field(min_length=1, max_length=200)]
    """Item codes, or ``*`` alone for every item."""
    actions: Annotated[list[MandateAction], Field(min_length=1, max_length=6)]
    valid_from: AwareDatetime | None = None
    """Null for now."""
    valid_to: AwareDatetime


class MandateView(BaseModel):
    """One mandate; people are masked."""

    mandate_id: str
    state: str
    principal: str
    """Name of the organisation, or the masked name of the person, that is represented."""
    uscc: str | None
    operator_name: str
    operator_id_number: str
    items: list[str]
    actions: list[str]
    valid_from: str | None
    valid_to: str | None
    granted_as: str
    source: str
    created_at: str | None
    revoked_at: str | None

    @classmethod
    def of(cls, mandate: Mandate) -> MandateView:
        org, operator = mandate.org, mandate.operator
        return cls(
            mandate_id=mandate.id,
            state=mandate.state,
            principal=masking.mask_name(mandate.person.name) if org is None else org.name,
            uscc=None if org is None else org.uscc,
            operator_name=masking.mask_name(operator.name),
            operator_id_number=masking.mask_citizen_id(operator.id_number),
            items=sorted(mandate.items),
            actions=sorted(mandate.actions),
            valid_from=shown(mandate.valid_from),
            valid_to=shown(mandate.valid_to),
            granted_as=mandate.granted_as,
            source=mandate.source,
            created_at=shown(mandate.created_at),
            revoked_at=shown(mandate.revoked_at),
        )


class MandateList(BaseModel):
    """What the caller, or its organisation, has granted, and what the caller was granted."""

    given: list[MandateView]
    held: list[MandateView]


@router.post("/mandates", status_code=201, response_model=MandateView)
async def grant(
    request: Request,
    services: Services,
    acting: Mandates,
    body: Annotated[Grant, Depends(JsonBody(Grant))],
) -> Response:
    """Grant a mandate (授予委托): as legal representative or administrator, or for oneself."""

    async def act() -> Answer:
        begins: datetime = body.valid_from or services.clock.now()
        wish = Wish(
            operator=Operator(
                name=body.operator_name,
                id_type=body.operator_id_type,
                id_number=body.operator_id_number,
            ),
            items=tuple(sorted(set(body.items))),
            actions=frozenset(body.actions),
            valid_from=begins,
            valid_to=body.valid_to,
        )
        mandate = await services.mandates.grant(acting.principal, wish)
        location = {"Location": f"/v1/me/mandates/{mandate.id}"}
        return Answer(MandateView.of(mandate), 201, location)

    return await once(request, services, caller_key(acting.sub), act)


@router.get("/mandates")
async def list_mandates(services: Services, acting: AnyAccount) -> MandateList:
    """List the newest mandates that the caller gave and holds."""
    return MandateList(
        given=[MandateView.of(one) for one in await services.mandates.given(acting.principal)],
        held=[MandateView.of(one) for one in await services.mandates.held(acting.principal)],
    )


@router.post("/mandates/{mandate_id}/revoke", response_model=MandateView)
async def revoke(
    request: Request, services: Services, acting: Mandates, mandate_id: str
) -> Response:
    """Revoke a mandate (撤销委托); acts that begin afterwards are refused at once."""

    async def act() -> Answer:
        return Answer(MandateView.of(await services.mandates.revoke(acting.principal, mandate_id)))

    return await once(request, services, caller_key(acting.sub), act)
