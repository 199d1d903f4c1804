"""What the payment domain needs from a finance system, and what it asks of the gateway.

Everything beyond issue, query, void and the pushed confirmation is optional: an adapter that
implements a further protocol declares its capability, and nothing is asked of one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from kernel.money import Fen
from payments.model import (
    Bill,
    FundsFact,
    PaymentFact,
    Terms,
    UpstreamBill,
)
from payments.receipt_model import (
    IssuedReceipt,
    ReceiptFile,
    ReceiptMode,
    ReceiptNumber,
    ReceiptOrder,
)
from payments.refund_model import RefundNews, RefundOrder, ReversalOrder

PORT_VERSION: Final = 2
"""Revision of NontaxProvider; a manifest names the one it was written for."""

__all__ = [
    "PORT_VERSION",
    "Capability",
    "Issued",
    "Matters",
    "NontaxProvider",
    "OrderFinder",
    "Pushed",
    "PushedFact",
    "ReceiptProvider",
    "ReconFile",
    "ReconProvider",
    "RefundProvider",
    "ReversalProvider",
]


class Capability(StrEnum):
    """What a finance system offers beyond the bill itself."""

    RECEIPT = "receipt"
    """Implements ReceiptProvider."""
    REFUND = "refund"
    """Implements RefundProvider."""
    REVERSAL = "reversal"
    """Implements ReversalProvider."""
    FUNDS_PUSH = "funds_push"
    """Pushes 到账 and 入库: ``decode_push`` returns FundsFact for them."""
    RECON = "recon"
    """Implements ReconProvider."""


Pushed = PaymentFact | FundsFact | RefundNews
"""What a push can tell: money came (5996), moved on (5804), or went back (5803)."""


@dataclass(frozen=True)
class Issued:
    """The finance system accepted the bill and says where it is paid."""

    pay_url: str
    pay_code: str = ""
    """The pay code where the platform makes it; empty where it was ours."""


@dataclass(frozen=True)
class PushedFact:
    """A verified push: the fact, and what the answer must refer to."""

    fact: Pushed
    msg_no: str
    msg_id: str


@dataclass(frozen=True)
class ReconFile:
    """The finance system's list of one accounting day (对账文件), as fetched.

    What the announcement (5805) says of it is compared with what the content says of itself.
    """

    name: str
    revision: int
    count: int
    """Lines of money, head and trailer not counted."""
    total_fen: Fen
    """Sum of the payments in 分, refunds not subtracted."""
    sha256: str
    """Digest of the whole content in hexadecimal, any case."""
    content: bytes = field(repr=False)
    """NTDZ text; another dialect's adapter writes its list in this form.

    GB18030, lines end in LF, fields in ``|``:
    ``H|1|division|source|day|revision`` ·
    ``D|seq|pay code|tra_no|P or R|original|delay|amount|day|time|accounting day|mode|bank|agency|
    refund no`` · ``T|count|sum of P|sum of R|sha256 of all bytes before this line``.
    Amounts are yuan with two decimals, days yyyyMMdd, times HHmmss in Beijing.
    """


class NontaxProvider(Protocol):
    """The finance system's non-tax collection (非税收入收缴管理系统) as an agency sees it.

    Calls over the network raise only the five upstream errors of kernel.errors and must not be
    made inside a unit of work. ``issue`` and ``void`` are keyed by the pay code: repeating one with
    equal content changes nothing.
    """

    def capabilities(self) -> frozenset[Capability]:
        """Return what else this connection offers; an optional protocol not named is not used."""
        ...

    def terms(self) -> Terms:
        """Return the agency and the receiving account that bills are issued for."""
        ...

    def mint(self, division: str, year: int, serial: int) -> str:
        """Return the pay code (缴款识别码) of a yearly serial; ``year`` has four digits.

        Layout and check digit are the province's. Where the platform makes the code (``terms()``),
        this is our order number instead, at most 20 characters, which ``OrderFinder`` finds again.
        Raises ValueError when the serial does not fit.
        """
        ...

    def examine(self, bill: Bill) -> None:
        """Check, without any call, that the bill can be written in the upstream's message.

        Raises payments.errors.InvalidBill naming the field.
        """
        ...

    async def issue(self, bill: Bill) -> Issued:
        """Send the bill. UpstreamRejected means that no such bill exists upstream and none will.

        A platform that makes the code is sent ``bill.order_no`` and returns the code.
        """
        ...

    async def query(self, pay_code: str) -> UpstreamBill:
        """Ask for the present state of a pay code; NOT_FOUND is an answer, not an error."""
        ...

    async def void(self, bill: Bill) -> None:
        """Void the bill upstream. UpstreamRejected when it is paid, or voiding is refused."""
        ...

    def decode_push(self, raw: bytes) -> PushedFact:
        """Verify and read a pushed message of any kind. Raises payments.errors.PushRefused."""
        ...

    def acknowledge(self, push: PushedFact, ok: bool, reason: str = "") -> bytes:  # noqa: FBT001 - a port
        """Return the answer to a push: settled, or to be repeated because of ``reason``."""
        ...


@runtime_checkable
class OrderFinder(Protocol):
    """Needed where the platform makes the pay code (MintSide.PLATFORM)."""

    async def find_order(self, order_no: str) -> UpstreamBill:
        """Ask for the bill of our order number; its ``pay_code`` is filled when there is one."""
        ...


@runtime_checkable
class ReceiptProvider(Protocol):
    """Fiscal e-receipts: 8999, 8981, 8982 and verification. Errors as in NontaxProvider."""

    @property
    def receipt_mode(self) -> ReceiptMode:
        """How this province makes receipts; PAYBOOK and AUTO only find and download them."""
        ...

    async def take_number(self, bill: Bill) -> ReceiptNumber:
        """Take a number for a bill's receipt (取票号, 8999).

        Not repeatable by itself: where the upstream allows it, a number that was given out for this
        bill and not used comes again.
        """
        ...

    async def issue_receipt(self, order: ReceiptOrder) -> IssuedReceipt:
        """Issue the receipt of a number (开票, 8981), red when ``red_of`` is set.

        Never repeated blindly: after UpstreamOutcomeUnknown ``find_receipt`` is asked first.
        UpstreamRejected means that nothing was issued under this number.
        """
        ...

    async def find_receipt(self, bill: Bill, number: ReceiptNumber | None) -> IssuedReceipt | None:
        """Return the issued receipt of this number, or of the bill's pay code when it is None."""
        ...

    async def download_receipt(self, receipt: IssuedReceipt) -> ReceiptFile:
        """Return the document (8982)."""
        ...

    async def verify_receipt(self, receipt: IssuedReceipt) -> bool:
        """Return whether the upstream knows this code, number and check code (查验)."""
        ...


