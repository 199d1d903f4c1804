"""用证记录: shows a citizen who read its licences, when, for what, and which fields."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

import e_license
from gateway.api.assurance import AnyAccount
from gateway.api.callers import Services
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import Named, PageView, shown
from gateway.cases.translate import applicant_of, holder_of
from gateway.catalog.service import ItemNotFound
from gateway.container import Container
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/me", tags=["licences 证照"])


class LicenceUseView(BaseModel):
    """One question that was put to a source of licences about the caller; no contents."""

    at: str | None
    actor: str = Field(description="citizen:<sub>, staff:<id> or system")
    reference: str = Field(description="The case or the pre-check for which it was asked")
    item_code: str
    item_name: Named | None
    licence_type: str
    licence_name: Named
    operation: str = Field(description="FIND, FETCH (asked again) or DOCUMENT (the file)")
    auth_basis: str = Field(description="The legal basis (用证依据)")
    cause: str = Field(description="用证事由, as it was told to the source")
    source: str
    outcome: str
    fields: list[Named] = Field(description="Names of the face data that were handed over")


@router.get("/licence-uses")
async def licence_uses(
    services: Services, acting: AnyAccount, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> PageView[LicenceUseView]:
    """List who read the caller's licences, newest first: of the organisation where it acts for
    one.
    """
    holder = holder_of(applicant_of(acting.principal))
    page = await services.licences.ledger(holder, cursor, limit)
    rows = [await _view(services, access) for _, access in page.rows]
    return PageView(rows=rows, next=page.next_cursor)


async def _view(services: Container, access: e_license.Access) -> LicenceUseView:
    kind = await services.licence_types.get(access.licence_type)
    labels = [(key, kind.label(key)) for key in access.fields]
    return LicenceUseView(
        at=shown(access.at),
        actor=access.actor,
        reference=access.reference,
        item_code=access.item_code,
        item_name=await _item_name(services, access.item_code),
        licence_type=access.licence_type,
        licence_name=Named(zh=kind.name, en=kind.name_en),
        operation=access.operation,
        auth_basis=access.auth_basis,
        cause=access.cause,
        source=access.source,
        outcome=access.outcome,
        fields=[
            Named(zh=key, en=key) if label is None else Named(zh=label.zh, en=label.en)
            for key, label in labels
        ],
    )


async def _item_name(services: Container, code: str) -> Named | None:
    try:
        item = await services.catalog.get(code)
    except ItemNotFound:
        return None
    return Named(zh=item.name, en=item.name_en)
