"""Learning from the finance side: pushed facts and asked states, adopted under the bill's lock."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from kernel.errors import UpstreamProtocolError, UpstreamUnavailable
from kernel.work import JsonMap, Work
from payments.booking import Booking
from payments.errors import BillNotFound, PushRefused
from payments.facts import FLAGS
from payments.ground import CONFIRM_TASK, Ground
from payments.ledger import Ledger
from payments.model import (
    OPEN_ATTEMPTS,
    Bill,
    BillException,
    Closing,
    FundsFact,
    FundState,
    Outcome,
    PaymentFact,
    PayState,
    UpstreamBill,
    UpstreamState,
)
from payments.ports import OrderFinder, Pushed, PushedFact
from payments.refund_model import RefundNews
from payments.states import UNSETTLED

log = logging.getLogger(__name__)

KeepRaw = Callable[[bytes, PushedFact], Awaitable[None]]
"""Stores the raw bytes of a verified push and commits, before it is acknowledged."""


class Learner:
    """Adopts what the finance side says; see PaymentService for the contract of each method."""

    def __init__(self, ground: Ground, ledger: Ledger, booking: Booking) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._works = ground.works
        self._ledger = ledger
        self._booking = booking

    async def accept_push(self, raw: bytes, keep: KeepRaw) -> bytes:
        """Return the answer to a pushed frame: only what ``keep`` has stored is acknowledged.

        A refused frame changes nothing. What is about a pay code or a refund that nobody here knows
        is noted and answered with a refusal, so that it is repeated. An error of ``keep`` passes:
        then nothing may be answered.
        """
        provider = self._ground.provider
        try:
            push = provider.decode_push(raw)
        except PushRefused as refusal:
            log.warning("push_refused", extra={"upstream_code": refusal.upstream_code})
            return refusal.answer
        stranger = await self._stranger(push.fact)
        if stranger:
            log.error("push_without_owner", extra={"msg_no": push.msg_no})
            return provider.acknowledge(push, ok=False, reason=stranger)
        await keep(raw, push)
        return provider.acknowledge(push, ok=True)

    async def _stranger(self, fact: Pushed) -> str:
        """Return why nobody here can take the fact; empty when somebody can."""
        if isinstance(fact, RefundNews):
            async with self._works.read() as work:
                refund = await self._stores.refund_by_no(work, fact.refund_no)
            return "" if refund else "退付单号不存在"
        async with self._works.read() as work:
            known = await self._stores.is_known(work, fact.pay_code)
        if known:
            return ""
        if isinstance(fact, PaymentFact) and (await self.handle_fact(fact)).acknowledged:
            return ""
        return "缴款识别码不存在"

    async def handle_fact(self, fact: PaymentFact) -> Outcome:
        """Do what a payment fact demands, exactly once, whatever the bill's state.

        Raises an upstream error only where the amount can be explained by nothing but a late fee
        and the upstream cannot be asked; then the fact must be handled again.
        """
        fact = await self._with_late_fee(fact)
        async with self._works.begin() as work:
            outcome = await self._booking.record(work, fact, self._ground.upstream)
        if outcome in FLAGS:
            log.error("payment_needs_attention", extra={"outcome": str(outcome)})
        return outcome

    async def handle_funds(self, fact: FundsFact) -> Bill:
        """Note that a payment reached finance's account or the treasury.

        Raises BillNotFound for an unknown code, UpstreamUnavailable while the bill is not PAID
        although finance has its money: then this must be handled again.
        """
        async with self._works.read() as work:
            bill = await self._stores.by_pay_code(work, fact.pay_code)
        if bill is None:
            raise BillNotFound("funds for an unknown pay code")
        if bill.pay in UNSETTLED:
            # 到账 overtook 缴款确认, or that was lost: the payment is learned first.
            bill = await self.refresh(bill)
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill.bill_id)
            if bill.pay is PayState.REVERSED:
                return bill
            if bill.pay is not PayState.PAID:
                raise UpstreamUnavailable("funds arrived for a bill that is not known as paid")
            if fact.amount_fen != bill.paid_fen:
                return await self._ledger.flag(work, bill, BillException.FUNDS_MISMATCH)
            return await self._fund(work, bill, fact.stage)

    async def _fund(self, work: Work, bill: Bill, stage: FundState) -> Bill:
        order = (FundState.NONE, FundState.RECEIVED, FundState.TREASURY)
        members = await self._stores.members(work, bill.bill_id) if bill.merged else ()
        for each in members:
            if order.index(stage) > order.index(each.fund):
                await self._ledger.fund(work, each, stage, self._ground.upstream)
        if order.index(stage) <= order.index(bill.fund):
            return bill
        return await self._ledger.fund(work, bill, stage, self._ground.upstream)

    async def _with_late_fee(self, fact: PaymentFact) -> PaymentFact:
        async with self._works.read() as work:
            bill = await self._stores.by_pay_code(work, fact.pay_code)
        if bill is None or fact.original_fen is not None or fact.amount_fen <= bill.amount_fen:
            return fact
        if bill.pay in {PayState.PAID, PayState.REVERSED}:
            return fact
        seen = await self._ground.provider.query(fact.pay_code)
        if seen.amount_fen != fact.amount_fen:
            return fact
        return replace(fact, original_fen=seen.original_fen, delay_fen=seen.delay_fen)

    async def ask(self, bill: Bill) -> UpstreamBill:
        """Return the upstream's own view, by pay code or, before there is one, by our number."""
        if bill.pay_code:
            return await self._ground.provider.query(bill.pay_code)
        provider: object = self._ground.provider
        if not isinstance(provider, OrderFinder):
            raise UpstreamProtocolError("the platform makes pay codes and cannot find an order")
        return await provider.find_order(bill.order_no)

    async def refresh(self, bill: Bill) -> Bill:
        """Ask the upstream for the bill's state and adopt it; PAID is never unlearned.

        Raises the upstream error when it cannot be asked.
        """
        bill_id = bill.bill_id
        if bill.pay in {PayState.PAID, PayState.REVERSED}:
            return bill
        seen = await self.ask(bill)
        if not bill.pay_code and seen.state is not UpstreamState.NOT_FOUND:
            await self._name(bill_id, seen.pay_code)
        match seen.state:
            case UpstreamState.PAID:
                if seen.fact is None:
                    raise UpstreamProtocolError("a paid bill without its payment")
                await self.handle_fact(seen.fact)
            case UpstreamState.VOIDED:
                await self.voided(bill_id)
            case UpstreamState.UNPAID:
                await self._unpaid(bill_id, seen)
            case UpstreamState.NOT_FOUND:
                await self._lost(bill_id)
            case _:
                assert_never(seen.state)
        return await self._ground.get(bill_id)

    async def _name(self, bill_id: str, pay_code: str) -> None:
        if not pay_code:
            raise UpstreamProtocolError("an order of ours has no pay code")
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if not bill.pay_code:
                await self._ledger.share(work, replace(bill, pay_code=pay_code))

    async def _unpaid(self, bill_id: str, seen: UpstreamBill) -> None:
        upstream = self._ground.upstream
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if BillException.LOST_UPSTREAM in bill.exceptions:
                found = bill.unflagged(BillException.LOST_UPSTREAM)
                bill = await self._ledger.store(work, found)
            if bill.pay is PayState.ISSUING:
                if seen.original_fen in {None, bill.original_fen}:
                    await self._ledger.move(work, bill, PayState.PENDING, upstream)
                    return
                # The code is taken by somebody else's bill: ours can never be issued under it.
                failed = replace(bill, failure_code="pay_code_taken")
                await self._ledger.move(work, failed, PayState.ISSUE_FAILED, upstream)
            elif bill.pay is PayState.PAYING:
                attempts = await self._stores.attempts(work, bill_id)
                patience = timedelta(minutes=self._ground.options.attempt_minutes)
                oldest = self._ground.clock.now() - patience
                if all(a.opened_at < oldest for a in attempts if a.state in OPEN_ATTEMPTS):
                    await self._ledger.close_attempts(work, attempts)
                    await self._ledger.move(work, bill, PayState.PENDING, upstream)

    async def _lost(self, bill_id: str) -> None:
        """Note that the upstream does not know a bill that it had accepted: it is sent again."""
        log.info("bill_not_upstream", extra={"bill_id": bill_id})
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            live = bill.pay in UNSETTLED - {PayState.ISSUING}
            if not live or BillException.LOST_UPSTREAM in bill.exceptions:
                return
            flagged = await self._ledger.flag(work, bill, BillException.LOST_UPSTREAM)
            payload: JsonMap = {"bill_id": bill_id}
            await work.enqueue(CONFIRM_TASK, f"{bill_id}:{flagged.version}", payload)

    async def voided(self, bill_id: str) -> None:
        """Close a bill that the upstream has voided, unless it was paid meanwhile."""
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            if bill.pay not in UNSETTLED:
                return
            expired = bill.pay is PayState.VOIDING and bill.closing is Closing.EXPIRE
            attempts = await self._stores.attempts(work, bill_id)
            await self._ledger.close_attempts(work, attempts)
            end = PayState.EXPIRED if expired else PayState.VOIDED
            closed = bill.unflagged(BillException.LOST_UPSTREAM)
            await self._ledger.move(work, closed, end, self._ground.upstream)
