"""A finance system with receipts, refunds, reversals and lists too, and faults on demand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from kernel.clock import FrozenClock, beijing, beijing_day
from kernel.errors import UpstreamRejected
from kernel.ids import SequentialIds
from kernel.money import Fen, format_yuan
from payments import (
    Bill,
    Capability,
    IssuedReceipt,
    PaymentFact,
    PaymentOptions,
    PaymentService,
    ReceiptFile,
    ReceiptMode,
    ReceiptNumber,
    ReceiptOrder,
    ReconFile,
    RefundNews,
    RefundOrder,
    RefundProgress,
    ReversalOrder,
    UpstreamState,
)
from tests.unit.payments.fakes import START, FakeFinance, Town
from tests.unit.payments.memory import MemoryWorks
from tests.unit.payments.memory_money import MemoryPayments

CODE = "37010126"
OPERATIONS = ("number", "receipt", "find", "download", "apply", "ask", "reverse", "list")


@dataclass
class KeptRefund:
    """A refund as finance keeps it."""

    order: RefundOrder
    progress: RefundProgress = RefundProgress.APPLIED
    on: date | None = None


@dataclass
class KeptReceipt:
    """A receipt as finance keeps it."""

    order: ReceiptOrder
    at: datetime


class FullFinance(FakeFinance):
    """FakeFinance with every optional protocol of payments.ports."""

    def __init__(self, clock: FrozenClock) -> None:
        super().__init__(clock)
        self.faults |= {name: [] for name in OPERATIONS}
        self.mode = ReceiptMode.SEPARATE
        self.offers = frozenset(Capability)
        self.numbers = 0
        self.issued: dict[ReceiptNumber, KeptReceipt] = {}
        self.refunds: dict[str, KeptRefund] = {}
        self.reversed: set[str] = set()
        self.reconciled_until: date | None = None
        self.files: dict[date, ReconFile] = {}
        self.verifies = True

    def capabilities(self) -> frozenset[Capability]:
        return self.offers

    @property
    def receipt_mode(self) -> ReceiptMode:
        return self.mode

    async def take_number(self, bill: Bill) -> ReceiptNumber:
        def effect() -> ReceiptNumber:
            self.numbers += 1
            return ReceiptNumber(CODE, f"{self.numbers:010d}")

        number: ReceiptNumber = await self._call("number", bill.pay_code, effect)
        return number

    async def issue_receipt(self, order: ReceiptOrder) -> IssuedReceipt:
        def effect() -> IssuedReceipt:
            if order.number in self.issued:
                raise UpstreamRejected("used", upstream_code="20006")
            self.issued[order.number] = KeptReceipt(order, self.clock.now())
            return self._receipt(order.number)

        receipt: IssuedReceipt = await self._call("receipt", order.bill.pay_code, effect)
        return receipt

    def _receipt(self, number: ReceiptNumber) -> IssuedReceipt:
        kept = self.issued[number]
        url = f"http://pay.example/receipt/{number.number}"
        return IssuedReceipt(number, "65a6a9", kept.order.amount_fen, kept.at, url)

    async def find_receipt(self, bill: Bill, number: ReceiptNumber | None) -> IssuedReceipt | None:
        def effect() -> IssuedReceipt | None:
            for known, kept in self.issued.items():
                mine = kept.order.bill.bill_id == bill.bill_id and kept.order.red_of is None
                if known == number or (number is None and mine):
                    return self._receipt(known)
            return None

        found: IssuedReceipt | None = await self._call("find", bill.pay_code, effect)
        return found

    async def download_receipt(self, receipt: IssuedReceipt) -> ReceiptFile:
        def effect() -> ReceiptFile:
            return ReceiptFile(f"%PDF {receipt.number.number}".encode(), "application/pdf")

        file: ReceiptFile = await self._call("download", receipt.number.number, effect)
        return file

    async def verify_receipt(self, receipt: IssuedReceipt) -> bool:
        return self.verifies and receipt.number in self.issued

    async def apply_refund(self, order: RefundOrder) -> None:
        def effect() -> None:
            known = self.refunds.get(order.refund_no)
            if known is not None:
                if known.order.amount_fen != order.amount_fen:
                    raise UpstreamRejected("differs", upstream_code="20006")
                return
            self.refunds[order.refund_no] = KeptRefund(order)

        await self._call("apply", order.refund_no, effect)

    async def query_refund(self, refund_no: str) -> RefundNews:
        news: RefundNews = await self._call("ask", refund_no, lambda: self.news(refund_no))
        return news

    def news(self, refund_no: str) -> RefundNews:
        kept = self.refunds.get(refund_no)
        if kept is None:
            return RefundNews(refund_no, RefundProgress.NOT_FOUND)
        reference = f"B{refund_no}" if kept.progress is RefundProgress.PAID else ""
        return RefundNews(refund_no, kept.progress, reference, kept.on)

    def settle_refund(self, refund_no: str, progress: RefundProgress) -> RefundNews:
        """Let finance decide about a refund."""
        on = beijing_day(self.clock.now()) if progress is RefundProgress.PAID else None
        kept = self.refunds[refund_no]
        self.refunds[refund_no] = replace(kept, progress=progress, on=on)
        return self.news(refund_no)

    async def reverse(self, order: ReversalOrder) -> None:
        def effect() -> None:
            kept = self.kept[order.pay_code]
            if self.reconciled_until and order.work_date <= self.reconciled_until:
                raise UpstreamRejected("reconciled", upstream_code="20410")
            kept.state = UpstreamState.VOIDED
            self.reversed.add(order.tra_no)

        await self._call("reverse", order.pay_code, effect)

    async def fetch_file(self, division: str, day: date) -> ReconFile | None:
        file: ReconFile | None = await self._call("list", "", lambda: self.files.get(day))
        return file

    def money(self, day: date) -> list[PaymentFact]:
        """Return the payments of a day that were not reversed."""
        found = [fact for kept in self.kept.values() for fact in kept.payments]
        return [
            fact
            for fact in found
            if fact.paid_at
            and beijing_day(fact.paid_at) == day
            and fact.tra_no not in self.reversed
        ]

    def publish(
        self,
        day: date,
        *,
        revision: int = 1,
        facts: list[PaymentFact] | None = None,
        refunds: list[KeptRefund] | None = None,
    ) -> ReconFile:
        """Publish the list of a day: what happened, or what a test says did."""
        if facts is None:
            facts = self.money(day)
        if refunds is None:
            refunds = [r for r in self.refunds.values() if r.on == day]
        self.files[day] = ntdz(day, facts, refunds, revision)
        self.reconciled_until = max(day, self.reconciled_until or day)
        return self.files[day]


def ntdz(
    day: date, facts: list[PaymentFact], refunds: list[KeptRefund], revision: int = 1
) -> ReconFile:
    """Return a well-formed file."""
    rows = [f"H|1|370000|K3700000001|{day:%Y%m%d}|{revision}"]
    for fact in facts:
        at = beijing(fact.paid_at or START)
        original = fact.original_fen if fact.original_fen is not None else fact.amount_fen
        rows.append(
            f"D|{len(rows)}|{fact.pay_code}|{fact.tra_no}|P|{format_yuan(original)}"
            f"|{format_yuan(Fen(fact.amount_fen - original))}|{format_yuan(fact.amount_fen)}"
            f"|{at:%Y%m%d|%H%M%S}|{day:%Y%m%d}|51|B001|0370001|"
        )
    for kept in refunds:
        order = kept.order
        amount = format_yuan(order.amount_fen)
        rows.append(
            f"D|{len(rows)}|{order.pay_code}|{order.tra_no or 'unknown'}|R|{amount}|0.00|{amount}"
            f"|{day:%Y%m%d}|120000|{day:%Y%m%d}|51|B001|0370001|{order.refund_no}"
        )
    return seal(rows, facts, refunds, day, revision)


def seal(
    rows: list[str],
    facts: list[PaymentFact],
    refunds: list[KeptRefund],
    day: date,
    revision: int,
) -> ReconFile:
    """Add trailer and announcement."""
    body = ("\n".join(rows) + "\n").encode("gb18030")
    paid = Fen(sum(fact.amount_fen for fact in facts))
    back = Fen(sum(kept.order.amount_fen for kept in refunds))
    digest = hashlib.sha256(body).hexdigest()
    trailer = f"T|{len(rows) - 1}|{format_yuan(paid)}|{format_yuan(back)}|{digest}\n"
    content = body + trailer.encode()
    return ReconFile(
        name=f"NTDZ_370000_K3700000001_{day:%Y%m%d}_{revision}.txt",
        revision=revision,
        count=len(rows) - 1,
        total_fen=paid,
        sha256=hashlib.sha256(content).hexdigest().upper(),
        content=content,
    )


class OpenMatters:
    """payments.ports.Matters from a set of closed references."""

    def __init__(self) -> None:
        self.closed: set[str] = set()

    async def is_open(self, reference: str) -> bool:
        return reference not in self.closed


@dataclass
class FullTown(Town):
    """A payment service before a finance system that offers everything."""

    full: FullFinance
    matters: OpenMatters

    async def paid(self, reference: str = "case-1") -> tuple[Bill, PaymentFact]:
        """Return a bill that was paid and confirmed, and the fact that did it."""
        bill = await self.pending(reference)
        fact = self.full.pay(bill.pay_code)
        assert fact is not None
        await self.service.handle_fact(fact)
        return await self.now(bill), fact

    @property
    def today(self) -> date:
        return beijing_day(self.clock.now())

    def next_day(self) -> date:
        """Let a night pass; return the day that ended."""
        self.clock.advance(timedelta(days=1))
        return self.today - timedelta(days=1)


def full_town(kind: type[FullFinance] = FullFinance, **options: object) -> FullTown:
    clock = FrozenClock(START)
    works, finance, asked = MemoryWorks(), kind(clock), OpenMatters()
    service = PaymentService(
        provider=finance,
        repository=MemoryPayments(),
        works=works,
        clock=clock,
        ids=SequentialIds(),
        options=PaymentOptions.model_validate({"upstream": "fake_finance", **options}),
        matters=asked,
    )
    return FullTown(clock, works, finance, service, finance, asked)
