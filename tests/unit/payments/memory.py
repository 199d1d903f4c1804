"""The payment domain's storage in memory: units of work that roll back, and a repository."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from kernel.db.errors import AlreadyExists
from kernel.errors import (
    StaleVersion,
)
from kernel.money import Fen
from kernel.work import JsonMap, Move, Work, open_works
from payments import (
    Bill,
    Outcome,
    PaymentFact,
)
from payments.model import OPEN_ATTEMPTS, Attempt, UnmatchedPayment
from payments.receipt_model import FiscalReceipt, ReceiptNumber
from payments.reconciliation.model import Difference, ReconLine, StoredFile
from payments.refund_model import Refund
from payments.ruling_model import Ruling
from payments.states import UNSETTLED
from payments.stores import Settled


@dataclass
class Memory:
    """Everything that is stored."""

    bills: dict[str, Bill] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    facts: dict[str, tuple[str, PaymentFact, Outcome]] = field(default_factory=dict)
    unmatched: dict[str, UnmatchedPayment] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    receipts: dict[str, FiscalReceipt] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    free: list[ReceiptNumber] = field(default_factory=list)
    rulings: dict[str, Ruling] = field(default_factory=dict)
    recon_files: dict[int, StoredFile] = field(default_factory=dict)
    lines: dict[int, ReconLine] = field(default_factory=dict)
    line_file: dict[int, int] = field(default_factory=dict)
    matched: dict[str, int] = field(default_factory=dict)
    """Attempt or refund id to the line that lists it."""
    differences: dict[str, Difference] = field(default_factory=dict)
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


class MemoryRoom:
    """What the parts of the repository share."""

    @staticmethod
    def _of(work: Work) -> Memory:
        assert isinstance(work, MemoryWork)
        return work.memory


class MemoryBills(MemoryRoom):
    """payments.stores.BillRepository over Memory."""

    async def add(self, work: Work, bill: Bill) -> bool:
        memory = self._of(work)
        key = (bill.reference, bill.fee_version)
        if any((b.reference, b.fee_version) == key for b in memory.bills.values()):
            return False
        if bill.pay_code and not bill.merged_into:
            others = [b for b in memory.bills.values() if not b.merged_into]
            assert all(b.pay_code != bill.pay_code for b in others)
        memory.bills[bill.bill_id] = bill
        return True

    async def get(self, work: Work, bill_id: str, *, lock: bool = False) -> Bill | None:
        return self._of(work).bills.get(bill_id)

    async def by_pay_code(self, work: Work, pay_code: str, *, lock: bool = False) -> Bill | None:
        bills = self._of(work).bills.values()
        found = [b for b in bills if b.pay_code == pay_code and not b.merged_into]
        return found[0] if found and pay_code else None

    async def lock_payable(self, work: Work, pay_codes: Collection[str]) -> dict[str, Bill]:
        found = [await self.by_pay_code(work, code, lock=True) for code in sorted(pay_codes)]
        return {bill.pay_code: bill for bill in found if bill is not None}

    async def settled_keys(self, work: Work, keys: Collection[str]) -> Collection[str]:
        facts = self._of(work).facts
        return [key for key in keys if key in facts and facts[key][2].acknowledged]

    async def attempts_among(
        self, work: Work, bill_ids: Collection[str], tra_nos: Collection[str]
    ) -> Sequence[Attempt]:
        attempts = self._of(work).attempts.values()
        return [a for a in attempts if a.bill_id in bill_ids or a.tra_no in tra_nos]

    async def settle_many(
        self,
        work: Work,
        settled: Sequence[Settled],
        moves: Sequence[Move],
        tasks: Sequence[tuple[str, str, JsonMap]],
    ) -> None:
        for one in settled:
            if not await self.put_attempt(work, one.attempt):
                raise AlreadyExists("twice")
            await self.add_fact(work, one.fact_id, one.before, one.fact, Outcome.PAID, one.at)
            await self.matched(work, one.fact, one.at)
            await self.save(work, replace(one.paid, version=one.before.version))
        for move in moves:
            await work.moved(move)
        for task in tasks:
            await work.enqueue(*task)

    async def is_known(self, work: Work, pay_code: str) -> bool:
        return await self.by_pay_code(work, pay_code) is not None

    async def members(self, work: Work, bill_id: str) -> Sequence[Bill]:
        return [b for b in self._of(work).bills.values() if b.merged_into == bill_id]

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
        live = [b for b in bills if b.pay in UNSETTLED and not b.merged_into]
        return [b.bill_id for b in live if b.bill_id > after][:limit]

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
        known = attempts.get(attempt.attempt_id)
        reserved = known.reserved_fen if known else Fen(0)
        attempts[attempt.attempt_id] = replace(attempt, reserved_fen=reserved)
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

    async def note_unmatched(self, work: Work, fact: PaymentFact, at: datetime) -> str:
        memory = self._of(work)
        key = fact.money_key
        known = memory.unmatched.get(key)
        memory.unmatched[key] = (
            replace(known, times=known.times + 1)
            if known
            else UnmatchedPayment(
                fact.pay_code,
                fact.tra_no,
                fact.amount_fen,
                fact.source,
                at,
                1,
                key,
                fact.paid_at,
            )
        )
        return memory.settled.get(key, "")

    async def matched(self, work: Work, fact: PaymentFact, at: datetime) -> None:
        memory = self._of(work)
        if fact.money_key not in memory.settled:
            memory.unmatched.pop(fact.money_key, None)

    async def unmatched(self, work: Work, limit: int) -> Sequence[UnmatchedPayment]:
        memory = self._of(work)
        return [m for m in memory.unmatched.values() if m.key not in memory.settled][:limit]

    async def unmatched_one(self, work: Work, key: str) -> UnmatchedPayment | None:
        memory = self._of(work)
        return None if key in memory.settled else memory.unmatched.get(key)

    async def settle_unmatched(self, work: Work, key: str, resolution: str, at: datetime) -> None:
        if await self.unmatched_one(work, key) is not None:
            self._of(work).settled[key] = resolution

    async def reserve(self, work: Work, attempt_id: str, amount_fen: Fen) -> bool:
        attempts = self._of(work).attempts
        found = attempts[attempt_id]
        if found.reserved_fen + amount_fen > (found.amount_fen or 0):
            return False
        attempts[attempt_id] = replace(found, reserved_fen=Fen(found.reserved_fen + amount_fen))
        return True

    async def release(self, work: Work, attempt_id: str, amount_fen: Fen) -> None:
        attempts = self._of(work).attempts
        found = attempts[attempt_id]
        assert found.reserved_fen >= amount_fen
        attempts[attempt_id] = replace(found, reserved_fen=Fen(found.reserved_fen - amount_fen))
