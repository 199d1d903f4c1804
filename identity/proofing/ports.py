"""What stored raises need: a place for their rows, and the sessions that one of them concerns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from identity.model import Session
from identity.proofing.model import Proofing
from kernel.work import Work


class ProofingRepository(Protocol):
    """The rows of raises. Every method works inside the unit of work that it is given."""

    async def add(self, work: Work, proofing: Proofing) -> None:
        """Store a raise."""
        ...

    async def get(self, work: Work, proofing_id: str) -> Proofing | None:
        """Return a raise, locked until the end."""
        ...

    async def of(self, work: Work, sub: str, limit: int) -> Sequence[Proofing]:
        """Return the newest raises of an account."""
        ...

    async def revoke(self, work: Work, proofing: Proofing) -> None:
        """Write an active raise as revoked. Raises StaleVersion when it was faster revoked."""
        ...

    async def live(self, work: Work, sub: str, now: datetime) -> Sequence[Session]:
        """Return the open sessions of an account, newest first, locked until the end."""
        ...

    async def rewrite(self, work: Work, session_id: str, principal: bytes) -> None:
        """Replace the sealed principal of an open session."""
        ...

    async def end(self, work: Work, session_id: str) -> bool:
        """End a session and forget its secrets; False when it was not open."""
        ...
