"""In-memory ports of the payment domain: units of work that roll back, and a finance system."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kernel.clock import FrozenClock
from kernel.db.errors import AlreadyExists
from kernel.errors import (
    StaleVersion,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import SequentialIds
from kernel.money import Fen
from kernel.work import JsonMap, Move, Work, open_works, require_no_open_work
from payments import (
    Bill,
    BillItem,
    BillOrder,
    Channel,
    FactSource,
    Issued,
    NoFeeDue,
    Outcome,
    Payer,
    PaymentFact,
    PaymentOptions,
    PaymentService,
    PayState,
    PushedFact,
    PushRefused,
    Terms,
    UpstreamBill,
    UpstreamState,
)
from payments.errors import InvalidBill
from payments.model import OPEN_ATTEMPTS, Attempt, UnmatchedPayment
from payments.states import UNSETTLED

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ACCOUNT = "3700001"


@dataclass
class Memory:
    """Everything that is stored."""

    bills: dict[str, Bill] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    facts: dict[str, tuple[str, PaymentFact, Outcome]] = field(default_factory=dict)
    unmatched: dict[str, UnmatchedPayment] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    emitted: list[tuple[str, str, JsonMap]] = field(default_factory=list)
    tasks: dict[tuple[str, str], tuple[JsonMap, datetime | None]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def topics(self) -> list[str]:
        return [move.event for move in self.moves]

    def paid_events(self) -> int:
        return sum(topic in {"payments.paid", "payments.paid_late"} for topic in self.topics())


class MemoryWork:
    def __init__(self, memory: Memory, *, writes: bool) -> None:
        self.memory = memory
        self.writes = writes

    async def moved(self, move: Move) -> None:
        assert self.writes
        self.memory.moves.append(move)

    async def emit(self, topic: str, reference: str, data: JsonMap) -> None:
        assert self.writes
        self.memory.emitted.append((topic, reference, data))

    async def enqueue(
        self,
        kind: str,
        key: str,
        payload: JsonMap | None = None,
        *,
        due: datetime | None = None,
    ) -> bool:
        assert self.writes
        if (kind, key) in self.memory.tasks:
            return False
        self.memory.tasks[kind, key] = (payload or {}, due)
        return True

    async def next_number(self, sequence: str) -> int:
        self.memory.numbers[sequence] = self.memory.numbers.get(sequence, 0) + 1
        return self.memory.numbers[sequence]


class MemoryWorks:
    """One writer at a time, as on SQLite; what fails leaves nothing."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.down: Exception | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        if self.down is not None:
            raise self.down
        async with self._lock:
            before = copy.deepcopy(self.memory)
            token = open_works.set(open_works.get() + 1)
            try:
                yield MemoryWork(self.memory, writes=True)
                await asyncio.sleep(0)
            except BaseException:
                self.memory.__dict__.update(before.__dict__)
                raise
            finally:
                open_works.reset(token)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        if self.down is not None:
            raise self.down
        token = open_works.set(open_works.get() + 1)
        try:
            yield MemoryWork(self.memory, writes=False)
        finally:
            open_works.reset(token)


