"""What purpose binding needs: the house's open matters and a place for grants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from e_license.grants.model import Grant, Matter, Use
from kernel.work import Work


class Matters(Protocol):
    """Knows which cases and pre-checks are open."""

    async def open_matter(self, work: Work, reference: str) -> Matter | None:
        """Return an open case or pre-check; None when it is unknown or over."""
        ...


class GrantRepository(Protocol):
    """Where grants are kept."""

    async def add(self, work: Work, grants: Sequence[Grant]) -> None:
        """Store new grants."""
        ...

    async def consume(self, work: Work, uses: Sequence[Use], now: datetime) -> set[str]:
        """Use up the live grants that agree with these uses; return the ids of those used up."""
        ...
