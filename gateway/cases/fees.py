"""Asks the applicant for a case's fee, and moves the case on once the money is confirmed (缴费)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import payments
from gateway.cases import translate
from gateway.cases.errors import NoFeeDue
from gateway.cases.model import Case, CaseLine, CaseState
from gateway.cases.mover import CaseMover
from gateway.catalog.service import CatalogService
from kernel.money import fen
from kernel.work import WorkSource

_S: Final = payments.PayState
OVER: Final = frozenset({_S.VOIDED, _S.EXPIRED, _S.REVERSED})
"""A bill in one of these is never paid under its code again: the fee is billed anew."""
PAYABLE: Final = frozenset({_S.ISSUING, _S.PENDING, _S.PAYING})
_LIVE: Final = PAYABLE | {_S.VOIDING}


@dataclass(frozen=True)
class RefundWish:
    """What a payer wants back; amounts in 分."""

    refund_no: str
    amount_fen: int
    expected_refundable_fen: int
    reason: str


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
        """Raise the case's bill and try to issue it; None when nothing is due any more.

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

    async def due(self, case_id: str, owner: str) -> int:
        """Return the fee of a case in 分, by its items and its form. Raises CaseNotFound."""
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
        order = translate.order_of(case, await self._catalog.get(case.item_code))
        return sum(item.amount_fen for item in order.items)

    async def bills(self, case_id: str, owner: str) -> Sequence[payments.Bill]:
        """Return the case's bills to its owner. Raises CaseNotFound."""
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
        return await self._payments.by_reference(case.case_id)

    async def bill_of(self, case_id: str, bill_id: str, owner: str) -> payments.Bill:
        """Return one bill of the case to its owner. Raises CaseNotFound, BillNotFound."""
        for bill in await self.bills(case_id, owner):
            if bill.bill_id == bill_id:
                return bill
        raise payments.BillNotFound("no such bill of this case")

    async def void(self, case_id: str, bill_id: str, owner: str) -> payments.Bill:
        """Void a bill on its payer's wish; what the upstream says decides, so it may be PAID.

        The fee is still due: asking to pay again makes a new bill. Raises CaseNotFound,
        BillNotFound, BillNotReady, or the upstream's error when it cannot even be asked.
        """
        bill = await self.bill_of(case_id, bill_id, owner)
        return await self._payments.void(bill.bill_id, f"citizen:{owner}")

    async def payables(self, line: CaseLine) -> Sequence[payments.Bill]:
        """Return the bills of a case that can be paid now."""
        if line.state is not CaseState.AWAITING_PAYMENT:
            return []
        bills = await self._payments.by_reference(line.case_id)
        return [bill for bill in bills if bill.pay in PAYABLE]

    async def refund(
        self, case_id: str, bill_id: str, owner: str, wish: RefundWish
    ) -> tuple[payments.Refund, int]:
        """Ask for money back on its payer's wish; return the refund and what is left to refund.

        Raises CaseNotFound, BillNotFound, RefundDiffers, NotRefundable.
        """
        bill = await self.bill_of(case_id, bill_id, owner)
        refund = await self._payments.refunds.request(
            bill.bill_id,
            refund_no=wish.refund_no,
            amount_fen=fen(wish.amount_fen),
            expected_refundable_fen=fen(wish.expected_refundable_fen),
            reason=wish.reason,
            actor=f"citizen:{owner}",
        )
        return refund, await self._payments.refunds.refundable(bill.bill_id)

    async def settle(self, case_id: str, bill_id: str) -> None:
        """Move a case on when its bill is paid, or none can be paid any more; else change nothing.

        Without the money the department may refuse, but not grant. Once it is there, another bill
        of the case that could still be paid is voided: nobody pays a fee twice.
        """
        bills = await self._payments.by_reference(case_id)
        paid = any(bill.bill_id == bill_id and bill.pay is _S.PAID for bill in bills)
        live = [bill for bill in bills if bill.bill_id != bill_id and bill.pay in _LIVE]
        over = not live and all(bill.pay in OVER for bill in bills)
        if not paid and not over:
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
            elif paid and case.state is CaseState.REVIEWING and not case.fee_paid:
                # Late money for a bill that was given up: the department need not ask again.
                await self._mover.note(work, case, {"fee_paid": True})
        for other in live:
            await self._payments.void(other.bill_id)

    async def void_bills(self, case_id: str) -> None:
        """Void what a withdrawn case has not paid. Raises BillNotReady and the upstream errors."""
        for bill in await self._payments.by_reference(case_id):
            await self._payments.void(bill.bill_id)

    async def _raise(self, case: Case) -> payments.Bill:
        item = await self._catalog.get(case.item_code)
        order = translate.order_of(case, item)
        over = [b for b in await self._payments.by_reference(case.case_id) if b.pay in OVER]
        if over:
            # Counted, so that two who ask at the same time name the same business key.
            order = replace(order, fee_version=f"{order.fee_version}.{len(over)}")
        raised = await self._payments.raise_bill(order)
        if isinstance(raised, payments.NoFeeDue):
            raise NoFeeDue("the fee is zero")
        return await self._payments.issue(raised.bill_id)
