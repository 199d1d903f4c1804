"""A walk over all that can happen to one bill, and what must hold after each step."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from kernel.clock import beijing_day
from kernel.errors import Failure
from kernel.money import Fen
from payments import (
    STEPS,
    Attempt,
    AttemptState,
    Bill,
    BillException,
    Decision,
    DecisionNotPossible,
    FundsFact,
    FundState,
    NoFeeDue,
    PaymentFact,
    PaymentService,
    PayState,
    ReceiptState,
    Refund,
    RefundProgress,
    RefundState,
    RefundStep,
    Subject,
)
from payments.model import MONEY_ATTEMPTS
from payments.states import COUNTED_REFUND
from tests.unit.payments.fakes import order, unavailable, unknown
from tests.unit.payments.full_finance import OPERATIONS, FullFinance, OpenMatters

ACTIONS = (
    *("issue", "open", "pay", "pay_again", "push", "push_old", "push_wrong", "refresh"),
    *("void", "resume_void", "expire", "sweep", "late", "close_matter", "funds"),
    *("refund", "refund_part", "approve", "withdraw", "refund_step", "finance_pays"),
    *("finance_refuses", "refund_push", "receipt", "reverse", "resume_reverse"),
    *("night", "reconcile", "revision", "accept_misfit", "refund_misfit"),
)
FAULTS = tuple(
    f"{operation}:{when}"
    for operation in ("issue", "query", "void", *OPERATIONS)
    for when in ("before", "after", "crash")
)


class Crash(BaseException):
    """The process dies between two steps."""


@dataclass
class Walk:
    """One bill, its finance system, and everything that was ever told."""

    service: PaymentService
    finance: FullFinance
    matters: OpenMatters
    bill_id: str = ""
    waiting: list[PaymentFact] = field(default_factory=list)
    delivered: list[PaymentFact] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    was_paid: bool = False
    misfit: bool = False
    """People settled an amount that finance's list contradicts: that difference stays theirs."""
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def begin(self) -> None:
        bill = await self.service.raise_bill(order("case-1"))
        assert not isinstance(bill, NoFeeDue)
        self.bill_id = bill.bill_id

    async def act(self, action: str, fault: str) -> None:
        if fault:
            operation, _, when = fault.partition(":")
            if when == "crash":
                self.finance.before_answer = [_die]
            else:
                error = unavailable() if when == "before" else unknown()
                self.finance.fail(operation, error, after=when == "after")
        chosen: Callable[[], Awaitable[object]] = getattr(self, action)
        with suppress(Failure, Crash):
            await chosen()
        self.finance.before_answer = []

    async def bill(self) -> Bill:
        return await self.service.get(self.bill_id)

    async def refunds(self) -> list[Refund]:
        return list(await self.service.refunds.of_bill(self.bill_id))

    async def run(self, kind: str, **payload: str) -> None:
        await STEPS[f"payments.{kind}"](self.service, {"bill_id": self.bill_id, **payload})

    # ---- what people, finance and the worker do

    async def issue(self) -> None:
        await self.run("issue")

    async def open(self) -> None:
        await self.service.open(self.bill_id)

    async def pay(self, *, force: bool = False) -> None:
        fact = self.finance.pay((await self.bill()).pay_code, force=force)
        if fact is not None:
            self.waiting.append(fact)

    async def pay_again(self) -> None:
        await self.pay(force=True)

    async def push(self) -> None:
        if self.waiting:
            fact = self.waiting[0]
            await self.service.handle_fact(fact)
            self.delivered.append(self.waiting.pop(0))

    async def push_old(self) -> None:
        for fact in self.delivered[:2]:
            await self.service.handle_fact(fact)

    async def push_wrong(self) -> None:
        # Of paid bills a wrong amount is a contradiction that only people can settle.
        if self.waiting and (await self.bill()).pay not in {PayState.PAID, PayState.REVERSED}:
            await self.service.handle_fact(replace(self.waiting[0], amount_fen=Fen(7999)))

    async def refresh(self) -> None:
        await self.service.refresh(self.bill_id)

    async def void(self) -> None:
        await self.service.void(self.bill_id)

    async def resume_void(self) -> None:
        await self.run("void")

    async def expire(self) -> None:
        await self.service.expire(self.bill_id)

    async def sweep(self) -> None:
        await self.run("sweep")

    async def late(self) -> None:
        await self.run("late")

    async def close_matter(self) -> None:
        self.matters.closed.add("case-1")

    async def funds(self) -> None:
        for fact in self.delivered[:1]:
            day = beijing_day(self.finance.clock.now())
            await self.service.handle(
                FundsFact(fact.pay_code, fact.tra_no, fact.amount_fen, FundState.RECEIVED, day)
            )

    async def refund(self, part: int | None = None) -> None:
        left = await self.service.refunds.refundable(self.bill_id)
        await self.service.refunds.request(
            self.bill_id,
            refund_no=f"R{next(self.numbers)}",
            amount_fen=Fen(part or left),
            expected_refundable_fen=left,
            reason="撤回",
            actor="staff:a",
        )

    async def refund_part(self) -> None:
        await self.refund(3000)

    async def approve(self) -> None:
        for refund in await self.refunds():
            await self.service.refunds.approve(refund.refund_id, "staff:b")

    async def withdraw(self) -> None:
        for refund in (await self.refunds())[-1:]:
            await self.service.refunds.withdraw(refund.refund_id, "staff:a")

    async def refund_step(self) -> None:
        for refund in await self.refunds():
            await self.run("refund", refund_id=refund.refund_id)

    def _settle(self, progress: RefundProgress) -> None:
        for number, kept in self.finance.refunds.items():
            if kept.progress is RefundProgress.APPLIED:
                self.finance.settle_refund(number, progress)

    async def finance_pays(self) -> None:
        self._settle(RefundProgress.PAID)

    async def finance_refuses(self) -> None:
        self._settle(RefundProgress.FAILED)

    async def refund_push(self) -> None:
        for number in list(self.finance.refunds):
            await self.service.handle(self.finance.news(number))

    async def receipt(self) -> None:
        await self.run("receipt")

    async def reverse(self) -> None:
        await self.service.reversals.reverse(self.bill_id, actor="staff:a", reason="重复")

    async def resume_reverse(self) -> None:
        await self.run("reverse", actor="staff:a", reason="重复")

    async def night(self) -> None:
        clock = self.finance.clock
        day = beijing_day(clock.now())
        clock.advance(timedelta(days=1))
        self.days.append(day)
        self.finance.publish(day)

    async def reconcile(self) -> None:
        for day in self.days[-3:]:
            await self.service.recon.reconcile(day)

    async def revision(self) -> None:
        for day in self.days[-1:]:
            revision = self.finance.files[day].revision + 1
            self.finance.publish(day, revision=revision)

    async def _decide(self, decision: Decision) -> None:
        for flag in (await self.bill()).exceptions:
            key = f"{self.bill_id}:{flag}"
            with suppress(DecisionNotPossible):
                ruling = await self.service.rulings.propose(
                    Subject.EXCEPTION, key, decision, actor="staff:a", note="已核实"
                )
                try:
                    await self.service.rulings.confirm(ruling.ruling_id, "staff:b")
                    self.misfit |= flag is BillException.AMOUNT_MISMATCH
                except Failure:
                    await self.service.rulings.withdraw(ruling.ruling_id, "staff:a")
                    raise

    async def accept_misfit(self) -> None:
        await self._decide(Decision.ACCEPT)

    async def refund_misfit(self) -> None:
        await self._decide(Decision.REFUND)

    # ---- what must hold

    async def check(self) -> None:
        bill = await self.bill()
        attempts = list(await self.service.attempts(self.bill_id))
        refunds = await self.refunds()
        undone = bill.pay is PayState.REVERSED and self.finance.reversed
        assert not (self.was_paid and bill.pay is not PayState.PAID and not undone), "unlearned"
        self.was_paid = bill.pay is PayState.PAID
        booked = {attempt.tra_no for attempt in attempts}
        for fact in self.delivered:
            assert fact.tra_no in booked, "a delivered payment was swallowed"
        states = Counter(attempt.state for attempt in attempts)
        assert states[AttemptState.SUCCEEDED] == int(bill.pay is PayState.PAID)
        for attempt in attempts:
            self._check_refunds(bill, attempt, refunds)
        await self._check_receipts(bill)
        assert (await self.service.recon.books("370000")).tie_out
        assert await self.service.recon.violations() == []

    def _check_refunds(self, bill: Bill, money: Attempt, refunds: list[Refund]) -> None:
        mine = [r for r in refunds if r.attempt_id == money.attempt_id]
        counted = sum(r.amount_fen for r in mine if r.step in COUNTED_REFUND)
        if BillException.OVER_REFUNDED not in bill.exceptions:
            assert counted <= (money.amount_fen or 0), "more goes back than came"
            assert counted == money.reserved_fen
        if money.state is AttemptState.EXCESS_SUCCESS and not counted:
            assert BillException.EXCESS_PAYMENT in bill.exceptions, "excess money is forgotten"
        orders = [kept.order for kept in self.finance.refunds.values()]
        assert len({o.refund_no for o in orders}) == len(orders)
        assert {o.refund_no for o in orders} <= {r.refund_no for r in refunds}

    async def _check_receipts(self, bill: Bill) -> None:
        if bill.receipt is ReceiptState.ISSUED:
            assert bill.pay is PayState.PAID
            assert bill.refund is not RefundState.FULL
        red = {kept.order.red_of for kept in self.finance.issued.values()}
        valid = [
            number
            for number, kept in self.finance.issued.items()
            if kept.order.red_of is None and number not in red
        ]
        assert len(valid) <= 1, "two valid receipts for one bill"
        if bill.pay is PayState.REVERSED:
            assert valid == [], "a valid receipt for an undone payment"

    async def end(self) -> None:
        """Let everything come to rest without faults, then let both sides add up."""
        for faults in self.finance.faults.values():
            faults.clear()
        for _ in range(4):
            for action in ("issue", "push", "sweep", "resume_void", "late", "resume_reverse"):
                await self.act(action, "")
            for action in ("approve", "refund_step", "finance_pays", "refund_step", "receipt"):
                await self.act(action, "")
            await self.act("night", "")
            await self.act("reconcile", "")
            await self.check()
        while self.waiting:
            await self.act("push", "")
        for day in self.days:
            if self.finance.money(day) or any(r.on == day for r in self.finance.refunds.values()):
                revision = self.finance.files[day].revision + 1
                self.finance.publish(day, revision=revision)
            await self.service.recon.reconcile(day)
        await self.check()
        await self._check_agreement()

    async def _check_agreement(self) -> None:
        bill = await self.bill()
        attempts = await self.service.attempts(self.bill_id)
        kept = self.finance.kept.get(bill.pay_code)
        theirs = {fact.tra_no for fact in (kept.payments if kept else [])}
        held = {a.tra_no for a in attempts if a.state in MONEY_ATTEMPTS}
        assert held == theirs - self.finance.reversed, "ours and theirs are not the same money"
        back = {number for number, r in self.finance.refunds.items() if r.on}
        done = {r.refund_no for r in await self.refunds() if r.step is RefundStep.DONE}
        assert done == back
        if self.misfit:
            return
        assert await self.service.recon.differences() == []
        books = await self.service.recon.books("370000")
        assert books.paid_fen - books.refunded_fen == books.booked_fen


async def _die() -> None:
    raise Crash


async def walk(here: Walk, script: list[tuple[str, str]]) -> None:
    """Play a script, checking after each step."""
    await here.begin()
    for action, fault in script:
        await here.act(action, fault)
        await here.check()
    await here.end()
