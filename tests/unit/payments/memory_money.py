"""Refunds, receipts and decisions in memory, with the constraints of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kernel.errors import StaleVersion
from kernel.work import Work
from payments.model import ReceiptState
from payments.receipt_model import FiscalReceipt, ReceiptNumber
from payments.refund_model import Refund
from payments.ruling_model import Ruling, RulingState
from tests.unit.payments.memory import MemoryBills, MemoryRoom, MemoryWork
from tests.unit.payments.memory_recon import MemoryRecon


class MemoryRefunds(MemoryRoom):
    async def add_refund(self, work: Work, refund: Refund) -> bool:
        refunds = self._of(work).refunds
        if any(r.refund_no == refund.refund_no for r in refunds.values()):
            return False
        assert 0 < refund.amount_fen <= refund.paid_fen
        refunds[refund.refund_id] = refund
        return True

    async def get_refund(self, work: Work, refund_id: str, *, lock: bool = False) -> Refund | None:
        return self._of(work).refunds.get(refund_id)

    async def refund_by_no(self, work: Work, refund_no: str) -> Refund | None:
        found = [r for r in self._of(work).refunds.values() if r.refund_no == refund_no]
        return found[0] if found else None

    async def refunds_of(self, work: Work, bill_id: str) -> Sequence[Refund]:
        return [r for r in self._of(work).refunds.values() if r.bill_id == bill_id]

    async def save_refund(self, work: Work, refund: Refund) -> Refund:
        refunds = self._of(work).refunds
        if refunds[refund.refund_id].version != refund.version:
            raise StaleVersion("changed meanwhile")
        refunds[refund.refund_id] = replace(refund, version=refund.version + 1)
        return refunds[refund.refund_id]


class MemoryReceipts(MemoryRoom):
    async def add_receipt(self, work: Work, receipt: FiscalReceipt) -> bool:
        receipts = self._of(work).receipts
        if await self.live_receipt(work, receipt.bill_id) is not None:
            return False
        if any(r.number == receipt.number for r in receipts.values()):
            return False
        receipts[receipt.receipt_id] = receipt
        return True

    async def live_receipt(self, work: Work, bill_id: str) -> FiscalReceipt | None:
        found = await self.receipts_of(work, bill_id)
        return next((r for r in found if r.state is not ReceiptState.RED), None)

    async def receipts_of(self, work: Work, bill_id: str) -> Sequence[FiscalReceipt]:
        return [r for r in self._of(work).receipts.values() if r.bill_id == bill_id]

    async def save_receipt(self, work: Work, receipt: FiscalReceipt) -> FiscalReceipt:
        receipts = self._of(work).receipts
        if receipts[receipt.receipt_id].version != receipt.version:
            raise StaleVersion("changed meanwhile")
        receipts[receipt.receipt_id] = replace(receipt, version=receipt.version + 1)
        return receipts[receipt.receipt_id]

    async def drop_receipt(self, work: Work, receipt: FiscalReceipt) -> None:
        del self._of(work).receipts[receipt.receipt_id]

    async def take_free(self, work: Work) -> ReceiptNumber | None:
        free = self._of(work).free
        return free.pop(0) if free else None

    async def put_free(self, work: Work, number: ReceiptNumber) -> None:
        free = self._of(work).free
        if number not in free:
            free.append(number)

    async def keep_file(self, work: Work, receipt_id: str, content: bytes) -> None:
        self._of(work).files.setdefault(receipt_id, content)

    async def receipt_file(self, work: Work, receipt_id: str) -> bytes | None:
        return self._of(work).files.get(receipt_id)


class MemoryRulings(MemoryRoom):
    async def add_ruling(self, work: Work, ruling: Ruling) -> bool:
        rulings = self._of(work).rulings
        for known in rulings.values():
            same = (known.subject, known.key) == (ruling.subject, ruling.key)
            if same and known.state is RulingState.PROPOSED:
                return False
        rulings[ruling.ruling_id] = ruling
        return True

    async def get_ruling(self, work: Work, ruling_id: str) -> Ruling | None:
        return self._of(work).rulings.get(ruling_id)

    async def save_ruling(self, work: Work, ruling: Ruling) -> Ruling:
        rulings = self._of(work).rulings
        if rulings[ruling.ruling_id].version != ruling.version:
            raise StaleVersion("changed meanwhile")
        rulings[ruling.ruling_id] = replace(ruling, version=ruling.version + 1)
        return rulings[ruling.ruling_id]

    async def open_rulings(self, work: Work, limit: int) -> Sequence[Ruling]:
        rulings = self._of(work).rulings.values()
        return [r for r in rulings if r.state is RulingState.PROPOSED][:limit]


class MemoryPayments(MemoryBills, MemoryRefunds, MemoryReceipts, MemoryRulings, MemoryRecon):
    """payments.service.Repository over Memory."""


__all__ = ["MemoryPayments", "MemoryWork"]
