"""What is written together: a bill's change, its history, its event, and the task that tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from kernel.clock import Clock
from kernel.money import Fen
from kernel.work import Json, JsonMap, Move, Work
from payments.model import (
    OPEN_ATTEMPTS,
    Attempt,
    AttemptState,
    Bill,
    BillException,
    FundState,
    PayState,
    ReceiptState,
    ReconState,
)
from payments.states import FUND, PAY, RECEIPT, RECON, Axes, public_status
from payments.stores import BillRepository

RAISED: Final = "payments.bill_raised"
FLAGGED: Final = "payments.exception_raised"
LOWERED: Final = "payments.exception_lowered"
CHANGED: Final = "payments.changed"
"""Kind of the task that carries a change to whoever the reference belongs to."""


class Ledger:
    """Writes changes of bills; every method runs inside the caller's unit of work."""

    def __init__(self, repository: BillRepository, clock: Clock) -> None:
        self._bills = repository
        self._clock = clock

    async def raised(self, work: Work, bill: Bill, actor: str) -> bool:
        """Store a new bill; False when its business key is taken."""
        if not await self._bills.add(work, bill):
            return False
        await work.moved(_move(PAY.name, bill, None, bill.pay, RAISED, actor))
        return True

    async def move(self, work: Work, bill: Bill, new: PayState, actor: str, note: str = "") -> Bill:
        """Move the pay axis; ``bill`` may carry other changes. Raises IllegalTransition.

        The bills merged into it make the same move in this unit: all of them or none.
        """
        stored = await self._move_one(work, bill, new, actor, note)
        if stored.merged:
            extra = stored.delay_fen
            members = await self._bills.members(work, bill.bill_id)
            extra = Fen(extra - sum(member.delay_fen for member in members))
            for member in members:
                following = _following(member, stored, extra)
                extra = Fen(0)
                await self._move_one(work, following, new, actor, note)
        return stored

    async def _move_one(self, work: Work, bill: Bill, new: PayState, actor: str, note: str) -> Bill:
        event = PAY.event(bill.pay, new)
        moved = replace(bill, pay=new, updated_at=self._clock.now())
        stored = await self._bills.save(work, moved)
        await work.moved(_move(PAY.name, stored, bill.pay, new, event, actor, note))
        await self._tell(work, stored)
        return stored

    async def fund(self, work: Work, bill: Bill, new: FundState, actor: str) -> Bill:
        """Move the fund axis. Raises IllegalTransition."""
        event = FUND.event(bill.fund, new)
        stored = await self.store(work, replace(bill, fund=new))
        await work.moved(_move(FUND.name, stored, bill.fund, new, event, actor))
        await self._tell(work, stored)
        return stored

    async def receipt(self, work: Work, bill: Bill, new: ReceiptState, actor: str) -> Bill:
        """Move the receipt axis. Raises IllegalTransition."""
        event = RECEIPT.event(bill.receipt, new)
        stored = await self.store(work, replace(bill, receipt=new))
        await work.moved(_move(RECEIPT.name, stored, bill.receipt, new, event, actor))
        await self._tell(work, stored)
        return stored

    async def recon(
        self, work: Work, bill: Bill, new: ReconState, actor: str, note: str = ""
    ) -> Bill:
        """Move the reconciliation axis; nothing happens when it is there already."""
        if bill.recon is new:
            return bill
        event = RECON.event(bill.recon, new)
        stored = await self.store(work, replace(bill, recon=new))
        await work.moved(_move(RECON.name, stored, bill.recon, new, event, actor, note))
        await self._tell(work, stored)
        return stored

    async def flag(self, work: Work, bill: Bill, flag: BillException) -> Bill:
        """Raise an exception on the bill and tell; also when it was up already."""
        stored = await self.store(work, bill.flagged(flag))
        await work.emit(FLAGGED, stored.reference, {**bill_data(stored), "exception": str(flag)})
        await self._tell(work, stored)
        return stored

    async def lower(self, work: Work, bill: Bill, flag: BillException) -> Bill:
        """Take an exception off the bill and tell; nothing happens when it is not up."""
        if flag not in bill.exceptions:
            return bill
        stored = await self.store(work, bill.unflagged(flag))
        await work.emit(LOWERED, stored.reference, {**bill_data(stored), "exception": str(flag)})
        await self._tell(work, stored)
        return stored

    async def store(self, work: Work, bill: Bill) -> Bill:
        """Store changes that nobody outside is told about."""
        return await self._bills.save(work, replace(bill, updated_at=self._clock.now()))

    async def share(self, work: Work, bill: Bill) -> Bill:
        """Store changes, and pass a carrier's pay code and page on to the bills merged into it."""
        stored = await self.store(work, bill)
        if stored.merged:
            for member in await self._bills.members(work, bill.bill_id):
                await self.store(work, _following(member, stored, Fen(0)))
        return stored

    async def close_attempts(self, work: Work, attempts: Sequence[Attempt]) -> None:
        """Close those attempts that are still open."""
        for attempt in attempts:
            if attempt.state in OPEN_ATTEMPTS:
                closed = replace(attempt, state=AttemptState.CLOSED, settled_at=self._clock.now())
                await self._bills.put_attempt(work, closed)

    async def _tell(self, work: Work, bill: Bill) -> None:
        if bill.merged:
            return
        await work.enqueue(*change_of(bill))


