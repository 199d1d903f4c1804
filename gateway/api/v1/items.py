"""Service items (事项): find them, read them, and check beforehand what one of them will take."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from gateway.api.assurance import UsesLicences
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.v1.item_views import ItemLine, ItemView, OutlookView, PrecheckView
from gateway.api.v1.shapes import PageView
from gateway.cases.service import require_eligible, require_known_fields
from gateway.cases.translate import applicant_of
from gateway.catalog.model import Item, Necessity
from kernel.money import total
from kernel.paging import DEFAULT_PAGE, MAX_PAGE

router = APIRouter(prefix="/v1", tags=["items 事项"])

Cursor = Annotated[str | None, Query(max_length=512)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


@router.get("/items")
async def list_items(
    services: Services,
    region: Annotated[str | None, Query(pattern="^([0-9]{6}|[0-9]{12})$")] = None,
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> PageView[ItemLine]:
    """List the service items of a region and of what lies in it, by a part of the name."""
    page = await services.catalog.search(region=region, contains=q, cursor=cursor, limit=limit)
    return PageView(rows=[ItemLine.of(item) for item in page.rows], next=page.next_cursor)


@router.get("/items/{item_code}")
async def read_item(services: Services, item_code: str) -> ItemView:
    """Read one service item: who may apply, with what, for how much, until when."""
    return ItemView.of(await services.catalog.get(item_code))


class Precheck(Posted):
    """What to check before declaring."""

    item_code: Annotated[str, Field(min_length=1, max_length=50)]
    form: dict[str, Annotated[str, Field(max_length=1000)]] = Field(default_factory=dict)
    licence_consent: bool
    """The holder agrees that its licences are looked up (用证授权)."""


@router.post("/prechecks")
async def precheck(
    services: Services,
    acting: UsesLicences,
    body: Annotated[Precheck, Depends(JsonBody(Precheck))],
) -> PrecheckView:
    """Check what an application would take right now (预检); nothing is stored.

    Licences are looked up for the caller only, with consent, and the look-up is logged.
    """
    principal = acting.principal
    item = await services.catalog.get(body.item_code)
    await acting.on_item(item.code)
    applicant = applicant_of(principal)
    require_eligible(item, applicant, principal.ial)
    require_known_fields(item, body.form)
    outlook = await services.materials.outlook(
        item, applicant, principal.sub, consent=body.licence_consent
    )
    return PrecheckView(
        item_code=item.code,
        eligible=True,
        materials=[OutlookView.of(one) for one in outlook],
        to_bring=sum(
            one.material.necessity is Necessity.REQUIRED and not one.usable for one in outlook
        ),
        fee_fen=_fee(item, body.form),
        promise_days=item.promise_days,
        visits=item.visits,
    )


def _fee(item: Item, form: dict[str, str]) -> int | None:
    needed = {fee.quantity_field for fee in item.fees if fee.quantity_field}
    for field in item.fields:
        if field.name in needed and field.fault(form.get(field.name, "")) is not None:
            return None
    return total(fee.amount(form) for fee in item.fees)
