"""Voids and expires bills, only ever with the finance system's consent (作废, 过期)."""

from __future__ import annotations

import logging
from dataclasses import replace

from kernel.errors import UpstreamError, UpstreamRejected
from kernel.work import JsonMap
from payments.errors import BillNotReady
from payments.ground import VOID_TASK, Ground
from payments.issuing import SOON
from payments.learning import Learner
from payments.ledger import Ledger
from payments.model import Bill, BillException, Closing, PayState
from payments.states import UNSETTLED

log = logging.getLogger(__name__)


class Closer:
    """Closes bills; see PaymentService for the contract."""

    def __init__(self, ground: Ground, ledger: Ledger, learner: Learner) -> None:
        self._ground = ground
        self._ledger = ledger
        self._learner = learner

    async def close(self, bill_id: str, closing: Closing, actor: str) -> Bill:
        """Ask, then void; the bill that returns may be PAID instead."""
        bill = await self._ground.get(bill_id)
        if bill.pay not in UNSETTLED:
            return bill
        bill = await self._learner.refresh(bill)
        if bill.pay is PayState.ISSUING:
            raise BillNotReady("a bill that is being issued cannot be voided")
        async with self._ground.works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if bill.pay in {PayState.PENDING, PayState.PAYING}:
                marked = replace(bill, closing=closing)
                bill = await self._ledger.move(work, marked, PayState.VOIDING, actor)
                due = self._ground.clock.now() + SOON
                payload: JsonMap = {"bill_id": bill_id}
                await work.enqueue(VOID_TASK, f"{bill_id}:{bill.version}", payload, due=due)
        if bill.pay is not PayState.VOIDING:
            return bill
        try:
            return await self._send_void(bill)
        except UpstreamError as exc:
            log.warning("void_unanswered", extra={"bill_id": bill_id, "code": exc.code})
        return await self._ground.get(bill_id)

    async def resume(self, bill_id: str) -> Bill:
        """Bring a void without an answer to an end: ask, and send it again only if still unpaid."""
        bill = await self._ground.get(bill_id)
        if bill.pay is PayState.VOIDING:
            bill = await self._learner.refresh(bill)
        return await self._send_void(bill) if bill.pay is PayState.VOIDING else bill

    async def _send_void(self, bill: Bill) -> Bill:
        if BillException.LOST_UPSTREAM not in bill.exceptions:
            try:
                await self._ground.provider.void(bill)
            except UpstreamRejected:
                return await self._refused(bill)
        # A bill that the finance system does not know can be paid by nobody: it is void.
        await self._learner.voided(bill.bill_id)
        return await self._ground.get(bill.bill_id)

    async def _refused(self, bill: Bill) -> Bill:
        now = await self._learner.refresh(bill)
        if now.pay is not PayState.VOIDING:
            return now
        if BillException.LOST_UPSTREAM in now.exceptions:
            await self._learner.voided(bill.bill_id)
            return await self._ground.get(bill.bill_id)
        async with self._ground.works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            if now.pay is not PayState.VOIDING:
                return now
            live = replace(now, closing=None)
            return await self._ledger.move(work, live, PayState.PENDING, self._ground.upstream)
