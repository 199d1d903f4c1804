"""Refunds (退付): asked for, approved, receipt made red, sent once, and followed to their end."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from kernel.errors import UpstreamRejected, UpstreamUnavailable
from kernel.money import Fen
from kernel.work import JsonMap, Work
from payments.booking import Booking
from payments.errors import FourEyes, NotRefundable, RefundDiffers, RefundNotFound
from payments.ground import REFUND_TASK, Ground
from payments.model import MAX_CODE, Attempt, AttemptState, Bill, Closing, PayState, ReceiptState
from payments.ports import RefundProvider
from payments.receipts import ReceiptDesk
from payments.refund_book import RefundBook, receipt_in_the_way, refundable
from payments.refund_model import (
    MAX_REASON,
    Refund,
    RefundCause,
    RefundNews,
    RefundOrder,
    RefundProgress,
    RefundStep,
)
from payments.states import REFUND

log = logging.getLogger(__name__)

_NUMBER: Final = re.compile(r"[A-Za-z0-9_\-]{1,32}", re.ASCII)
_WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))
_DAILY: Final = timedelta(days=1)
_APART: Final = timedelta(seconds=70)
"""Between two refunds of one payment: longer than any answer is waited for."""
_STEPS: Final = {
    RefundProgress.PAID: RefundStep.DONE,
    RefundProgress.REJECTED: RefundStep.REJECTED,
    RefundProgress.FAILED: RefundStep.FAILED,
}
_MAIN: Final = frozenset({RefundCause.WISH, RefundCause.LATE})


class RefundDesk:
    """Sends money back; a refund is one number for ever, whatever is lost on the way."""

    def __init__(
        self, ground: Ground, book: RefundBook, booking: Booking, receipts: ReceiptDesk
    ) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._works = ground.works
        self._book = book
        self._booking = booking
        self._receipts = receipts

    async def refundable(self, bill_id: str) -> Fen:
        """Return what can still be refunded of a bill's payment in 分. Raises BillNotFound."""
        bill = await self._ground.get(bill_id)
        async with self._works.read() as work:
            return refundable(bill, await self._stores.refunds_of(work, bill_id))

    async def of_bill(self, bill_id: str) -> Sequence[Refund]:
        """Return the refunds of a bill, the oldest first."""
        async with self._works.read() as work:
            return await self._stores.refunds_of(work, bill_id)

    async def get(self, refund_id: str) -> Refund:
        """Return a refund. Raises RefundNotFound."""
        async with self._works.read() as work:
            return await self._locked(work, refund_id, lock=False)

    async def request(
        self,
        bill_id: str,
        *,
        refund_no: str,
        amount_fen: Fen,
        expected_refundable_fen: Fen,
        reason: str,
        actor: str,
    ) -> Refund:
        """Ask for a refund under the caller's own number; the same request again returns it.

        Raises RefundDiffers when the number is taken, NotRefundable when what can be refunded is
        not what the caller expects, or is less than asked for.
        """
        if _NUMBER.fullmatch(refund_no) is None or not 0 < len(reason) <= MAX_REASON:
            raise NotRefundable("a refund has a number of 1 to 32 characters and a reason")
        async with self._works.begin() as work:
            bill, money = await self._money(work, bill_id)
            known = await self._stores.refund_by_no(work, refund_no)
            if known is not None:
                if (known.bill_id, known.amount_fen) != (bill_id, amount_fen):
                    raise RefundDiffers("the refund number belongs to another refund")
                return known
            left = refundable(bill, await self._stores.refunds_of(work, bill_id))
            if left != expected_refundable_fen or not 0 < amount_fen <= left:
                raise NotRefundable(
                    "the refundable amount is another or too small", refundable_fen=int(left)
                )
            return await self._open(
                work, bill, money, amount_fen, RefundCause.WISH, reason, actor, refund_no
            )

    async def give_back(
        self, work: Work, bill_id: str, cause: RefundCause, reason: str, actor: str
    ) -> Refund | None:
        """Open a refund of all that is left of the payment, inside the caller's unit."""
        bill, money = await self._money(work, bill_id)
        left = refundable(bill, await self._stores.refunds_of(work, bill_id))
        if not left:
            return None
        return await self._open(work, bill, money, left, cause, reason, actor, "")

    async def _money(self, work: Work, bill_id: str) -> tuple[Bill, Attempt]:
        bill = await self._ground.get(bill_id)
        if bill.merged_into:
            await self._ground.locked(work, bill.merged_into)
        bill = await self._ground.locked(work, bill_id)
        if bill.pay is not PayState.PAID or bill.merged or bill.closing is Closing.REVERSE:
            raise NotRefundable("there is nothing to refund", refundable_fen=0)
        for attempt in await self._stores.attempts(work, bill.merged_into or bill_id):
            if attempt.state is AttemptState.SUCCEEDED:
                return bill, attempt
        raise NotRefundable("there is nothing to refund", refundable_fen=0)

    async def _open(
        self,
        work: Work,
        bill: Bill,
        money: Attempt,
        amount_fen: Fen,
        cause: RefundCause,
        reason: str,
        actor: str,
        refund_no: str,
    ) -> Refund:
        opened = await self._book.open(
            work,
            bill,
            money,
            pay_code=bill.pay_code,
            tra_no=money.tra_no,
            paid_fen=money.amount_fen or amount_fen,
            amount_fen=amount_fen,
            cause=cause,
            reason=reason,
            actor=actor,
            refund_no=refund_no,
        )
        if opened is None:
            raise NotRefundable("the money is spoken for", refundable_fen=0)
        return opened

    async def approve(self, refund_id: str, actor: str) -> Refund:
        """Approve a requested refund. Raises FourEyes for the person who asked for it."""
        async with self._works.begin() as work:
            refund = await self._locked(work, refund_id)
            if refund.step is not RefundStep.REQUESTED:
                return refund
            if refund.requested_by == actor:
                raise FourEyes("who asks for a refund does not approve it")
            approved = replace(refund, approved_by=actor)
            return await self._book.step(work, approved, RefundStep.APPROVED, actor)

    async def withdraw(self, refund_id: str, actor: str) -> Refund:
        """Take back a refund that was not sent. Raises IllegalTransition once it was."""
        async with self._works.begin() as work:
            refund = await self._locked(work, refund_id)
            withdrawn = await self._book.step(work, refund, RefundStep.WITHDRAWN, actor)
            await self._after(work, withdrawn)
            return withdrawn

    async def advance(self, refund_id: str, asked: int = 0) -> Refund:
        """Carry a refund on: red receipt first, then sent, then asked for until it has ended.

        ``asked`` counts the questions so far. Raises the upstream error when it must be called
        again soon; while finance merely takes its time the next question is planned instead.
        """
        provider = self._ground.refunds()
        refund = await self.get(refund_id)
        if refund.step not in {RefundStep.APPROVED, RefundStep.SENT}:
            return refund
        if provider is None:
            # Nobody to send it to: it stays open, and people see it beside the exception.
            log.error("refund_by_hand", extra={"refund_id": refund_id})
            return refund
        if refund.step is RefundStep.APPROVED:
            return await self._send(provider, await self._begin(refund), 0)
        news = await provider.query_refund(refund.refund_no)
        if news.progress is RefundProgress.NOT_FOUND:
            return await self._send(provider, refund, asked)
        return await self._learn(refund, news, asked)

    async def _begin(self, refund: Refund) -> Refund:
        if refund.cause in _MAIN:
            bill = await self._receipts.redden(refund.bill_id)
            if receipt_in_the_way(bill) and bill.receipt is not ReceiptState.FAILED:
                raise UpstreamUnavailable("the receipt is not red yet")
        async with self._works.begin() as work:
            refund = await self._locked(work, refund.refund_id)
            if refund.step is not RefundStep.APPROVED:
                return refund
            since = self._ground.clock.now() - _APART
            others = await self._others(work, refund)
            if any(o.step is RefundStep.SENT and o.updated_at > since for o in others):
                # It may still be on its way: what upstream holds refundable is not known now.
                raise UpstreamUnavailable("another refund of this payment was sent just now")
            return await self._book.step(work, refund, RefundStep.SENT, "system")

    async def _others(self, work: Work, refund: Refund) -> list[Refund]:
        """Return every other refund of the same money, those of merged bills too."""
        bill = await self._stores.get(work, refund.bill_id) if refund.bill_id else None
        if bill is None:
            return []
        bills = await self._stores.members(work, bill.merged_into) if bill.merged_into else [bill]
        found = [r for b in bills for r in await self._stores.refunds_of(work, b.bill_id)]
        same = [r for r in found if r.attempt_id == refund.attempt_id]
        return [r for r in same if r.refund_id != refund.refund_id]

    async def _send(self, provider: RefundProvider, refund: Refund, asked: int) -> Refund:
        if refund.step is not RefundStep.SENT:
            return refund
        try:
            await provider.apply_refund(await self._order(refund))
        except UpstreamRejected as refusal:
            news = await provider.query_refund(refund.refund_no)
            if news.progress is RefundProgress.NOT_FOUND:
                news = RefundNews(
                    refund.refund_no, RefundProgress.REJECTED, code=refusal.upstream_code
                )
            return await self._learn(refund, news, asked)
        applied = RefundNews(refund.refund_no, RefundProgress.APPLIED)
        return await self._learn(refund, applied, asked)

    async def _order(self, refund: Refund) -> RefundOrder:
        name = (await self._ground.get(refund.bill_id)).payer.name if refund.bill_id else ""
        async with self._works.read() as work:
            others = await self._others(work, refund)
        # Upstream knows of what was sent, and of nothing that still waits here.
        known = sum(r.amount_fen for r in others if r.step in {RefundStep.SENT, RefundStep.DONE})
        left = refund.paid_fen - known
        return RefundOrder(
            refund_no=refund.refund_no,
            pay_code=refund.pay_code,
            tra_no=refund.tra_no,
            paid_fen=refund.paid_fen,
            amount_fen=refund.amount_fen,
            expected_refundable_fen=Fen(max(0, left)),
            reason=refund.reason,
            receiver_name=name,
        )

    async def ask(self, refund_id: str) -> Refund:
        """Ask the finance system once what became of a refund, and adopt it."""
        provider = self._ground.refunds()
        refund = await self.get(refund_id)
        if provider is None:
            return refund
        return await self._learn(refund, await provider.query_refund(refund.refund_no), None)

    async def handle_news(self, news: RefundNews) -> Refund:
        """Adopt what the finance system pushed about a refund. Raises RefundNotFound."""
        async with self._works.read() as work:
            refund = await self._stores.refund_by_no(work, news.refund_no)
        if refund is None:
            raise RefundNotFound("no such refund")
        return await self._learn(refund, news, None)

    async def _learn(self, refund: Refund, news: RefundNews, asked: int | None) -> Refund:
        new = _STEPS.get(news.progress)
        async with self._works.begin() as work:
            refund = await self._locked(work, refund.refund_id)
            if new is None:
                if refund.step is RefundStep.SENT and asked is not None:
                    await self._ask_again(work, refund, asked)
                return refund
            if new not in REFUND.allowed(refund.step):
                return refund
            told = replace(
                refund,
                tra_ref=news.tra_ref or refund.tra_ref,
                refunded_on=news.refunded_on,
                failure_code=news.code[:MAX_CODE],
            )
            ended = await self._book.step(work, told, new, self._ground.upstream)
            await self._after(work, ended)
        if new is not RefundStep.DONE:
            log.error("refund_not_paid", extra={"refund_id": refund.refund_id})
        return ended

    async def _ask_again(self, work: Work, refund: Refund, asked: int) -> None:
        wait = _WAITS[asked] if asked < len(_WAITS) else _DAILY
        payload: JsonMap = {"refund_id": refund.refund_id, "asked": asked + 1}
        key = f"{refund.refund_id}:ask:{asked}"
        due = self._ground.clock.now() + wait
        await work.enqueue(REFUND_TASK, key, payload, due=due)

    async def _after(self, work: Work, refund: Refund) -> None:
        """Receipt anew what is left of the payment."""
        if refund.cause not in _MAIN:
            return
        bill = await self._ground.locked(work, refund.bill_id)
        if refundable(bill, await self._stores.refunds_of(work, bill.bill_id)):
            await self._booking.plan_receipt(work, bill)

    async def _locked(self, work: Work, refund_id: str, *, lock: bool = True) -> Refund:
        refund = await self._stores.get_refund(work, refund_id)
        if refund is not None and lock:
            # Bill before refund, as everywhere: two workers never wait for each other.
            if refund.bill_id:
                await self._ground.locked(work, refund.bill_id)
            refund = await self._stores.get_refund(work, refund_id, lock=True)
        if refund is None:
            raise RefundNotFound("no such refund")
        return refund
