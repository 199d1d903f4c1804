"""Whatever comes in whatever order: no confirmed payment is lost, and no bill is paid twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import UpstreamError
from payments import (
    STEPS,
    AttemptState,
    BillClosed,
    BillException,
    BillNotReady,
    PaymentFact,
    PayState,
    UpstreamState,
)
from tests.unit.payments.fakes import Town, town, unavailable, unknown

ACTIONS = (
    "issue",
    "confirm",
    "open",
    "pay",
    "pay_again",
    "push",
    "push_old",
    "refresh",
    "void",
    "resume_void",
    "expire",
    "sweep",
    "later",
    "much_later",
)
FAULTS = ("", "issue_before", "issue_after", "query_before", "void_before", "void_after", "stale")

steps = st.lists(
    st.tuples(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4), st.sampled_from(FAULTS)),
    min_size=1,
    max_size=12,
)


class Play:
    """One bill, and a script of what happens to it."""

    def __init__(self, here: Town, bill_id: str, pay_code: str) -> None:
        self.here = here
        self.bill_id = bill_id
        self.pay_code = pay_code
        self.waiting: list[PaymentFact] = []
        self.delivered: list[PaymentFact] = []
        self.was_paid = False

    def disturb(self, fault: str) -> None:
        if fault == "stale":
            self.here.finance.stale = 1
        elif fault:
            operation, _, when = fault.partition("_")
            error = unknown() if when == "after" else unavailable()
            self.here.finance.fail(operation, error, after=when == "after")

    async def act(self, action: str) -> None:
        service, task = self.here.service, {"bill_id": self.bill_id}
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "issue": lambda: service.issue(self.bill_id),
            "confirm": lambda: STEPS["payments.confirm"](service, dict(task)),
            "open": lambda: service.open(self.bill_id),
            "pay": lambda: self.pay(force=False),
            "pay_again": lambda: self.pay(force=True),
            "push": self.push,
            "push_old": self.push_old,
            "refresh": lambda: service.refresh(self.bill_id),
            "void": lambda: service.void(self.bill_id),
            "resume_void": lambda: STEPS["payments.void"](service, dict(task)),
            "expire": lambda: service.expire(self.bill_id),
            "sweep": lambda: STEPS["payments.sweep"](service, {}),
            "later": lambda: self.wait(timedelta(minutes=31)),
            "much_later": lambda: self.wait(timedelta(days=16)),
        }
        # What a caller is told; here the books are looked at instead.
        with suppress(UpstreamError, BillClosed, BillNotReady):
            await calls[action]()

    async def pay(self, *, force: bool) -> None:
        fact = self.here.finance.pay(self.pay_code, force=force)
        if fact is not None:
            self.waiting.append(fact)

    async def push(self) -> None:
        if self.waiting:
            fact = self.waiting.pop(0)
            self.delivered.append(fact)
            await self.here.service.handle_fact(fact)

    async def push_old(self) -> None:
        if self.delivered:
            await self.here.service.handle_fact(self.delivered[0])

    async def wait(self, by: timedelta) -> None:
        self.here.clock.advance(by)

    def check(self) -> None:
        bill = self.here.memory.bills[self.bill_id]
        assert bill.pay_code == self.pay_code
        assert not (self.was_paid and bill.pay is not PayState.PAID), "a payment was unlearned"
        self.was_paid = bill.pay is PayState.PAID
        assert self.here.memory.paid_events() == int(self.was_paid)
        if self.delivered:
            assert self.was_paid, "a delivered payment was swallowed"
        assert set(self.here.finance.kept) <= {self.pay_code}, "a second bill upstream"

    def check_end(self) -> None:
        kept = self.here.finance.kept.get(self.pay_code)
        payments = kept.payments if kept else []
        attempts = Counter(a.state for a in self.here.memory.attempts.values())
        bill = self.here.memory.bills[self.bill_id]
        assert (bill.pay is PayState.PAID) == bool(payments)
        assert attempts[AttemptState.SUCCEEDED] == int(bool(payments))
        assert attempts[AttemptState.EXCESS_SUCCESS] == max(0, len(payments) - 1)
        assert (BillException.EXCESS_PAYMENT in bill.exceptions) == (len(payments) > 1)
        numbers = {a.tra_no for a in self.here.memory.attempts.values() if a.amount_fen}
        assert numbers == {fact.tra_no for fact in payments}
        if kept and kept.state is UpstreamState.VOIDED:
            assert bill.pay in {PayState.VOIDED, PayState.EXPIRED}


async def play(script: list[tuple[list[str], str]]) -> None:
    here = town()
    bill = await here.raised()
    run = Play(here, bill.bill_id, bill.pay_code)
    for together, fault in script:
        run.disturb(fault)
        await asyncio.gather(*(run.act(action) for action in together))
        run.check()
    for faults in here.finance.faults.values():
        faults.clear()
    here.finance.stale = 0
    while run.waiting:
        await run.push()
        run.check()
    # Quiet again: the daily sweep brings every bill to an end that both sides agree on.
    for _ in range(3):
        await STEPS["payments.sweep"](here.service, {})
        run.check()
    run.check_end()


@settings(max_examples=300, deadline=None)
@given(steps)
def test_any_interleaving_keeps_every_payment_exactly_once(
    script: list[tuple[list[str], str]],
) -> None:
    asyncio.run(play(script))
