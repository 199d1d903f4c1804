"""Tells the payment domain whether money that came late still serves its case (事项是否在办)."""

from __future__ import annotations

from gateway.cases.model import CaseState
from gateway.cases.mover import CaseMover
from kernel.work import WorkSource


class CaseMatters:
    """payments.ports.Matters: a reference is a case, open while it waits for its fee."""

    def __init__(self, mover: CaseMover, works: WorkSource) -> None:
        self._mover = mover
        self._works = works

    async def is_open(self, reference: str) -> bool:
        """Return whether the fee is still wanted. Raises CaseNotFound: then people decide."""
        async with self._works.read() as work:
            case = await self._mover.load(work, reference, lock=False)
        return case.state is CaseState.AWAITING_PAYMENT
