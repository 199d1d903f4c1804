"""Tells the payment domain whether late money still serves its matter (事项是否仍在办理)."""

from __future__ import annotations

from typing import Final

import payments
from gateway.cases.model import CaseState
from gateway.cases.mover import CaseMover
from kernel.work import WorkSource

_OPEN: Final = frozenset({CaseState.AWAITING_PAYMENT, CaseState.REVIEWING})


class CaseMatters:
    """Knows the cases behind bills (payments.Matters)."""

    def __init__(self, mover: CaseMover, bills: payments.BillRepository, works: WorkSource) -> None:
        self._mover = mover
        self._bills = bills
        self._works = works

    async def is_open(self, reference: str) -> bool:
        """Return whether the case is still worked on and no other bill has paid its fee."""
        async with self._works.read() as work:
            case = await self._mover.load(work, reference, lock=False)
            bills = await self._bills.by_reference(work, reference)
        paid = [
            bill
            for bill in bills
            if bill.pay is payments.PayState.PAID and bill.refund is not payments.RefundState.FULL
        ]
        return case.state in _OPEN and len(paid) <= 1
