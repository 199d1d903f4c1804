"""Where the payment domain keeps things: every method runs inside the unit of work it is given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kernel.money import Fen
from kernel.work import JsonMap, Move, Work
from payments.model import Attempt, Bill, Outcome, PaymentFact, UnmatchedPayment
from payments.receipt_model import FiscalReceipt, ReceiptNumber
from payments.refund_model import Refund
from payments.ruling_model import Ruling


@dataclass(frozen=True)
class Settled:
    """A plain payment and what it makes of its bill."""

    fact_id: str
    fact: PaymentFact
    before: Bill
    paid: Bill
    """As it is to be stored, one version later."""
    attempt: Attempt
    at: datetime


class BulkRepository(Protocol):
    """Books many plain payments with a few statements."""

    async def lock_payable(self, work: Work, pay_codes: Collection[str]) -> dict[str, Bill]:
        """Return the bills of these pay codes by code, locked in one order until the unit ends."""
        ...

    async def settled_keys(self, work: Work, keys: Collection[str]) -> Collection[str]:
        """Return those keys under which a fact is stored that was acknowledged for good."""
        ...

    async def attempts_among(
        self, work: Work, bill_ids: Collection[str], tra_nos: Collection[str]
    ) -> Sequence[Attempt]:
        """Return attempts of these bills, and those of any bill with these transactions."""
        ...

    async def settle_many(
        self,
        work: Work,
        settled: Sequence[Settled],
        moves: Sequence[Move],
        tasks: Sequence[tuple[str, str, JsonMap]],
    ) -> None:
        """Store attempts, facts and bills, their moves, and tasks as kind, key and payload.

        Raises AlreadyExists or StaleVersion when any of it was done by somebody else.
        """
        ...


class BillRepository(Protocol):
    """Keeps bills, attempts and facts; every method runs inside the unit of work it is given."""

    async def add(self, work: Work, bill: Bill) -> bool:
        """Store a new bill; False when its business key is taken."""
        ...

    async def get(self, work: Work, bill_id: str, *, lock: bool = False) -> Bill | None:
        """Return a bill, locked until the unit ends when asked to."""
        ...

    async def by_pay_code(self, work: Work, pay_code: str, *, lock: bool = False) -> Bill | None:
        """Return the bill of a pay code."""
        ...

    async def is_known(self, work: Work, pay_code: str) -> bool:
        """Return whether there is a bill of a pay code, as cheaply as that can be told."""
        ...

    async def by_reference(self, work: Work, reference: str) -> Sequence[Bill]:
        """Return every bill of a reference, the oldest first."""
        ...

    async def by_business_key(self, work: Work, reference: str, fee_version: str) -> Bill | None:
        """Return the bill of a fee."""
        ...

    async def save(self, work: Work, bill: Bill) -> Bill:
        """Store a changed bill and return it with its next version; raises StaleVersion."""
        ...

    async def unsettled(self, work: Work, after: str, limit: int) -> Sequence[str]:
        """Return ids above ``after`` of bills whose pay axis is not final, in order."""
        ...

    async def flagged(self, work: Work, limit: int) -> Sequence[Bill]:
        """Return bills with exceptions, the newest bill first."""
        ...

    async def attempts(self, work: Work, bill_id: str) -> Sequence[Attempt]:
        """Return the attempts of a bill, the oldest first."""
        ...

    async def put_attempt(self, work: Work, attempt: Attempt) -> bool:
        """Store a new or changed attempt; False when its transaction number belongs to another."""
        ...

    async def add_fact(
        self,
        work: Work,
        fact_id: str,
        bill: Bill,
        fact: PaymentFact,
        outcome: Outcome,
        at: datetime,
    ) -> None:
        """Append a fact to the bill's payment events; raises AlreadyExists for a repeated key."""
        ...

    async def fact_outcome(self, work: Work, key: str) -> Outcome | None:
        """Return what became of the stored fact of this key; None when there is none."""
        ...

    async def note_unmatched(self, work: Work, fact: PaymentFact, at: datetime) -> str:
        """Store or count money without a bill; return what people decided, empty until then."""
        ...

    async def matched(self, work: Work, fact: PaymentFact, at: datetime) -> None:
        """Mark a fact that had no bill as matched."""
        ...

    async def unmatched(self, work: Work, limit: int) -> Sequence[UnmatchedPayment]:
        """Return facts that still have no bill, the oldest first."""
        ...

    async def members(self, work: Work, bill_id: str) -> Sequence[Bill]:
        """Return the bills that are merged into this one, the oldest first."""
        ...

    async def reserve(self, work: Work, attempt_id: str, amount_fen: Fen) -> bool:
        """Set money aside for a refund; False when that would be more than was paid."""
        ...

    async def release(self, work: Work, attempt_id: str, amount_fen: Fen) -> None:
        """Give back what was set aside for a refund that will not happen."""
        ...

    async def unmatched_one(self, work: Work, key: str) -> UnmatchedPayment | None:
        """Return an unsettled payment without a bill, locked."""
        ...

    async def settle_unmatched(self, work: Work, key: str, resolution: str, at: datetime) -> None:
        """Record what people decided about a payment without a bill."""
        ...