def _following(member: Bill, carrier: Bill, grown: Fen) -> Bill:
    """Return the member with what it shares with its carrier; a grown late fee lands on one."""
    delay = Fen(member.delay_fen + max(0, grown))
    paid = None if carrier.paid_fen is None else Fen(member.original_fen + delay)
    return replace(
        member,
        pay_code=carrier.pay_code,
        pay_url=carrier.pay_url,
        closing=carrier.closing,
        failure_code=carrier.failure_code,
        delay_fen=delay,
        paid_at=carrier.paid_at,
        paid_fen=paid,
    )


def _move(
    machine: str, bill: Bill, old: str | None, new: str, event: str, actor: str, note: str = ""
) -> Move:
    return Move(
        machine=machine,
        entity=bill.bill_id,
        old=old,
        new=new,
        event=event,
        reference=bill.reference,
        actor=actor,
        data=bill_data(bill),
        note=note,
    )


def paid_move(before: Bill, paid: Bill, actor: str) -> Move:
    """Return the move of a bill that was paid; the pay axis alone has changed."""
    event = PAY.event(before.pay, paid.pay)
    return _move(PAY.name, paid, before.pay, paid.pay, event, actor)


def change_of(bill: Bill) -> tuple[str, str, JsonMap]:
    """Return the task that tells a change: kind, key and payload."""
    payload: dict[str, Json] = {"reference": bill.reference, "bill_id": bill.bill_id}
    return CHANGED, f"{bill.bill_id}:{bill.version}", payload


class Told(Axes, Protocol):
    """The parts of a bill that events tell."""

    @property
    def bill_id(self) -> str: ...
    @property
    def fee_version(self) -> str: ...
    @property
    def amount_fen(self) -> Fen: ...
    @property
    def recon(self) -> ReconState: ...
    @property
    def exceptions(self) -> frozenset[BillException]: ...


def bill_data(bill: Told) -> dict[str, Json]:
    """Return what events tell of a bill: no personal data."""
    exceptions: list[Json] = [str(flag) for flag in sorted(bill.exceptions)]
    return {
        "bill_id": bill.bill_id,
        "fee_version": bill.fee_version,
        "amount_fen": int(bill.amount_fen),
        "status": str(public_status(bill)),
        "exceptions": exceptions,
        "axes": {
            "pay": str(bill.pay),
            "fund": str(bill.fund),
            "receipt": str(bill.receipt),
            "refund": str(bill.refund),
            "recon": str(bill.recon),
        },
    }
