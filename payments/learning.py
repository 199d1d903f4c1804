"""Learning from the finance side: pushed facts and asked states, adopted under the bill's lock."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from kernel.clock import Clock
from kernel.errors import UpstreamProtocolError
from kernel.work import Work, WorkSource
from payments.errors import BillNotFound, PushRefused
from payments.facts import FLAGS
from payments.ledger import Ledger
from payments.model import (
    OPEN_ATTEMPTS,
    Bill,
    Closing,
    Outcome,
    PaymentFact,
    PayState,
    UpstreamBill,
    UpstreamState,
)
from payments.options import PaymentOptions
from payments.ports import BillRepository, NontaxProvider, PushedFact
from payments.states import UNSETTLED

log = logging.getLogger(__name__)

KeepRaw = Callable[[bytes, PushedFact], Awaitable[None]]
"""Stores the raw bytes of a verified push and commits, before it is acknowledged."""


async def locked(bills: BillRepository, work: Work, bill_id: str) -> Bill:
    """Return the bill, locked until the unit ends. Raises BillNotFound."""
    bill = await bills.get(work, bill_id, lock=True)
    if bill is None:
        raise BillNotFound("no such bill")
    return bill


class Learner:
    """Adopts what the finance side says; see PaymentService for the contract of each method."""

    def __init__(
        self,
        *,
        provider: NontaxProvider,
        repository: BillRepository,
        works: WorkSource,
        clock: Clock,
        ledger: Ledger,
        options: PaymentOptions,
    ) -> None:
        self._provider = provider
        self._bills = repository
        self._works = works
        self._clock = clock
        self._ledger = ledger
        self._options = options
        self._upstream = f"upstream:{options.upstream}"

    async def accept_push(self, raw: bytes, keep: KeepRaw) -> bytes:
        """Return the answer to a pushed frame: only what ``keep`` has stored is acknowledged.

        A refused frame changes nothing. Money for an unknown pay code is noted and answered with a
        refusal, so that it is repeated. An error of ``keep`` passes: then nothing may be answered.
        """
        try:
            push = self._provider.decode_push(raw)
        except PushRefused as refusal:
            log.warning("push_refused", extra={"upstream_code": refusal.upstream_code})
            return refusal.answer
        if not isinstance(push.fact, PaymentFact):
            return self._provider.acknowledge(push, ok=False, reason="暂不受理此类报文")
        async with self._works.read() as work:
            known = await self._bills.by_pay_code(work, push.fact.pay_code)
        if known is None:
            outcome = await self.handle_fact(push.fact)
            if not outcome.acknowledged:
                log.error("push_without_bill", extra={"msg_no": push.msg_no})
                return self._provider.acknowledge(push, ok=False, reason="缴款识别码不存在")
        await keep(raw, push)
        return self._provider.acknowledge(push, ok=True)

    async def handle_fact(self, fact: PaymentFact) -> Outcome:
        """Do what a payment fact demands, exactly once, whatever the bill's state.

        Raises an upstream error only where the amount can be explained by nothing but a late fee
        and the upstream cannot be asked; then the fact must be handled again.
        """
        fact = await self._with_late_fee(fact)
        async with self._works.begin() as work:
            outcome = await self._ledger.record(work, fact, self._upstream)
        if outcome in FLAGS:
            log.error("payment_needs_attention", extra={"outcome": str(outcome)})
        return outcome

    async def _with_late_fee(self, fact: PaymentFact) -> PaymentFact:
        async with self._works.read() as work:
            bill = await self._bills.by_pay_code(work, fact.pay_code)
        if bill is None or fact.original_fen is not None or fact.amount_fen <= bill.amount_fen:
            return fact
        if bill.pay in {PayState.PAID, PayState.REVERSED}:
            return fact
        seen = await self._provider.query(fact.pay_code)
        if seen.amount_fen != fact.amount_fen:
            return fact
        return replace(fact, original_fen=seen.original_fen, delay_fen=seen.delay_fen)

    async def refresh(self, bill: Bill) -> Bill:
        """Ask the upstream for the bill's state and adopt it; PAID is never unlearned.

        Raises the upstream error when it cannot be asked.
        """
        bill_id = bill.bill_id
        if bill.pay in {PayState.PAID, PayState.REVERSED}:
            return bill
        seen = await self._provider.query(bill.pay_code)
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
                log.info("bill_not_upstream", extra={"bill_id": bill_id})
            case _:
                assert_never(seen.state)
        async with self._works.read() as work:
            return await self._bills.get(work, bill_id) or bill

    async def _unpaid(self, bill_id: str, seen: UpstreamBill) -> None:
        async with self._works.begin() as work:
            bill = await locked(self._bills, work, bill_id)
            if bill.pay is PayState.ISSUING:
                if seen.original_fen in {None, bill.original_fen}:
                    await self._ledger.move(work, bill, PayState.PENDING, self._upstream)
                    return
                # The code is taken by somebody else's bill: ours can never be issued under it.
                failed = replace(bill, failure_code="pay_code_taken")
                await self._ledger.move(work, failed, PayState.ISSUE_FAILED, self._upstream)
            elif bill.pay is PayState.PAYING:
                attempts = await self._bills.attempts(work, bill_id)
                oldest = self._clock.now() - timedelta(minutes=self._options.attempt_minutes)
                if all(a.opened_at < oldest for a in attempts if a.state in OPEN_ATTEMPTS):
                    await self._ledger.close_attempts(work, bill, attempts)
                    await self._ledger.move(work, bill, PayState.PENDING, self._upstream)

    async def voided(self, bill_id: str) -> None:
        """Close a bill that the upstream has voided, unless it was paid meanwhile."""
        async with self._works.begin() as work:
            bill = await locked(self._bills, work, bill_id)
            if bill.pay not in UNSETTLED:
                return
            expired = bill.pay is PayState.VOIDING and bill.closing is Closing.EXPIRE
            attempts = await self._bills.attempts(work, bill_id)
            await self._ledger.close_attempts(work, bill, attempts)
            end = PayState.EXPIRED if expired else PayState.VOIDED
            await self._ledger.move(work, bill, end, self._upstream)
