"""What the worker does for payments: plain functions that the gateway registers as task steps."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Final

from kernel.errors import UpstreamError, UpstreamRejected, UpstreamUnavailable
from kernel.work import JsonMap
from payments.errors import AlreadyReconciled, BillNotReady
from payments.ground import (
    CONFIRM_TASK,
    EXPIRE_TASK,
    ISSUE_TASK,
    LATE_TASK,
    POLL_TASK,
    RECEIPT_TASK,
    RECON_TASK,
    REFUND_TASK,
    REVERSE_TASK,
    VOID_TASK,
)
from payments.model import PayState
from payments.service import PaymentService

log = logging.getLogger(__name__)

SWEEP_TASK: Final = "payments.sweep"

Step = Callable[[PaymentService, JsonMap], Awaitable[None]]
"""A step is repeated by the worker, with growing pauses, when it raises a kernel Failure."""


def _text(payload: JsonMap, name: str) -> str:
    value = payload[name]
    if not isinstance(value, str):
        msg = f"the task's {name} is not text"
        raise TypeError(msg)
    return value


async def issue_step(service: PaymentService, payload: JsonMap) -> None:
    """Issue a bill. Whether an earlier message got through is unknown here, so it asks first."""
    bill = await service.confirm(_text(payload, "bill_id"))
    if bill.pay is PayState.ISSUING:
        raise UpstreamUnavailable("the bill is still not confirmed")


async def void_step(service: PaymentService, payload: JsonMap) -> None:
    """Bring a void to its end."""
    bill = await service.resume_void(_text(payload, "bill_id"))
    if bill.pay is PayState.VOIDING:
        raise UpstreamUnavailable("the void is still not confirmed")


async def expire_step(service: PaymentService, payload: JsonMap) -> None:
    """Close a bill whose deadline has passed."""
    bill = await service.expire(_text(payload, "bill_id"))
    if bill.pay is PayState.ISSUING:
        raise BillNotReady("the bill is still being issued")


async def poll_step(service: PaymentService, payload: JsonMap) -> None:
    """Ask whether an opened attempt was paid; it plans its successor itself."""
    asked = payload["asked"]
    if not isinstance(asked, int):
        msg = "the task's count of questions is not a number"
        raise TypeError(msg)
    await service.poll(_text(payload, "bill_id"), _text(payload, "attempt_id"), asked)


async def push_step(service: PaymentService, raw: bytes, decoded: JsonMap | None = None) -> None:
    """Interpret a push from the inbox; the inbox's row is done when this returns."""
    await service.handle(service.read_push(raw, decoded))


async def late_step(service: PaymentService, payload: JsonMap) -> None:
    """Decide about money that came when nobody expected it any more."""
    await service.rulings.decide_late(_text(payload, "bill_id"))


async def receipt_step(service: PaymentService, payload: JsonMap) -> None:
    """Bring a paid bill's receipt on; it is called again until the document is here."""
    await service.receipts.advance(_text(payload, "bill_id"))


async def refund_step(service: PaymentService, payload: JsonMap) -> None:
    """Carry a refund on; it plans its next question itself."""
    asked = payload.get("asked", 0)
    count = asked if isinstance(asked, int) else 0
    await service.refunds.advance(_text(payload, "refund_id"), count)


async def reverse_step(service: PaymentService, payload: JsonMap) -> None:
    """Bring a reversal to its end."""
    try:
        await service.reversals.resume(
            _text(payload, "bill_id"),
            actor=_text(payload, "actor"),
            reason=_text(payload, "reason"),
        )
    except (AlreadyReconciled, UpstreamRejected) as exc:
        # Refused for good, and recorded: the payment stands.
        log.warning("reversal_refused", extra={"code": exc.code})


async def reconcile_step(service: PaymentService, payload: JsonMap) -> None:
    """Reconcile yesterday and the days before it again: a revision or an outage may have come.

    A task that names a ``day`` reconciles that one alone.
    """
    day = payload.get("day")
    if isinstance(day, str):
        await service.recon.reconcile(date.fromisoformat(day))
        return
    *earlier, yesterday = service.recon.due_days()
    for each in earlier:
        try:
            await service.recon.reconcile(each)
        except UpstreamError as exc:
            log.warning("recon_day_skipped", extra={"day": each.isoformat(), "code": exc.code})
    await service.recon.reconcile(yesterday)


async def sweep_step(service: PaymentService, _payload: JsonMap) -> None:
    """Ask about every bill that is not final (the daily sweep)."""
    after: str | None = ""
    while after is not None:
        after = await service.sweep(after)


STEPS: Final[Mapping[str, Step]] = {
    ISSUE_TASK: issue_step,
    CONFIRM_TASK: issue_step,
    VOID_TASK: void_step,
    EXPIRE_TASK: expire_step,
    POLL_TASK: poll_step,
    LATE_TASK: late_step,
    RECEIPT_TASK: receipt_step,
    REFUND_TASK: refund_step,
    REVERSE_TASK: reverse_step,
    RECON_TASK: reconcile_step,
    SWEEP_TASK: sweep_step,
}
"""The step of each kind of task written here; ``payments.changed`` is the gateway's."""
