"""Fiscal e-receipts: numbered, issued, downloaded, verified, made red; never two for one bill."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from kernel.errors import UpstreamError, UpstreamRejected, UpstreamUnavailable
from kernel.money import Fen
from kernel.work import Work
from payments.errors import ReceiptNotFound
from payments.ground import Ground
from payments.ledger import Ledger
from payments.model import (
    MAX_CODE,
    Attempt,
    AttemptState,
    Bill,
    BillException,
    Channel,
    PayState,
    ReceiptState,
    ReconState,
    RefundState,
)
from payments.ports import ReceiptProvider
from payments.receipt_model import (
    FiscalReceipt,
    IssuedReceipt,
    ReceiptMode,
    ReceiptNumber,
    ReceiptOrder,
)
from payments.refund_book import refundable
from payments.states import ACTIVE_REFUND

log = logging.getLogger(__name__)

_HELD_BY = frozenset(
    {BillException.LATE_PAYMENT, BillException.AMOUNT_MISMATCH, BillException.ACCOUNT_MISMATCH}
)


class ReceiptDesk:
    """Issues receipts of paid bills, where the finance system makes receipts through us."""

    def __init__(self, ground: Ground, ledger: Ledger) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._works = ground.works
        self._ledger = ledger

    async def of_bill(self, bill_id: str) -> Sequence[FiscalReceipt]:
        """Return every receipt of a bill, the oldest first; red ones are cancelled."""
        async with self._works.read() as work:
            return await self._stores.receipts_of(work, bill_id)

    async def document(self, bill_id: str) -> tuple[FiscalReceipt, bytes]:
        """Return the valid receipt and its document. Raises ReceiptNotFound until it is here."""
        async with self._works.read() as work:
            receipt = await self._stores.live_receipt(work, bill_id)
            if receipt is None or receipt.state is not ReceiptState.ISSUED or not receipt.sha256:
                raise ReceiptNotFound("the bill has no receipt with a document")
            content = await self._stores.receipt_file(work, receipt.receipt_id)
        if content is None:
            raise ReceiptNotFound("the receipt's document is gone")
        return receipt, content

    async def advance(self, bill_id: str) -> Bill:
        """Bring a paid bill's receipt as far as it gets; repeating it never makes a second one.

        Nothing happens while a refund is under way, the payment is in doubt, or two people accepted
        another amount than was due. Raises the upstream error when it must be called again.
        """
        provider = self._ground.receipts()
        bill = await self._ground.get(bill_id)
        if provider is None or not await self._due(bill):
            return bill
        if bill.receipt in {ReceiptState.NONE, ReceiptState.RED}:
            if provider.receipt_mode is not ReceiptMode.SEPARATE:
                return await self._find(provider, bill)
            bill = await self._number(provider, bill)
        if bill.receipt in {ReceiptState.NUMBERED, ReceiptState.ISSUING, ReceiptState.FAILED}:
            bill = await self._issue(provider, bill)
        if bill.receipt is ReceiptState.ISSUED:
            await self._complete(provider, bill)
        return await self._ground.get(bill_id)

    async def _due(self, bill: Bill) -> bool:
        async with self._works.read() as work:
            return await self._due_in(work, bill)

    async def _due_in(self, work: Work, bill: Bill) -> bool:
        if bill.pay is not PayState.PAID or bill.merged or bill.paid_fen != bill.amount_fen:
            return False
        if bill.recon is ReconState.SHORT or bill.exceptions & _HELD_BY:
            return False
        refunds = await self._stores.refunds_of(work, bill.bill_id)
        under_way = any(r.step in ACTIVE_REFUND and r.attempt_id for r in refunds)
        return not under_way and bill.refund is not RefundState.FULL and not bill.closing

    async def _number(self, provider: ReceiptProvider, bill: Bill) -> Bill:
        async with self._works.begin() as work:
            free = await self._stores.take_free(work)
            if free is not None:
                return await self._numbered(work, bill.bill_id, free)
        taken = await provider.take_number(bill)
        async with self._works.begin() as work:
            return await self._numbered(work, bill.bill_id, taken)

    async def _numbered(self, work: Work, bill_id: str, number: ReceiptNumber) -> Bill:
        bill = await self._ground.locked(work, bill_id)
        waiting = bill.receipt in {ReceiptState.NONE, ReceiptState.RED}
        refunds = await self._stores.refunds_of(work, bill_id)
        if waiting and await self._due_in(work, bill):
            receipt = self._draft(bill, refundable(bill, refunds), ReceiptState.NUMBERED, number)
            if await self._stores.add_receipt(work, receipt):
                return await self._ledger.receipt(
                    work, bill, ReceiptState.NUMBERED, self._ground.upstream
                )
        # Another worker was faster, or a refund began: the number serves the next receipt.
        await self._stores.put_free(work, number)
        return bill

    def _draft(
        self, bill: Bill, amount_fen: Fen, state: ReceiptState, number: ReceiptNumber | None
    ) -> FiscalReceipt:
        now = self._ground.clock.now()
        return FiscalReceipt(
            receipt_id=self._ground.ids.new("receipt"),
            bill_id=bill.bill_id,
            state=state,
            amount_fen=amount_fen,
            created_at=now,
            updated_at=now,
            number=number,
        )

    async def _issue(self, provider: ReceiptProvider, bill: Bill) -> Bill:
        asked_before = bill.receipt is not ReceiptState.NUMBERED
        receipt = await self._live(bill)
        if asked_before:
            # 8981 is never repeated blindly: an earlier message may have got through.
            found = await provider.find_receipt(bill, receipt.number)
            if found is not None:
                return await self._issued(bill.bill_id, receipt, found)
        async with self._works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            if now.receipt is not bill.receipt or not await self._due_in(work, now):
                return now
            bill = now
            if now.receipt is not ReceiptState.ISSUING:
                bill = await self._step(work, now, receipt, ReceiptState.ISSUING)
                receipt = await self._live(bill)
        try:
            issued = await provider.issue_receipt(await self._order(bill, receipt, None))
        except UpstreamRejected as refusal:
            return await self._refused(provider, bill, receipt, refusal.upstream_code)
        return await self._issued(bill.bill_id, receipt, issued)

    async def _refused(
        self, provider: ReceiptProvider, bill: Bill, receipt: FiscalReceipt, code: str
    ) -> Bill:
        found = await provider.find_receipt(bill, receipt.number)
        if found is not None:
            return await self._issued(bill.bill_id, receipt, found)
        async with self._works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            if now.receipt is not ReceiptState.ISSUING:
                return now
            failed = replace(receipt, failure_code=code[:MAX_CODE])
            log.error("receipt_refused", extra={"bill_id": bill.bill_id, "upstream_code": code})
            return await self._step(work, now, failed, ReceiptState.FAILED)

    async def _issued(self, bill_id: str, receipt: FiscalReceipt, issued: IssuedReceipt) -> Bill:
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            current = await self._stores.live_receipt(work, bill_id)
            if current is None or current.state is ReceiptState.ISSUED:
                return bill
            filled = replace(
                current,
                check_code=issued.check_code,
                url=issued.url,
                issued_at=issued.issued_at or self._ground.clock.now(),
                failure_code="",
            )
            bill = await self._step(work, bill, filled, ReceiptState.ISSUED)
            if issued.amount_fen not in {None, receipt.amount_fen}:
                bill = await self._ledger.flag(work, bill, BillException.RECEIPT_DOUBTFUL)
            return bill

    async def _step(
        self, work: Work, bill: Bill, receipt: FiscalReceipt, new: ReceiptState
    ) -> Bill:
        moved = replace(receipt, state=new, updated_at=self._ground.clock.now())
        await self._stores.save_receipt(work, moved)
        return await self._ledger.receipt(work, bill, new, self._ground.upstream)

    async def _find(self, provider: ReceiptProvider, bill: Bill) -> Bill:
        found = await provider.find_receipt(bill, None)
        if found is None:
            raise UpstreamUnavailable("the receipt is not issued yet")
        async with self._works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            if now.receipt not in {ReceiptState.NONE, ReceiptState.RED}:
                return now
            refunds = await self._stores.refunds_of(work, bill.bill_id)
            draft = self._draft(now, refundable(now, refunds), ReceiptState.ISSUED, found.number)
            filled = replace(
                draft,
                check_code=found.check_code,
                url=found.url,
                issued_at=found.issued_at or self._ground.clock.now(),
            )
            if not await self._stores.add_receipt(work, filled):
                return now
            bill = await self._ledger.receipt(work, now, ReceiptState.ISSUED, self._ground.upstream)
        await self._complete(provider, bill)
        return await self._ground.get(bill.bill_id)

    async def _complete(self, provider: ReceiptProvider, bill: Bill) -> None:
        """Download and verify what is issued; both wait patiently and change no money."""
        receipt = await self._live(bill)
        if receipt.number is None or (receipt.sha256 and receipt.verified_at):
            return
        issued = IssuedReceipt(
            receipt.number, receipt.check_code, receipt.amount_fen, receipt.issued_at, receipt.url
        )
        if not receipt.sha256:
            file = await provider.download_receipt(issued)
            digest = hashlib.sha256(file.content).hexdigest()
            async with self._works.begin() as work:
                await self._stores.keep_file(work, receipt.receipt_id, file.content)
                kept = replace(receipt, sha256=digest, media_type=file.media_type)
                receipt = await self._stores.save_receipt(work, kept)
        verified = await provider.verify_receipt(issued)
        async with self._works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            checked = replace(receipt, verified_at=self._ground.clock.now())
            await self._stores.save_receipt(work, checked)
            if not verified:
                await self._ledger.flag(work, now, BillException.RECEIPT_DOUBTFUL)

    async def redden(self, bill_id: str) -> Bill:
        """Make the receipt red, or free its number, before money goes back (冲红).

        Raises the upstream error while that is not done, so that the money waits.
        """
        bill = await self._ground.get(bill_id)
        if bill.receipt is ReceiptState.NUMBERED:
            return await self._free(bill)
        provider = self._ground.receipts()
        if provider is None or bill.receipt in {ReceiptState.NONE, ReceiptState.RED}:
            return bill
        receipt = await self._live(bill)
        if bill.receipt in {ReceiptState.ISSUING, ReceiptState.FAILED}:
            found = await provider.find_receipt(bill, receipt.number)
            if found is None and bill.receipt is ReceiptState.FAILED:
                return bill
            if found is None:
                # Whether it will still be issued is unknown: issue it for certain, then cancel it.
                found = await provider.issue_receipt(await self._order(bill, receipt, None))
            bill = await self._issued(bill_id, receipt, found)
            receipt = await self._live(bill)
        if provider.receipt_mode is ReceiptMode.SEPARATE:
            receipt = await self._cancel(provider, bill, receipt)
        async with self._works.begin() as work:
            now = await self._ground.locked(work, bill_id)
            if now.receipt is not ReceiptState.ISSUED:
                return now
            return await self._step(work, now, receipt, ReceiptState.RED)

    async def _cancel(
        self, provider: ReceiptProvider, bill: Bill, receipt: FiscalReceipt
    ) -> FiscalReceipt:
        if receipt.red_number is not None:
            if await provider.find_receipt(bill, receipt.red_number) is not None:
                return receipt
        else:
            number = await provider.take_number(bill)
            async with self._works.begin() as work:
                await self._ground.locked(work, bill.bill_id)
                receipt = await self._stores.save_receipt(work, replace(receipt, red_number=number))
        try:
            await provider.issue_receipt(await self._order(bill, receipt, receipt.number))
        except UpstreamError:
            if await provider.find_receipt(bill, receipt.red_number) is None:
                raise
        return receipt

    async def _free(self, bill: Bill) -> Bill:
        async with self._works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            receipt = await self._stores.live_receipt(work, bill.bill_id)
            if now.receipt is not ReceiptState.NUMBERED or receipt is None:
                return now
            await self._stores.drop_receipt(work, receipt)
            if receipt.number:
                await self._stores.put_free(work, receipt.number)
            return await self._ledger.receipt(work, now, ReceiptState.NONE, "system")

    async def _live(self, bill: Bill) -> FiscalReceipt:
        async with self._works.read() as work:
            receipt = await self._stores.live_receipt(work, bill.bill_id)
        if receipt is None:
            raise ReceiptNotFound("the bill has no live receipt")
        return receipt

    async def _order(
        self, bill: Bill, receipt: FiscalReceipt, red_of: ReceiptNumber | None
    ) -> ReceiptOrder:
        number = receipt.red_number if red_of else receipt.number
        if number is None:
            raise ReceiptNotFound("the receipt has no number")
        async with self._works.read() as work:
            attempts = await self._stores.attempts(work, bill.merged_into or bill.bill_id)
        paid: Attempt | None = next(
            (a for a in attempts if a.state is AttemptState.SUCCEEDED), None
        )
        return ReceiptOrder(
            bill=bill,
            number=number,
            amount_fen=receipt.amount_fen,
            paid_at=bill.paid_at or self._ground.clock.now(),
            channel=(paid and paid.channel) or Channel.OTHER,
            channel_raw=paid.channel_raw if paid else "",
            red_of=red_of,
        )
