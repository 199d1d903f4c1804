"""What the payment domain needs from outside: a finance system, and a place to keep bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from kernel.work import Work
from payments.model import (
    Attempt,
    Bill,
    Outcome,
    PaymentFact,
    Terms,
    UnmatchedPayment,
    UpstreamBill,
)

PORT_VERSION: Final = 1
"""Revision of NontaxProvider; a manifest names the one it was written for."""

__all__ = [
    "PORT_VERSION",
    "BillRepository",
    "Issued",
    "NontaxProvider",
    "PushedFact",
]


@dataclass(frozen=True)
class Issued:
    """The finance system accepted the bill and says where it is paid."""

    pay_url: str


@dataclass(frozen=True)
class PushedFact:
    """A verified push: the fact, and what the answer must refer to."""

    fact: PaymentFact
    msg_no: str
    msg_id: str


class NontaxProvider(Protocol):
    """The finance system's non-tax collection (非税收入收缴管理系统) as an agency sees it.

    Calls over the network raise only the five upstream errors of kernel.errors and must not be
    made inside a unit of work. ``issue`` and ``void`` are keyed by the pay code: repeating one with
    equal content changes nothing.
    """

    def terms(self) -> Terms:
        """Return the agency and the receiving account that bills are issued for."""
        ...

    def mint(self, division: str, year: int, serial: int) -> str:
        """Return the pay code (缴款识别码) of a yearly serial; ``year`` has four digits.

        Layout and check digit are the province's. Raises ValueError when the serial does not fit.
        """
        ...

    def examine(self, bill: Bill) -> None:
        """Check, without any call, that the bill can be written in the upstream's message.

        Raises payments.errors.InvalidBill naming the field.
        """
        ...

    async def issue(self, bill: Bill) -> Issued:
        """Send the bill. UpstreamRejected means that no such bill exists upstream and none will."""
        ...

    async def query(self, pay_code: str) -> UpstreamBill:
        """Ask for the present state of a pay code; NOT_FOUND is an answer, not an error."""
        ...

    async def void(self, bill: Bill) -> None:
        """Void the bill upstream. UpstreamRejected when it is paid, or voiding is refused."""
        ...

    def decode_push(self, raw: bytes) -> PushedFact:
        """Verify and read a pushed payment confirmation. Raises payments.errors.PushRefused."""
        ...

    def acknowledge(self, push: PushedFact, ok: bool, reason: str = "") -> bytes:  # noqa: FBT001 - a port
        """Return the answer to a push: settled, or to be repeated because of ``reason``."""
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
        """Return bills with exceptions, the latest change first."""
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

    async def note_unmatched(self, work: Work, fact: PaymentFact, at: datetime) -> int:
        """Store or count a fact without a bill; return how often it has been seen."""
        ...

    async def matched(self, work: Work, fact: PaymentFact, at: datetime) -> None:
        """Mark a fact that had no bill as matched."""
        ...

    async def unmatched(self, work: Work, limit: int) -> Sequence[UnmatchedPayment]:
        """Return facts that still have no bill, the oldest first."""
        ...
