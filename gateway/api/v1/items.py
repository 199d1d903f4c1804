"""Service items (事项): find them and read them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api.callers import Services
from gateway.api.v1.item_views import ItemLine, ItemView
from gateway.api.v1.shapes import PageView
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
