"""Asks the applicant for a case's fee, and moves the case on once the money is confirmed (缴费)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import payments
from gateway.cases import translate
from gateway.cases.errors import NoFeeDue
from gateway.cases.model import Case, CaseState
from gateway.cases.mover import CaseMover
from gateway.catalog.service import CatalogService
from kernel.work import WorkSource

_CLOSED: Final = frozenset({payments.PayState.VOIDED, payments.PayState.EXPIRED})


class FeeService:
    """The fees of cases (收费); what a payment is, the payment domain knows."""

    def __init__(
        self,
        *,
        mover: CaseMover,
        catalog: CatalogService,
        collector: payments.PaymentService,
        works: WorkSource,
    ) -> None:
        self._mover = mover
        self._catalog = catalog
        self._payments = collector
        self._works = works

    async def bill(self, case_id: str) -> payments.Bill | None:
        """Raise the case's one bill and try to issue it; None when nothing is due any more.

        Repeating it returns the same bill. No upstream error: an unissued bill stays ISSUING.
        """
        async with self._works.read() as work:
            case = await self._mover.load(work, case_id, lock=False)
        if case.state is not CaseState.AWAITING_PAYMENT:
            return None
        return await self._raise(case)

    async def pay(self, case_id: str, owner: str) -> tuple[payments.Bill, str]:
        """Return the bill to its payer with the address of the pay page.

        Raises CaseNotFound, NoFeeDue, BillNotReady while it is being issued, BillClosed.
        """
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
        if case.state is not CaseState.AWAITING_PAYMENT:
            raise NoFeeDue("the case is not waiting for payment")
        bill = await self._raise(case)
        url = await self._payments.open(bill.bill_id, f"citizen:{owner}")
        return await self._payments.get(bill.bill_id), url

    async def bills(self, case_id: str, owner: str) -> Sequence[payments.Bill]:
        """Return the case's bills to its owner. Raises CaseNotFound."""
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
        return await self._payments.by_reference(case.case_id)

    async def settle(self, case_id: str, bill_id: str) -> None:
        """Move a case on when its bill is paid, or can be paid no more; else change nothing.

        Without the money the department may refuse, but not grant.
        """
        bill = await self._payments.get(bill_id)
        paid = bill.pay is payments.PayState.PAID
        if not paid and bill.pay not in _CLOSED:
            return
        async with self._works.begin() as work:
            case = await self._mover.load(work, case_id)
            if case.state is CaseState.AWAITING_PAYMENT:
                await self._mover.move(
                    work,
                    case,
                    CaseState.REVIEWING,
                    "system",
                    changes={"fee_paid": paid},
                    data={"paid": paid},
                )

    async def void_bills(self, case_id: str) -> None:
        """Void what a withdrawn case has not paid. Raises BillNotReady and the upstream errors."""
        for bill in await self._payments.by_reference(case_id):
            await self._payments.void(bill.bill_id)

    async def _raise(self, case: Case) -> payments.Bill:
        item = await self._catalog.get(case.item_code)
        raised = await self._payments.raise_bill(translate.order_of(case, item))
        if isinstance(raised, payments.NoFeeDue):
            raise NoFeeDue("the fee is zero")
        return await self._payments.issue(raised.bill_id)
