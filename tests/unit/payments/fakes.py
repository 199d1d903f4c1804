"""A finance system in memory with faults on demand, and a payment service around it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kernel.clock import FrozenClock
from kernel.errors import (
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import SequentialIds
from kernel.money import Fen
from kernel.work import require_no_open_work
from payments import (
    Bill,
    BillItem,
    BillOrder,
    Capability,
    Channel,
    FactSource,
    Issued,
    NoFeeDue,
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
from tests.unit.payments.memory import Memory, MemoryWorks
from tests.unit.payments.memory_money import MemoryPayments

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ACCOUNT = "3700001"


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

    def capabilities(self) -> frozenset[Capability]:
        return frozenset()

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
        repository=MemoryPayments(),
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