class MemoryBills:
    """payments.ports.BillRepository over Memory."""

    @staticmethod
    def _of(work: Work) -> Memory:
        assert isinstance(work, MemoryWork)
        return work.memory

    async def add(self, work: Work, bill: Bill) -> bool:
        memory = self._of(work)
        key = (bill.reference, bill.fee_version)
        if any((b.reference, b.fee_version) == key for b in memory.bills.values()):
            return False
        assert all(b.pay_code != bill.pay_code for b in memory.bills.values())
        memory.bills[bill.bill_id] = bill
        return True

    async def get(self, work: Work, bill_id: str, *, lock: bool = False) -> Bill | None:
        return self._of(work).bills.get(bill_id)

    async def by_pay_code(self, work: Work, pay_code: str, *, lock: bool = False) -> Bill | None:
        found = [b for b in self._of(work).bills.values() if b.pay_code == pay_code]
        return found[0] if found else None

    async def by_reference(self, work: Work, reference: str) -> Sequence[Bill]:
        return [b for b in self._of(work).bills.values() if b.reference == reference]

    async def by_business_key(self, work: Work, reference: str, fee_version: str) -> Bill | None:
        found = await self.by_reference(work, reference)
        return next((b for b in found if b.fee_version == fee_version), None)

    async def save(self, work: Work, bill: Bill) -> Bill:
        bills = self._of(work).bills
        if bills[bill.bill_id].version != bill.version:
            raise StaleVersion("changed meanwhile")
        bills[bill.bill_id] = replace(bill, version=bill.version + 1)
        return bills[bill.bill_id]

    async def unsettled(self, work: Work, after: str, limit: int) -> Sequence[str]:
        bills = sorted(self._of(work).bills.values(), key=lambda b: b.bill_id)
        return [b.bill_id for b in bills if b.pay in UNSETTLED and b.bill_id > after][:limit]

    async def flagged(self, work: Work, limit: int) -> Sequence[Bill]:
        return [b for b in self._of(work).bills.values() if b.exceptions][:limit]

    async def attempts(self, work: Work, bill_id: str) -> Sequence[Attempt]:
        return [a for a in self._of(work).attempts.values() if a.bill_id == bill_id]

    async def put_attempt(self, work: Work, attempt: Attempt) -> bool:
        attempts = self._of(work).attempts
        others = [a for a in attempts.values() if a.attempt_id != attempt.attempt_id]
        if attempt.tra_no and any(a.tra_no == attempt.tra_no for a in others):
            return False
        mine = [a for a in others if a.bill_id == attempt.bill_id and a.opened_here]
        if attempt.opened_here and attempt.state in OPEN_ATTEMPTS:
            assert not [a for a in mine if a.state in OPEN_ATTEMPTS]
        attempts[attempt.attempt_id] = attempt
        return True

    async def add_fact(
        self,
        work: Work,
        fact_id: str,
        bill: Bill,
        fact: PaymentFact,
        outcome: Outcome,
        at: datetime,
    ) -> None:
        facts = self._of(work).facts
        if fact.key in facts:
            raise AlreadyExists("twice")
        facts[fact.key] = (bill.bill_id, fact, outcome)

    async def fact_outcome(self, work: Work, key: str) -> Outcome | None:
        found = self._of(work).facts.get(key)
        return found[2] if found else None

    async def note_unmatched(self, work: Work, fact: PaymentFact, at: datetime) -> int:
        unmatched = self._of(work).unmatched
        known = unmatched.get(fact.key)
        unmatched[fact.key] = (
            replace(known, times=known.times + 1)
            if known
            else UnmatchedPayment(fact.pay_code, fact.tra_no, fact.amount_fen, fact.source, at, 1)
        )
        return unmatched[fact.key].times

    async def matched(self, work: Work, fact: PaymentFact, at: datetime) -> None:
        self._of(work).unmatched.pop(fact.key, None)

    async def unmatched(self, work: Work, limit: int) -> Sequence[UnmatchedPayment]:
        return list(self._of(work).unmatched.values())[:limit]


@dataclass
class Kept:
    """What the finance system holds of one pay code."""

    original: Fen
    delay: Fen
    state: UpstreamState = UpstreamState.UNPAID
    payments: list[PaymentFact] = field(default_factory=list)


@dataclass
class Fault:
    """What happens to the next call: an error before or after it had its effect."""

    error: UpstreamError
    after: bool = False


