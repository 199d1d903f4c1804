"""What mandates need to be stored by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from identity.mandates.model import Mandate, MandateState, Operator
from identity.model import Person
from kernel.work import Work


class MandateRepository(Protocol):
    """The rows of mandates; whatever is loaded was checked against its MAC."""

    async def add(self, work: Work, mandate: Mandate) -> None:
        """Store a new mandate."""
        ...

    async def get(self, work: Work, mandate_id: str, *, lock: bool = False) -> Mandate | None:
        """Return a mandate; ``lock`` keeps others from changing it until the end."""
        ...

    async def between(
        self, work: Work, principal_key: str, operator: Person | Operator, *, lock: bool = False
    ) -> Sequence[Mandate]:
        """Return the active mandates of one principal to one person; ``lock`` as with ``get``."""
        ...

    async def given(self, work: Work, principal_key: str, limit: int) -> Sequence[Mandate]:
        """Return what a principal has granted, newest first."""
        ...

    async def held(self, work: Work, operator: Person | Operator, limit: int) -> Sequence[Mandate]:
        """Return what a person was granted, newest first."""
        ...

    async def change(self, work: Work, mandate: Mandate, old: MandateState) -> None:
        """Write a mandate's new state over the old one. Raises StaleVersion."""
        ...

    async def overdue(self, work: Work, now: datetime, limit: int) -> Sequence[Mandate]:
        """Return active mandates whose time is over, the oldest first."""
        ...