class RefundRepository(Protocol):
    """Keeps refunds."""

    async def add_refund(self, work: Work, refund: Refund) -> bool:
        """Store a new refund; False when its number is taken."""
        ...

    async def get_refund(self, work: Work, refund_id: str, *, lock: bool = False) -> Refund | None:
        """Return a refund."""
        ...

    async def refund_by_no(self, work: Work, refund_no: str) -> Refund | None:
        """Return the refund of a number."""
        ...

    async def refunds_of(self, work: Work, bill_id: str) -> Sequence[Refund]:
        """Return the refunds of a bill, the oldest first."""
        ...

    async def save_refund(self, work: Work, refund: Refund) -> Refund:
        """Store a changed refund and return it with its next version; raises StaleVersion."""
        ...


class ReceiptRepository(Protocol):
    """Keeps fiscal receipts and the numbers that wait for one."""

    async def add_receipt(self, work: Work, receipt: FiscalReceipt) -> bool:
        """Store a new receipt; False when the bill has a live one."""
        ...

    async def live_receipt(self, work: Work, bill_id: str) -> FiscalReceipt | None:
        """Return the receipt of a bill that is not red."""
        ...

    async def receipts_of(self, work: Work, bill_id: str) -> Sequence[FiscalReceipt]:
        """Return every receipt of a bill, the oldest first."""
        ...

    async def save_receipt(self, work: Work, receipt: FiscalReceipt) -> FiscalReceipt:
        """Store a changed receipt and return it with its next version; raises StaleVersion."""
        ...

    async def drop_receipt(self, work: Work, receipt: FiscalReceipt) -> None:
        """Forget a receipt that was never issued; its history stays."""
        ...

    async def take_free(self, work: Work) -> ReceiptNumber | None:
        """Take a number that was fetched and not used; None when there is none."""
        ...

    async def put_free(self, work: Work, number: ReceiptNumber) -> None:
        """Keep an unused number for the next receipt."""
        ...

    async def keep_file(self, work: Work, receipt_id: str, content: bytes) -> None:
        """Store the document of a receipt, once."""
        ...

    async def receipt_file(self, work: Work, receipt_id: str) -> bytes | None:
        """Return the document of a receipt."""
        ...


class RulingRepository(Protocol):
    """Keeps the decisions of people."""

    async def add_ruling(self, work: Work, ruling: Ruling) -> bool:
        """Store a proposal; False when one for the same subject is open."""
        ...

    async def get_ruling(self, work: Work, ruling_id: str) -> Ruling | None:
        """Return a ruling."""
        ...

    async def save_ruling(self, work: Work, ruling: Ruling) -> Ruling:
        """Store a changed ruling and return it with its next version; raises StaleVersion."""
        ...

    async def open_rulings(self, work: Work, limit: int) -> Sequence[Ruling]:
        """Return proposals that wait for their confirmation, the oldest first."""
        ...


class PaymentRepository(
    BillRepository, BulkRepository, RefundRepository, ReceiptRepository, RulingRepository, Protocol
):
    """Everything that is kept about payments, reconciliation apart."""
