"""What the catalogue needs to be stored by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.catalog.model import Item
from kernel.work import Work


class ItemRepository(Protocol):
    """Where items are kept."""

    async def get(self, work: Work, code: str) -> Item | None:
        """Return the current version of an item."""
        ...

    async def page(
        self,
        work: Work,
        *,
        regions: Sequence[str] | None,
        contains: str,
        after: str,
        limit: int,
    ) -> Sequence[Item]:
        """Return up to ``limit`` items after a code, in the order of their codes."""
        ...

    async def put(self, work: Work, item: Item, at: datetime) -> None:
        """Store an item, replacing an older version of it."""
        ...
