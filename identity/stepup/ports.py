"""What step-ups need to be stored by, and what they need of sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from identity.model import Session
from identity.stepup.model import StepUp, StepUpState
from kernel.work import Work


class StepUpRepository(Protocol):
    """The rows of step-ups, and the row of a session that one of them raises."""

    async def add(self, work: Work, step_up: StepUp) -> None:
        """Store a new step-up."""
        ...

    async def get(self, work: Work, step_up_id: str) -> StepUp | None:
        """Return a step-up."""
        ...

    async def change(self, work: Work, step_up: StepUp, old: StepUpState) -> bool:
        """Write a step-up over its old state; False when somebody else was faster."""
        ...

    async def begun_since(self, work: Work, sub: str, since: datetime) -> int:
        """Return how many step-ups a subject began since a moment."""
        ...

    async def session(self, work: Work, session_id: str, *, lock: bool) -> Session | None:
        """Return a session; ``lock`` keeps others from changing it until the end."""
        ...

    async def raise_session(
        self, work: Work, session_id: str, principal: bytes, token_hash: str | None
    ) -> None:
        """Write the raised principal of an open session, and its new token if it has its own.

        Raises StaleVersion when the session is over.
        """
        ...
