"""What a non-tax payment is made of: bills, items, attempts, and the facts of the finance side."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from kernel.money import Fen, fen, total
from payments.axes import (
    MONEY_ATTEMPTS,
    OPEN_ATTEMPTS,
    AttemptState,
    BillException,
    Channel,
    Closing,
    FactSource,
    FundState,
    MintSide,
    Outcome,
    PayState,
    PublicStatus,
    ReceiptState,
    ReconState,
    RefundState,
    UpstreamState,
)

MAX_REFERENCE: Final = 64
"""Longest reference and fee version, in characters."""
NOTHING: Final = Fen(0)
MAX_CODE: Final = 16
"""Longest code of an upstream's refusal that is kept, in characters."""

__all__ = [
    "MAX_CODE",
    "MAX_REFERENCE",
    "MONEY_ATTEMPTS",
    "NOTHING",
    "OPEN_ATTEMPTS",
    "Attempt",
    "AttemptState",
    "Bill",
    "BillException",
    "BillItem",
    "BillOrder",
    "Channel",
    "Closing",
    "Discrepancies",
    "FactSource",
    "FundState",
    "FundsFact",
    "MintSide",
    "NoFeeDue",
    "Outcome",
    "PayState",
    "Payer",
    "PaymentFact",
    "PublicStatus",
    "ReceiptState",
    "ReconState",
    "RefundState",
    "Terms",
    "UnmatchedPayment",
    "UpstreamBill",
    "UpstreamState",
]


@dataclass(frozen=True)
class Payer:
    """Who is to pay (缴款人); personal data, encrypted at rest and never part of an event."""

    name: str = field(repr=False)
    mobile: str = field(repr=False)
    credit_code: str = field(default="", repr=False)
    """统一社会信用代码 of an organisation; empty for a person."""


@dataclass(frozen=True)
class BillItem:
    """One charged item (执收项目) of a bill."""

    item_code: str
    name: str
    amount_fen: Fen
    """What is charged, after any exemption."""
    quantity: Decimal = Decimal(1)
    unit: str = "次"
    exempted_fen: Fen = NOTHING
    """减免 in 分; with ``exemption``, the reason that allows it."""
    exemption: str = ""


@dataclass(frozen=True)
class BillOrder:
    """What a caller wants billed; ``(reference, fee_version)`` is its business key."""

    reference: str
    fee_version: str
    payer: Payer
    items: tuple[BillItem, ...]
    deadline: datetime | None = None
    """None takes the configured number of days."""
    delay_fen: Fen = NOTHING
    """滞纳金 known when the bill is raised, in 分."""
    overdue_since: date | None = None
    """The day in Beijing after which the configured daily late fee runs; adds to ``delay_fen``."""
    actor: str = "system"

    @property
    def original_fen(self) -> Fen:
        """Return the sum of the items in 分 (OriAmt)."""
        return total(item.amount_fen for item in self.items)


@dataclass(frozen=True)
class NoFeeDue:
    """The answer for an order of zero: no pay code is asked for, nothing needs to be paid."""

    reference: str
    fee_version: str


@dataclass(frozen=True)
class Terms:
    """Who levies and where the money goes, as agreed with the finance system."""

    division: str
    agency: str
    agency_name: str
    account: str
    mint_side: MintSide = MintSide.AGENCY