@runtime_checkable
class RefundProvider(Protocol):
    """Refunds: 8801, 8802; the push 5803 comes through ``decode_push`` as RefundNews."""

    async def apply_refund(self, order: RefundOrder) -> None:
        """Ask for a refund; keyed by its number: the same order again changes nothing.

        UpstreamRejected means that this number will never be paid.
        """
        ...

    async def query_refund(self, refund_no: str) -> RefundNews:
        """Ask what became of a refund; NOT_FOUND is an answer, not an error."""
        ...


@runtime_checkable
class ReversalProvider(Protocol):
    """Reversal before the day is reconciled (冲正, 8803)."""

    async def reverse(self, order: ReversalOrder) -> None:
        """Undo a payment; keyed by pay code and transaction.

        Afterwards the pay code is void upstream: ``query`` says VOIDED. Raises UpstreamRejected
        with ``upstream_code`` ``20410`` (ALREADY_RECONCILED) once the day is reconciled; an adapter
        translates its own code to this one.
        """
        ...


@runtime_checkable
class ReconProvider(Protocol):
    """The daily reconciliation file (8805)."""

    async def fetch_file(self, division: str, day: date) -> ReconFile | None:
        """Return the newest revision of a day's file; None while it is not published."""
        ...


ALREADY_RECONCILED: Final = "20410"
"""The code (OURS) with which a reversal is refused because its day is reconciled."""


class Matters(Protocol):
    """What the gateway answers about the matters that bills belong to."""

    async def is_open(self, reference: str) -> bool:
        """Return whether a late payment still serves its purpose (事项是否仍在办理)."""
        ...
