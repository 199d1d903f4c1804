"""Brings bills to the finance system: sent once, and asked for before they are sent again."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Final

from kernel.errors import UpstreamError, UpstreamProtocolError, UpstreamRejected
from payments.ground import CONFIRM_TASK, Ground
from payments.learning import Learner
from payments.ledger import Ledger
from payments.model import MAX_CODE, Bill, BillException, PayState

log = logging.getLogger(__name__)

SOON: Final = timedelta(seconds=5)


def to_be_issued(bill: Bill) -> bool:
    """Return whether the finance system has yet to say where this bill is paid."""
    if bill.pay is PayState.ISSUING:
        return True
    lost = BillException.LOST_UPSTREAM in bill.exceptions
    if bill.pay is PayState.PAYING:
        return lost
    return bill.pay is PayState.PENDING and (lost or not bill.pay_url)


class Issuer:
    """Issues bills; see PaymentService for the contract."""

    def __init__(self, ground: Ground, ledger: Ledger, learner: Learner) -> None:
        self._ground = ground
        self._ledger = ledger
        self._learner = learner

    async def issue(self, bill_id: str) -> Bill:
        """Send the bill once and return it as it then stands."""
        bill = await self._ground.get(bill_id)
        if not to_be_issued(bill):
            return bill
        try:
            return await self.send(bill)
        except UpstreamError as exc:
            log.warning("bill_not_issued", extra={"bill_id": bill_id, "code": exc.code})
        async with self._ground.works.begin() as work:
            due = self._ground.clock.now() + SOON
            key = f"{bill_id}:{bill.version}"
            await work.enqueue(CONFIRM_TASK, key, {"bill_id": bill_id}, due=due)
        return await self._ground.get(bill_id)

    async def confirm(self, bill_id: str) -> Bill:
        """Bring an unconfirmed bill to an end: ask first, and send only what is not there."""
        bill = await self._ground.get(bill_id)
        if bill.pay is PayState.ISSUING:
            bill = await self._learner.refresh(bill)
        return await self.send(bill) if to_be_issued(bill) else bill

    async def send(self, bill: Bill) -> Bill:
        """Send the bill now. Raises the upstream error when its outcome is not known."""
        try:
            issued = await self._ground.provider.issue(bill)
        except UpstreamRejected as refusal:
            return await self._refused(bill, refusal.upstream_code)
        if not (bill.pay_code or issued.pay_code):
            raise UpstreamProtocolError("the platform accepted a bill and made no pay code")
        async with self._ground.works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            ready = replace(
                now,
                pay_code=now.pay_code or issued.pay_code,
                pay_url=now.pay_url or issued.pay_url,
            ).unflagged(BillException.LOST_UPSTREAM)
            if now.pay is PayState.ISSUING:
                return await self._ledger.move(work, ready, PayState.PENDING, self._ground.upstream)
            return now if ready == now else await self._ledger.share(work, ready)

    async def _refused(self, bill: Bill, code: str) -> Bill:
        # "Already paid" and "already there" are refusals too: the upstream's own state decides.
        try:
            now = await self._learner.refresh(bill)
        except UpstreamRejected:
            now = bill
        if now.pay is not PayState.ISSUING:
            return now
        async with self._ground.works.begin() as work:
            now = await self._ground.locked(work, bill.bill_id)
            if now.pay is not PayState.ISSUING:
                return now
            failed = replace(now, failure_code=code[:MAX_CODE])
            return await self._ledger.move(
                work, failed, PayState.ISSUE_FAILED, self._ground.upstream
            )
