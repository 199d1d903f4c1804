"""The use cases of non-tax payment: raise, issue, pay, learn, void; a confirmed payment wins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from kernel.clock import Clock
from kernel.errors import UpstreamError
from kernel.ids import IdSource
from kernel.work import JsonMap, Work, WorkSource
from payments import push_json
from payments.booking import Booking
from payments.bulk_booking import BulkBooking
from payments.closing import Closer
from payments.errors import BillClosed, BillNotReady
from payments.ground import POLL_TASK, Ground
from payments.issuing import Issuer, to_be_issued
from payments.learning import KeepRaw, Learner
from payments.ledger import Ledger
from payments.model import (
    Attempt,
    AttemptState,
    Bill,
    BillOrder,
    Closing,
    Discrepancies,
    FundsFact,
    NoFeeDue,
    Outcome,
    PaymentFact,
    PayState,
)
from payments.options import PaymentOptions
from payments.polling import next_poll
from payments.ports import Matters, NontaxProvider, Pushed
from payments.raising import Raiser
from payments.receipts import ReceiptDesk
from payments.reconciliation.ports import ReconRepository
from payments.reconciliation.service import ReconDesk
from payments.refund_book import RefundBook
from payments.refunds import RefundDesk
from payments.reversals import ReversalDesk
from payments.rulings import RulingDesk
from payments.states import UNSETTLED
from payments.stores import PaymentRepository

log = logging.getLogger(__name__)


class Repository(PaymentRepository, ReconRepository, Protocol):
    """Everything that this domain keeps."""


class PaymentService:
    """Collects fees through one finance system. No upstream is called inside a unit of work.

    Its parts are ``receipts``, ``refunds``, ``reversals``, ``rulings`` and ``recon``.
    """

    def __init__(
        self,
        *,
        provider: NontaxProvider,
        repository: Repository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        options: PaymentOptions,
        matters: Matters | None = None,
    ) -> None:
        ground = Ground(provider, repository, works, clock, ids, options, matters)
        self._ground = ground
        self._bills = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._options = options
        self._ledger = Ledger(repository, clock)
        book = RefundBook(ground, self._ledger)
        booking = Booking(ground, self._ledger, book)
        self._bulk = BulkBooking(ground)
        self._learner = Learner(ground, self._ledger, booking)
        self._raiser = Raiser(ground, self._ledger)
        self._issuer = Issuer(ground, self._ledger, self._learner)
        self._closer = Closer(ground, self._ledger, self._learner)
        self.receipts = ReceiptDesk(ground, self._ledger)
        """Fiscal e-receipts."""
        self.refunds = RefundDesk(ground, book, booking, self.receipts)
        """Money back."""
        self.reversals = ReversalDesk(ground, self._ledger, booking, self._learner, self.receipts)
        """Same-day undo."""
        self.recon = ReconDesk(
            ground, repository, self._ledger, booking, self._learner, self.refunds
        )
        """The daily comparison with the finance system's list."""
        self.rulings = RulingDesk(ground, self._ledger, book, booking, self.refunds, self.recon)
        """Decisions of two people."""

    async def raise_bill(self, order: BillOrder) -> Bill | NoFeeDue:
        """Return the one bill of ``(reference, fee_version)``, stored before anything is sent.

        The same order again returns the same bill; nothing due returns NoFeeDue, and no pay code is
        asked for. Items of one code are merged. The bill is ISSUING: call ``issue``, or leave it to
        the worker. Raises InvalidBill, or BillDiffers when the fee version is taken by other
        content.
        """
        return await self._raiser.raise_bill(order)

    async def raise_merged(self, orders: Sequence[BillOrder]) -> Bill:
        """Return the carrier of several orders under one pay code: all are paid, or none.

        Raises InvalidBill, BillDiffers. Issue, open and void the carrier, not its members.
        """
        return await self._raiser.raise_merged(orders)

    async def members(self, bill_id: str) -> Sequence[Bill]:
        """Return the bills merged into a carrier, the oldest first."""
        async with self._works.read() as work:
            return await self._bills.members(work, bill_id)

    async def issue(self, bill_id: str) -> Bill:
        """Send the bill once and return it as it then stands; its state tells what happened.

        Without an answer or a connection it stays ISSUING; the worker asks before it sends again.
        """
        lead = await self._lead(bill_id)
        await self._issuer.issue(lead)
        return await self.get(bill_id)

    async def confirm(self, bill_id: str) -> Bill:
        """Bring an unconfirmed bill to an end: ask first, and send only what is not there.

        Raises the upstream error while nothing is known, so that the worker comes back.
        """
        return await self._issuer.confirm(await self._lead(bill_id))

    async def open(self, bill_id: str, actor: str = "citizen") -> str:
        """Return the pay page's address and note that a payer was sent there (PENDING to PAYING).

        Opening again while PAYING returns the same page: a lost tab must not lock anybody out.
        Raises BillNotReady while the bill is being issued, BillClosed when it cannot be paid.
        """
        bill_id = await self._lead(bill_id)
        async with self._works.begin() as work:
            bill = await self._ground.locked(work, bill_id)
            now = self._clock.now()
            if to_be_issued(bill):
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

    async def handle(self, fact: Pushed) -> None:
        """Do what a pushed fact of any kind demands, exactly once; raises what must be repeated."""
        if isinstance(fact, PaymentFact):
            await self._learner.handle_fact(fact)
        elif isinstance(fact, FundsFact):
            await self._learner.handle_funds(fact)
        else:
            await self.refunds.handle_news(fact)

    async def book(self, work: Work, facts: Sequence[Pushed]) -> Sequence[bool]:
        """Book those facts that are as plain as most are, in this unit; return which are done.

        The others must be handled one by one with ``handle``. Nothing is asked outside. Raises
        AlreadyExists or StaleVersion when somebody else was faster; then nothing may be committed.
        """
        money = [fact for fact in facts if isinstance(fact, PaymentFact)]
        done = await self._bulk.record(work, money, self._ground.upstream)
        booked = {id(fact) for fact, is_done in zip(money, done, strict=True) if is_done}
        return [id(fact) in booked for fact in facts]

    def read_push(self, raw: bytes, decoded: JsonMap | None = None) -> Pushed:
        """Return the fact of a stored push: as it was read when it came, else read now.

        Raises PushRefused when it must be read now and the keys have changed.
        """
        return push_json.load(decoded) if decoded else self._ground.provider.decode_push(raw).fact

    async def handle_fact(self, fact: PaymentFact) -> Outcome:
        """Do what a payment fact demands, exactly once, whatever the bill's state.

        Raises an upstream error only where nothing but a late fee can explain the amount and the
        upstream cannot be asked; then the fact must be handled again.
        """
        return await self._learner.handle_fact(fact)

    async def handle_funds(self, fact: FundsFact) -> Bill:
        """Note that a payment reached finance's account or the treasury (到账, 入库).

        Raises BillNotFound, and UpstreamUnavailable while the bill is not known as paid.
        """
        return await self._learner.handle_funds(fact)

    async def refresh(self, bill_id: str) -> Bill:
        """Ask the upstream for the bill's state and adopt it; PAID is never unlearned.

        Raises the upstream error when it cannot be asked.
        """
        await self._learner.refresh(await self.get(await self._lead(bill_id)))
        return await self.get(bill_id)

    async def void(self, bill_id: str, actor: str = "system") -> Bill:
        """Void the bill, if the upstream agrees; the bill that returns may be PAID instead.

        VOIDING means that the upstream's answer is awaited. Raises BillNotReady while the bill is
        being issued, and the upstream error when it cannot even be asked. A merged bill takes its
        carrier and the other members with it.
        """
        await self._closer.close(await self._lead(bill_id), Closing.VOID, actor)
        return await self.get(bill_id)

    async def expire(self, bill_id: str) -> Bill:
        """Void the bill because its deadline has passed; before the deadline nothing happens."""
        bill = await self.get(bill_id)
        if self._clock.now() < bill.deadline:
            return bill
        await self._closer.close(await self._lead(bill_id), Closing.EXPIRE, "system")
        return await self.get(bill_id)

    async def resume_void(self, bill_id: str) -> Bill:
        """Bring a void without an answer to an end: ask, and send it again only if still unpaid."""
        return await self._closer.resume(bill_id)

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
        if to_be_issued(bill):
            bill = await self.confirm(bill.bill_id)
        if bill.pay is PayState.VOIDING:
            await self.resume_void(bill.bill_id)
        elif self._clock.now() >= bill.deadline:
            await self.expire(bill.bill_id)
        else:
            bill = await self.refresh(bill.bill_id)
            if bill.pay in UNSETTLED and to_be_issued(bill):
                await self.confirm(bill.bill_id)

    async def get(self, bill_id: str) -> Bill:
        """Return a bill. Raises BillNotFound."""
        return await self._ground.get(bill_id)

    async def by_reference(self, reference: str) -> Sequence[Bill]:
        """Return every bill of a reference, the oldest first."""
        async with self._works.read() as work:
            return await self._bills.by_reference(work, reference)

    async def by_pay_code(self, pay_code: str) -> Bill | None:
        """Return the bill of a pay code, a carrier for a merged one; None for an unknown code."""
        async with self._works.read() as work:
            return await self._bills.by_pay_code(work, pay_code)

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

    async def _lead(self, bill_id: str) -> str:
        return (await self.get(bill_id)).merged_into or bill_id
