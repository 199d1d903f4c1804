"""Finds service items and takes in new versions of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cachetools import TTLCache

from gateway.catalog.model import Item
from gateway.catalog.ports import ItemRepository
from kernel import divisions
from kernel.clock import Clock
from kernel.errors import NotFound, Text
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import WorkSource

_REMEMBERED: Final = 10_000
_SECONDS: Final = 5.0


class ItemNotFound(NotFound):
    """No item has this code."""

    code = "item_not_found"
    title = Text("事项不存在", "No such service item")
    citizen = Text(
        "没有找到这个事项，请从事项列表中重新选择。", "Please choose an item from the list."
    )
    clerk = Text("事项编码不存在，请核对实施编码。", "The item code does not exist; check it.")


class CatalogService:
    """The catalogue of service items (事项库)."""

    def __init__(self, repository: ItemRepository, works: WorkSource, clock: Clock) -> None:
        self._repository = repository
        self._works = works
        self._clock = clock
        # An item that another process takes in is seen here some seconds later.
        self._known: TTLCache[str, Item] = TTLCache(_REMEMBERED, _SECONDS, clock.monotonic)

    async def get(self, code: str) -> Item:
        """Return the item of a code. Raises ItemNotFound."""
        known = self._known.get(code)
        if known is not None:
            return known
        async with self._works.read() as work:
            item = await self._repository.get(work, code)
        if item is None:
            raise ItemNotFound("no item has this code")
        self._known[code] = item
        return item

    async def search(
        self, *, region: str | None, contains: str, cursor: str | None, limit: int
    ) -> Page[Item]:
        """Return a page of items of a region and of what lies in it, by a part of the name.

        Raises UnknownDivision and InvalidCursor.
        """
        after = str(decode_cursor(cursor, (str,))[0]) if cursor else ""
        regions = None if region is None else _region_and_below(region)
        async with self._works.read() as work:
            rows = await self._repository.page(
                work, regions=regions, contains=contains, after=after, limit=limit + 1
            )
        return page_of(rows, limit, lambda item: (item.code,))

    async def take_in(self, items: Iterable[Item]) -> int:
        """Store items, each replacing its older version; return how many there were."""
        count = 0
        async with self._works.begin() as work:
            for item in items:
                await self._repository.put(work, item, self._clock.now())
                count += 1
        self._known.clear()
        return count


def _region_and_below(region: str) -> list[str]:
    found = divisions.find(region)
    return [d.code6 for d in divisions.divisions() if divisions.within(d.code6, found.code6)]