class FakeFinance:
    """payments.ports.NontaxProvider over a dictionary, with faults on demand."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.kept: dict[str, Kept] = {}
        self.faults: dict[str, list[Fault]] = {"issue": [], "query": [], "void": []}
        self.calls: list[tuple[str, str]] = []
        self.stale = 0
        self.before_answer: list[Any] = []
        self._numbers = 0

    def fail(self, operation: str, error: UpstreamError, *, after: bool = False) -> None:
        self.faults[operation].append(Fault(error, after))

    def terms(self) -> Terms:
        return Terms("370000", "0370001", "示例执收单位", ACCOUNT)

    def mint(self, division: str, year: int, serial: int) -> str:
        return f"{division}{year % 100:02d}1{serial:010d}0"

    def examine(self, bill: Bill) -> None:
        if any("|" in item.name for item in bill.items):
            raise InvalidBill("an item holds |", field="items")

    async def _call(self, operation: str, pay_code: str, effect: Any) -> Any:
        require_no_open_work()
        self.calls.append((operation, pay_code))
        await asyncio.sleep(0)
        fault = self.faults[operation].pop(0) if self.faults[operation] else None
        if fault and not fault.after:
            raise fault.error
        result = effect()
        if self.before_answer:
            await self.before_answer.pop(0)()
        await asyncio.sleep(0)
        if fault:
            raise fault.error
        return result

    async def issue(self, bill: Bill) -> Issued:
        def effect() -> Issued:
            kept = self.kept.setdefault(bill.pay_code, Kept(bill.original_fen, bill.delay_fen))
            if kept.state is UpstreamState.PAID:
                raise UpstreamRejected("paid", upstream_code="20001")
            if kept.state is UpstreamState.VOIDED:
                raise UpstreamRejected("voided", upstream_code="20002")
            if kept.original != bill.original_fen:
                raise UpstreamRejected("differs", upstream_code="20006")
            return Issued(f"http://pay.example/qr?billId={bill.pay_code}")

        result: Issued = await self._call("issue", bill.pay_code, effect)
        return result

    async def query(self, pay_code: str) -> UpstreamBill:
        def effect() -> UpstreamBill:
            kept = self.kept.get(pay_code)
            if kept is None:
                return UpstreamBill(pay_code, UpstreamState.NOT_FOUND)
            state = kept.state
            if self.stale and state is UpstreamState.PAID:
                self.stale -= 1
                state = UpstreamState.UNPAID
            due = Fen(kept.original + kept.delay)
            fact = None
            if state is UpstreamState.PAID:
                fact = PaymentFact(
                    FactSource.QUERY,
                    pay_code,
                    "",
                    due,
                    None,
                    original_fen=kept.original,
                    delay_fen=kept.delay,
                )
            return UpstreamBill(pay_code, state, kept.original, kept.delay, due, fact)

        result: UpstreamBill = await self._call("query", pay_code, effect)
        return result

    async def void(self, bill: Bill) -> None:
        def effect() -> None:
            kept = self.kept[bill.pay_code]
            if kept.state is UpstreamState.PAID:
                raise UpstreamRejected("paid", upstream_code="20001")
            kept.state = UpstreamState.VOIDED

        await self._call("void", bill.pay_code, effect)

    def pay(self, pay_code: str, *, force: bool = False) -> PaymentFact | None:
        """Take the money; return the fact that would be pushed, None when it is refused."""
        kept = self.kept.get(pay_code)
        if kept is None or (kept.state is not UpstreamState.UNPAID and not force):
            return None
        self._numbers += 1
        fact = PaymentFact(
            FactSource.PUSH,
            pay_code,
            f"T{self._numbers:06d}",
            Fen(kept.original + kept.delay),
            self.clock.now(),
            Channel.ALIPAY,
            "51",
            ACCOUNT,
        )
        kept.state = UpstreamState.PAID
        kept.payments.append(fact)
        return fact

    def decode_push(self, raw: bytes) -> PushedFact:
        parts = raw.decode().split(",")
        if len(parts) != 3:
            raise PushRefused("malformed", upstream_code="90002", answer=b"no")
        fact = PaymentFact(
            FactSource.PUSH, parts[0], parts[1], Fen(int(parts[2])), self.clock.now()
        )
        return PushedFact(fact, "5996", "M1")

    def acknowledge(self, push: PushedFact, ok: bool, reason: str = "") -> bytes:
        return b"ok" if ok else b"again"


@dataclass
class Town:
    """A payment service with everything around it."""

    clock: FrozenClock
    works: MemoryWorks
    finance: FakeFinance
    service: PaymentService

    @property
    def memory(self) -> Memory:
        return self.works.memory

    async def raised(self, reference: str = "case-1", **changes: Any) -> Bill:
        bill = await self.service.raise_bill(order(reference, **changes))
        assert not isinstance(bill, NoFeeDue)
        return bill

    async def pending(self, reference: str = "case-1") -> Bill:
        bill = await self.raised(reference)
        bill = await self.service.issue(bill.bill_id)
        assert bill.pay is PayState.PENDING
        return bill

    async def now(self, bill: Bill) -> Bill:
        return await self.service.get(bill.bill_id)


def order(reference: str = "case-1", **changes: Any) -> BillOrder:
    base = BillOrder(
        reference=reference,
        fee_version="1",
        payer=Payer("张明轩", "13800000001"),
        items=(BillItem("103043211", "不动产登记费", Fen(8000)),),
    )
    return replace(base, **changes)


def town() -> Town:
    clock = FrozenClock(START)
    works, finance = MemoryWorks(), FakeFinance(clock)
    service = PaymentService(
        provider=finance,
        repository=MemoryBills(),
        works=works,
        clock=clock,
        ids=SequentialIds(),
        options=PaymentOptions(upstream="fake_finance"),
    )
    return Town(clock, works, finance, service)


def unavailable() -> UpstreamError:
    return UpstreamUnavailable("not reached")


def unknown() -> UpstreamError:
    return UpstreamOutcomeUnknown("no answer")


def push_of(bill: Bill, tra_no: str = "T1", amount: int = 8000) -> PaymentFact:
    return PaymentFact(
        FactSource.PUSH,
        bill.pay_code,
        tra_no,
        Fen(amount),
        START + timedelta(minutes=1),
        Channel.ALIPAY,
        "51",
        ACCOUNT,
    )
