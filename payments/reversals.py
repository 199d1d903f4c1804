"""Reversal (冲正): a confirmed payment undone on its own day, before that day is reconciled."""

from __future__ import annotations

from dataclasses import replace

from kernel.clock import beijing_day
from kernel.errors import UpstreamRejected
from kernel.work import JsonMap, Work
from payments.booking import Booking
from payments.errors import AlreadyReconciled, NotReversible
from payments.ground import REVERSE_TASK, Ground
from payments.learning import Learner
from payments.ledger import Ledger
from payments.model import (
    Attempt,
    AttemptState,
    Bill,
    Closing,
    PayState,
    ReconState,
    UpstreamState,
)
from payments.ports import ALREADY_RECONCILED
from payments.receipts import ReceiptDesk
from payments.refund_book import receipt_in_the_way
from payments.refund_model import ReversalOrder
from payments.states import COUNTED_REFUND


class ReversalDesk:
    """Undoes payments while the finance side still can."""

    def __init__(
        self,
        ground: Ground,
        ledger: Ledger,
        booking: Booking,
        learner: Learner,
        receipts: ReceiptDesk,
    ) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._works = ground.works
        self._ledger = ledger
        self._booking = booking
        self._learner = learner
        self._receipts = receipts

    async def reverse(self, bill_id: str, *, actor: str, reason: str) -> Bill:
        """Undo the payment of today; the bill that returns is REVERSED, or awaits the answer.

        Raises AlreadyReconciled once only a refund can help, NotReversible when the bill is not
        paid or money of it goes back already, and the upstream error when nothing is known yet:
        the worker then carries it on.
        """
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if bill.pay is PayState.REVERSED:
                return bill
            if bill.closing is not Closing.REVERSE:
                await self._examine(work, bill)
                marked = replace(bill, closing=Closing.REVERSE)
                bill = await self._ledger.store(work, marked)
                payload: JsonMap = {"bill_id": bill_id, "actor": actor, "reason": reason}
                await work.enqueue(REVERSE_TASK, f"{bill_id}:{bill.version}", payload)
        return await self._send(bill, actor, reason)

    async def resume(self, bill_id: str, *, actor: str, reason: str) -> Bill:
        """Bring a reversal without an answer to its end: ask first."""
        bill = await self._ground.get(bill_id)
        if bill.closing is not Closing.REVERSE:
            return bill
        if (await self._learner.ask(bill)).state is UpstreamState.VOIDED:
            return await self._done(bill_id, actor, reason)
        return await self._send(bill, actor, reason)

    async def _examine(self, work: Work, bill: Bill) -> None:
        if self._ground.reversals() is None:
            raise NotReversible("this finance system offers no reversal")
        if bill.pay is not PayState.PAID or bill.merged_into:
            raise NotReversible("only a paid bill is reversed, a merged one by its carrier")
        each = [bill, *(await self._stores.members(work, bill.bill_id))]
        for one in each:
            refunds = await self._stores.refunds_of(work, one.bill_id)
            if any(r.step in COUNTED_REFUND for r in refunds):
                raise NotReversible("money of this bill goes back already")
            if one.recon is not ReconState.UNCHECKED:
                raise AlreadyReconciled("the day of the payment is reconciled")
        today = beijing_day(self._ground.clock.now())
        if bill.paid_at is None or beijing_day(bill.paid_at) != today:
            raise AlreadyReconciled("the payment is not of today")

    async def _send(self, bill: Bill, actor: str, reason: str) -> Bill:
        provider = self._ground.reversals()
        if provider is None or bill.paid_at is None:
            raise NotReversible("this finance system offers no reversal")
        async with self._works.read() as work:
            members = await self._stores.members(work, bill.bill_id)
        for one in [bill, *members]:
            if receipt_in_the_way(await self._receipts.redden(one.bill_id)):
                raise NotReversible("the receipt is not red yet")
        money = await self._money(bill)
        order = ReversalOrder(bill.pay_code, money.tra_no, beijing_day(bill.paid_at), reason)
        try:
            await provider.reverse(order)
        except UpstreamRejected as refusal:
            await self._refused(bill.bill_id)
            if refusal.upstream_code == ALREADY_RECONCILED:
                raise AlreadyReconciled("the finance system has reconciled the day") from None
            raise
        return await self._done(bill.bill_id, actor, reason)

    async def _money(self, bill: Bill) -> Attempt:
        async with self._works.read() as work:
            for attempt in await self._stores.attempts(work, bill.bill_id):
                if attempt.state is AttemptState.SUCCEEDED:
                    return attempt
        raise NotReversible("the payment is not known")

    async def _refused(self, bill_id: str) -> None:
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if bill.closing is Closing.REVERSE:
                live = await self._ledger.store(work, replace(bill, closing=None))
                await self._booking.plan_receipt(work, live)

    async def _done(self, bill_id: str, actor: str, reason: str) -> Bill:
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if bill.pay is not PayState.PAID:
                return bill
            return await self._booking.reversed(work, bill, actor, reason)
