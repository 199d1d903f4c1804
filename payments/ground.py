"""What every part of the payment domain stands on, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import Work, WorkSource
from payments.errors import BillNotFound
from payments.model import Bill
from payments.options import PaymentOptions
from payments.ports import (
    Capability,
    Matters,
    NontaxProvider,
    ReceiptProvider,
    ReconProvider,
    RefundProvider,
    ReversalProvider,
)
from payments.stores import PaymentRepository

ISSUE_TASK: Final = "payments.issue"
CONFIRM_TASK: Final = "payments.confirm"
VOID_TASK: Final = "payments.void"
EXPIRE_TASK: Final = "payments.expire"
POLL_TASK: Final = "payments.poll"
LATE_TASK: Final = "payments.late"
RECEIPT_TASK: Final = "payments.receipt"
REFUND_TASK: Final = "payments.refund"
REVERSE_TASK: Final = "payments.reverse"
RECON_TASK: Final = "payments.reconcile"


@dataclass(frozen=True)
class Ground:
    """The collaborators that all parts share."""

    provider: NontaxProvider
    stores: PaymentRepository
    works: WorkSource
    clock: Clock
    ids: IdSource
    options: PaymentOptions
    matters: Matters | None = None
    """None: late payments wait for a person's decision."""

    @property
    def upstream(self) -> str:
        """Return the upstream as the actor of a change."""
        return f"upstream:{self.options.upstream}"

    def receipts(self) -> ReceiptProvider | None:
        """Return the provider as one of receipts, if it offers them."""
        offered = Capability.RECEIPT in self.provider.capabilities()
        provider: object = self.provider
        return provider if offered and isinstance(provider, ReceiptProvider) else None

    def refunds(self) -> RefundProvider | None:
        """Return the provider as one of refunds, if it offers them."""
        offered = Capability.REFUND in self.provider.capabilities()
        provider: object = self.provider
        return provider if offered and isinstance(provider, RefundProvider) else None

    def reversals(self) -> ReversalProvider | None:
        """Return the provider as one of reversals, if it offers them."""
        offered = Capability.REVERSAL in self.provider.capabilities()
        provider: object = self.provider
        return provider if offered and isinstance(provider, ReversalProvider) else None

    def recon(self) -> ReconProvider | None:
        """Return the provider as one of reconciliation files, if it offers them."""
        offered = Capability.RECON in self.provider.capabilities()
        provider: object = self.provider
        return provider if offered and isinstance(provider, ReconProvider) else None

    async def get(self, bill_id: str) -> Bill:
        """Return a bill as it is now. Raises BillNotFound."""
        async with self.works.read() as work:
            bill = await self.stores.get(work, bill_id)
        if bill is None:
            raise BillNotFound("no such bill")
        return bill

    async def locked(self, work: Work, bill_id: str) -> Bill:
        """Return a bill, locked until the unit ends. Raises BillNotFound."""
        bill = await self.stores.get(work, bill_id, lock=True)
        if bill is None:
            raise BillNotFound("no such bill")
        return bill