@dataclass(frozen=True)
class Bill:
    """A bill (缴款单) with its five axes; every stored change raises ``version`` by one."""

    bill_id: str
    reference: str
    fee_version: str
    pay_code: str
    """Empty only until the platform has made it."""
    division: str
    agency: str
    account: str
    payer: Payer
    items: tuple[BillItem, ...]
    original_fen: Fen
    delay_fen: Fen
    deadline: datetime
    created_at: datetime
    updated_at: datetime
    pay_url: str = ""
    pay: PayState = PayState.ISSUING
    fund: FundState = FundState.NONE
    receipt: ReceiptState = ReceiptState.NONE
    refund: RefundState = RefundState.NONE
    recon: ReconState = ReconState.UNCHECKED
    exceptions: frozenset[BillException] = frozenset()
    closing: Closing | None = None
    paid_at: datetime | None = None
    failure_code: str = ""
    """The upstream's own code of the refusal that made the bill ISSUE_FAILED."""
    order_no: str = ""
    """Our own number of the bill upstream; equal to the pay code where the agency makes that."""
    merged: bool = False
    """合并缴款码: this bill only carries others under one pay code, and belongs to no matter."""
    merged_into: str = ""
    """The bill that carries this one; both then show the same pay code."""
    paid_fen: Fen | None = None
    """What paid it in 分; other than ``amount_fen`` only where two people accepted that."""
    version: int = 1

    @property
    def amount_fen(self) -> Fen:
        """Return what is due in 分 (Amt = OriAmt + DelayAmt)."""
        return fen(self.original_fen + self.delay_fen)

    def flagged(self, *found: BillException) -> Bill:
        """Return the bill with these exceptions added."""
        return replace(self, exceptions=self.exceptions | frozenset(found))

    def unflagged(self, *solved: BillException) -> Bill:
        """Return the bill without these exceptions."""
        return replace(self, exceptions=self.exceptions - frozenset(solved))


@dataclass(frozen=True)
class Attempt:
    """One try to pay; counter payments arrive as attempts that we did not open."""

    attempt_id: str
    bill_id: str
    opened_here: bool
    state: AttemptState
    opened_at: datetime
    tra_no: str = ""
    """Transaction number (TraNoBus) of the money; empty while only a query told us of it."""
    amount_fen: Fen | None = None
    channel: Channel | None = None
    channel_raw: str = ""
    settled_at: datetime | None = None
    day: date | None = None
    """Accounting day in Beijing of ``settled_at``."""
    reserved_fen: Fen = NOTHING
    """Refunds of this money that are under way or done, in 分."""


@dataclass(frozen=True)
class PaymentFact:
    """The finance side says that money for a pay code was received (缴款确认)."""

    source: FactSource
    pay_code: str
    tra_no: str
    """Empty when the source does not tell it (a status query)."""
    amount_fen: Fen
    paid_at: datetime | None
    channel: Channel = Channel.OTHER
    channel_raw: str = ""
    account: str = ""
    """The receiving account; empty when the source does not tell it."""
    original_fen: Fen | None = None
    delay_fen: Fen | None = None
    """The parts of the amount, where the source tells them: a late fee may have grown."""

    @property
    def key(self) -> str:
        """Return the key under which this fact is stored exactly once.

        The amount is part of it, so that a corrected repeat of a wrong amount is a fact of its own.
        """
        return f"{self.source}:{self.pay_code}:{self.tra_no}:{self.amount_fen}"

    @property
    def money_key(self) -> str:
        """Return the name of the money itself, whichever way it was reported."""
        return f"{self.pay_code}:{self.tra_no}:{self.amount_fen}"


@dataclass(frozen=True)
class FundsFact:
    """The finance side says that a payment reached its account or the treasury (到账, 入库)."""

    pay_code: str
    tra_no: str
    amount_fen: Fen
    stage: FundState
    """RECEIVED or TREASURY."""
    received_on: date

    @property
    def key(self) -> str:
        """Return the key under which this fact is stored exactly once."""
        return f"funds:{self.stage}:{self.pay_code}:{self.tra_no}:{self.amount_fen}"


@dataclass(frozen=True)
class UpstreamBill:
    """The finance system's own view of a pay code; ``fact`` is set when it says paid."""

    pay_code: str
    state: UpstreamState
    original_fen: Fen | None = None
    delay_fen: Fen | None = None
    amount_fen: Fen | None = None
    fact: PaymentFact | None = None


@dataclass(frozen=True)
class UnmatchedPayment:
    """Money reported for a pay code that we do not know (不明款)."""

    pay_code: str
    tra_no: str
    amount_fen: Fen
    source: FactSource
    first_seen: datetime
    times: int
    key: str = ""
    """Names it in decisions."""
    paid_at: datetime | None = None


@dataclass(frozen=True)
class Discrepancies:
    """What people must look at: flagged bills and payments without a bill."""

    bills: tuple[Bill, ...]
    unmatched: tuple[UnmatchedPayment, ...]
