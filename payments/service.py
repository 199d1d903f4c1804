"""The use cases of non-tax payment: raise, issue, pay, learn, void; a confirmed payment wins."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from kernel.clock import Clock, beijing_day
from kernel.errors import UpstreamError, UpstreamRejected
from kernel.ids import IdSource
from kernel.work import JsonMap, Work, WorkSource
from payments.errors import (
    BillClosed,
    BillDiffers,
    BillNotFound,
    BillNotReady,
    InvalidBill,
)
from payments.learning import KeepRaw, Learner, locked
from payments.ledger import Ledger
from payments.model import (
    MAX_CODE,
    MAX_REFERENCE,
    Attempt,
    AttemptState,
    Bill,
    BillOrder,
    Closing,
    Discrepancies,
    NoFeeDue,
    Outcome,
    PaymentFact,
    PayState,
)
from payments.options import PaymentOptions
from payments.polling import next_poll
from payments.ports import BillRepository, NontaxProvider
from payments.states import UNSETTLED

log = logging.getLogger(__name__)

ISSUE_TASK: Final = "payments.issue"
CONFIRM_TASK: Final = "payments.confirm"
VOID_TASK: Final = "payments.void"
EXPIRE_TASK: Final = "payments.expire"
POLL_TASK: Final = "payments.poll"

_SOON: Final = timedelta(seconds=5)


class PaymentService:
    """Collects fees through one finance system. No upstream is called inside a unit of work."""

    def __init__(
        self,
        *,
        provider: NontaxProvider,
        repository: BillRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        options: PaymentOptions,
    ) -> None:
        self._provider = provider
        self._bills = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._options = options
        self._ledger = Ledger(repository, clock, ids)
        self._learner = Learner(
            provider=provider,
            repository=repository,
            works=works,
            clock=clock,
            ledger=self._ledger,
            options=options,
        )
        self._upstream = f"upstream:{options.upstream}"

    async def raise_bill(self, order: BillOrder) -> Bill | NoFeeDue:
        """Return the one bill of ``(reference, fee_version)``, stored before anything is sent.

        The same order again returns the same bill; nothing due returns NoFeeDue. The bill is
        ISSUING: call ``issue``, or leave it to the worker. Raises InvalidBill, or BillDiffers when
        the fee version is taken by other content.
        """
        _check(order)
        if order.original_fen + order.delay_fen == 0:
            return NoFeeDue(order.reference, order.fee_version)
        async with self._works.begin() as work:
            bill = await self._bills.by_business_key(work, order.reference, order.fee_version)
            if bill is None:
                bill = self._draft(order, await self._mint(work.next_number))
                self._provider.examine(bill)
                if await self._ledger.raised(work, bill, order.actor):
                    payload: JsonMap = {"bill_id": bill.bill_id}
                    due = bill.created_at + timedelta(seconds=self._options.issue_grace_seconds)
                    await work.enqueue(ISSUE_TASK, bill.bill_id, payload, due=due)
                    await work.enqueue(EXPIRE_TASK, bill.bill_id, payload, due=bill.deadline)
                    return bill
                bill = await self._bills.by_business_key(work, order.reference, order.fee_version)
        if bill is None:
            raise BillNotReady("the business key is taken by a bill that is not to be seen yet")
        if (bill.items, bill.payer) != (order.items, order.payer):
            raise BillDiffers("the fee version is taken by a bill with other content")
        return bill

    async def _mint(self, next_number: Callable[[str], Awaitable[int]]) -> str:
        division = self._provider.terms().division
        year = beijing_day(self._clock.now()).year
        serial = await next_number(f"payments.pay_code.{division}.{year}")
        return self._provider.mint(division, year, serial)

    def _draft(self, order: BillOrder, pay_code: str) -> Bill:
        now = self._clock.now()
        terms = self._provider.terms()
        return Bill(
            bill_id=self._ids.new("bill"),
            reference=order.reference,
            fee_version=order.fee_version,
            pay_code=pay_code,
            division=terms.division,
            agency=terms.agency,
            account=terms.account,
            payer=order.payer,
            items=order.items,
            original_fen=order.original_fen,
            delay_fen=order.delay_fen,
            deadline=order.deadline or now + timedelta(days=self._options.deadline_days),
            created_at=now,
            updated_at=now,
        )

    async def issue(self, bill_id: str) -> Bill:
        """Send the bill once and return it as it then stands; its state tells what happened.

        Without an answer or a connection it stays ISSUING; the worker asks before it sends again.
        """
        bill = await self.get(bill_id)
        if not _to_be_issued(bill):
            return bill
        try:
            return await self._send(bill)
        except UpstreamError as exc:
            log.warning("bill_not_issued", extra={"bill_id": bill_id, "code": exc.code})
        async with self._works.begin() as work:
            due = self._clock.now() + _SOON
            key = f"{bill_id}:{bill.version}"
            await work.enqueue(CONFIRM_TASK, key, {"bill_id": bill_id}, due=due)
        return await self.get(bill_id)

    async def confirm(self, bill_id: str) -> Bill:
        """Bring an unconfirmed bill to an end: ask first, and send only what is not there.

        Raises the upstream error while nothing is known, so that the worker comes back.
        """
        bill = await self.get(bill_id)
        if bill.pay is PayState.ISSUING:
            bill = await self.refresh(bill_id)
        return await self._send(bill) if _to_be_issued(bill) else bill

    async def _send(self, bill: Bill) -> Bill:
        try:
            issued = await self._provider.issue(bill)
        except UpstreamRejected as refusal:
            return await self._refused(bill, refusal.upstream_code)
        async with self._works.begin() as work:
            now = await locked(self._bills, work, bill.bill_id)
            ready = replace(now, pay_url=now.pay_url or issued.pay_url)
            if now.pay is PayState.ISSUING:
                return await self._ledger.move(work, ready, PayState.PENDING, self._upstream)
            return now if ready == now else await self._ledger.store(work, ready)

    async def _refused(self, bill: Bill, code: str) -> Bill:
        # "Already paid" and "already there" are refusals too: the upstream's own state decides.
        try:
            now = await self.refresh(bill.bill_id)
        except UpstreamRejected:
            now = bill
        if now.pay is not PayState.ISSUING:
            return now
        return await self._issue_failed(bill.bill_id, code)

    async def _issue_failed(self, bill_id: str, code: str) -> Bill:
        async with self._works.begin() as work:
            bill = await locked(self._bills, work, bill_id)
            if bill.pay is not PayState.ISSUING:
                return bill
            failed = replace(bill, failure_code=code[:MAX_CODE])
            return await self._ledger.move(work, failed, PayState.ISSUE_FAILED, self._upstream)

    async def open(self, bill_id: str, actor: str = "citizen") -> str:
        """Return the pay page's address and note that a payer was sent there (PENDING to PAYING).

        Opening again while PAYING returns the same page: a lost tab must not lock anybody out.
        Raises BillNotReady while the bill is being issued, BillClosed when it cannot be paid.
        """
        async with self._works.begin() as work:
            bill = await locked(self._bills, work, bill_id)
            now = self._clock.now()
            if _to_be_issued(bill):
                raise BillNotReady("the finance system has not confirmed the bill yet")
            if bill.pay not in {PayState.PENDING, PayState.PAYING} or now >= bill.deadline:
                raise BillClosed("the bill cannot be paid any more", state=str(bill.pay))
            if bill.pay is PayState.PENDING:
                attempt = Attempt(
                    attempt_id=self._ids.new("attempt"),
                    bill_id=bill_id,
                    opened_here=True,
                    state=AttemptState.REDIRECTED,
                    opened_at=now,
                )
                await self._bills.put_attempt(work, attempt)
                await self._ledger.move(work, bill, PayState.PAYING, actor)
                await self._enqueue_poll(work, bill, attempt.attempt_id, 0)
            return bill.pay_url

    async def poll(self, bill_id: str, attempt_id: str, asked: int) -> Bill:
        """Ask whether the payer of an attempt has paid, and plan the next question."""
        bill = await self.get(bill_id)
        if bill.pay in UNSETTLED:
            try:
                bill = await self.refresh(bill_id)
            except UpstreamError as exc:
                log.warning("poll_failed", extra={"bill_id": bill_id, "code": exc.code})
        async with self._works.begin() as work:
            ours = [a for a in await self._bills.attempts(work, bill_id) if a.opened_here]
            # A newer attempt has polls of its own.
            if bill.pay in UNSETTLED and ours and ours[-1].attempt_id == attempt_id:
                await self._enqueue_poll(work, bill, attempt_id, asked + 1)
        return bill

    async def _enqueue_poll(self, work: Work, bill: Bill, attempt_id: str, asked: int) -> None:
        due = next_poll(asked, self._clock.now(), bill.deadline)
        if due is not None:
            payload: JsonMap = {
                "bill_id": bill.bill_id,
                "attempt_id": attempt_id,
                "asked": asked,
            }
            await work.enqueue(POLL_TASK, f"{attempt_id}:{asked}", payload, due=due)

    async def accept_push(self, raw: bytes, keep: KeepRaw) -> bytes:
        """Return the answer to a pushed frame: only what ``keep`` has stored is acknowledged.

        A refused frame changes nothing. Money for an unknown pay code is noted and answered with a
        refusal, so that it is repeated. An error of ``keep`` passes: then nothing may be answered.
        """
        return await self._learner.accept_push(raw, keep)

    def read_push(self, raw: bytes) -> PaymentFact:
        """Return the fact of a stored push. Raises PushRefused."""
        fact = self._provider.decode_push(raw).fact
        if not isinstance(fact, PaymentFact):
            raise TypeError("only payment confirmations are interpreted")
        return fact

    async def handle_fact(self, fact: PaymentFact) -> Outcome:
        """Do what a payment fact demands, exactly once, whatever the bill's state.

        Raises an upstream error only where nothing but a late fee can explain the amount and the
        upstream cannot be asked; then the fact must be handled again.
        """
        return await self._learner.handle_fact(fact)

    async def refresh(self, bill_id: str) -> Bill:
        """Ask the upstream for the bill's state and adopt it; PAID is never unlearned.

        Raises the upstream error when it cannot be asked.
        """
        return await self._learner.refresh(await self.get(bill_id))

    async def void(self, bill_id: str, actor: str = "system") -> Bill:
        """Void the bill, if the upstream agrees; the bill that returns may be PAID instead.

        VOIDING means that the upstream's answer is awaited. Raises BillNotReady while the bill is
        being issued, and the upstream error when it cannot even be asked.
        """
        return await self._close(bill_id, Closing.VOID, actor)

    async def expire(self, bill_id: str) -> Bill:
        """Void the bill because its deadline has passed; before the deadline nothing happens."""
        bill = await self.get(bill_id)
        if self._clock.now() < bill.deadline:
            return bill
        return await self._close(bill_id, Closing.EXPIRE, "system")

    async def _close(self, bill_id: str, closing: Closing, actor: str) -> Bill:
        bill = await self.get(bill_id)
        if bill.pay not in UNSETTLED:
            return bill
        bill = await self.refresh(bill_id)
        if bill.pay is PayState.ISSUING:
            raise BillNotReady("a bill that is being issued cannot be voided")
        async with self._works.begin() as work:
            bill = await locked(self._bills, work, bill_id)
            if bill.pay in {PayState.PENDING, PayState.PAYING}:
                marked = replace(bill, closing=closing)
                bill = await self._ledger.move(work, marked, PayState.VOIDING, actor)
                due = self._clock.now() + _SOON
                payload: JsonMap = {"bill_id": bill_id}
                await work.enqueue(VOID_TASK, f"{bill_id}:{bill.version}", payload, due=due)
        if bill.pay is not PayState.VOIDING:
            return bill
        try:
            return await self._send_void(bill)
        except UpstreamError as exc:
            log.warning("void_unanswered", extra={"bill_id": bill_id, "code": exc.code})
        return await self.get(bill_id)

    async def resume_void(self, bill_id: str) -> Bill:
        """Bring a void without an answer to an end: ask, and send it again only if still unpaid."""
        bill = await self.get(bill_id)
        if bill.pay is PayState.VOIDING:
            bill = await self.refresh(bill_id)
        return await self._send_void(bill) if bill.pay is PayState.VOIDING else bill

    async def _send_void(self, bill: Bill) -> Bill:
        try:
            await self._provider.void(bill)
        except UpstreamRejected:
            now = await self.refresh(bill.bill_id)
            if now.pay is not PayState.VOIDING:
                return now
            async with self._works.begin() as work:
                now = await locked(self._bills, work, bill.bill_id)
                if now.pay is not PayState.VOIDING:
                    return now
                live = replace(now, closing=None)
                return await self._ledger.move(work, live, PayState.PENDING, self._upstream)
        await self._learner.voided(bill.bill_id)
        return await self.get(bill.bill_id)

    async def sweep(self, after: str = "") -> str | None:
        """Ask about one page of bills that are not final; return where to go on, or None."""
        async with self._works.read() as work:
            page = await self._bills.unsettled(work, after, self._options.sweep_page)
        for bill_id in page:
            try:
                await self._sweep_one(await self.get(bill_id))
            except (UpstreamError, BillNotReady) as exc:
                log.warning("sweep_failed", extra={"bill_id": bill_id, "code": exc.code})
        return page[-1] if len(page) == self._options.sweep_page else None

    async def _sweep_one(self, bill: Bill) -> None:
        if _to_be_issued(bill):
            bill = await self.confirm(bill.bill_id)
        if bill.pay is PayState.VOIDING:
            await self.resume_void(bill.bill_id)
        elif self._clock.now() >= bill.deadline:
            await self.expire(bill.bill_id)
        else:
            await self.refresh(bill.bill_id)

    async def get(self, bill_id: str) -> Bill:
        """Return a bill. Raises BillNotFound."""
        async with self._works.read() as work:
            bill = await self._bills.get(work, bill_id)
        if bill is None:
            raise BillNotFound("no such bill")
        return bill

    async def by_reference(self, reference: str) -> Sequence[Bill]:
        """Return every bill of a reference, the oldest first."""
        async with self._works.read() as work:
            return await self._bills.by_reference(work, reference)

    async def attempts(self, bill_id: str) -> Sequence[Attempt]:
        """Return the attempts of a bill, the oldest first."""
        async with self._works.read() as work:
            return await self._bills.attempts(work, bill_id)

    async def discrepancies(self, limit: int = 100) -> Discrepancies:
        """Return what people must look at: flagged bills, and money without a bill."""
        async with self._works.read() as work:
            bills = await self._bills.flagged(work, limit)
            unmatched = await self._bills.unmatched(work, limit)
        return Discrepancies(tuple(bills), tuple(unmatched))


def _to_be_issued(bill: Bill) -> bool:
    return bill.pay is PayState.ISSUING or (bill.pay is PayState.PENDING and not bill.pay_url)


def _check(order: BillOrder) -> None:
    for name, value in (("reference", order.reference), ("fee_version", order.fee_version)):
        if not 0 < len(value) <= MAX_REFERENCE:
            raise InvalidBill(f"{name} must have 1 to {MAX_REFERENCE} characters", field=name)
    if not order.items or any(item.amount_fen < 0 for item in order.items):
        raise InvalidBill("a bill has items, and none is negative", field="items")
    if order.delay_fen < 0:
        raise InvalidBill("a late fee is not negative", field="delay_fen")
