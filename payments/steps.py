"""What the worker does for payments: plain functions that the gateway registers as task steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from kernel.errors import UpstreamUnavailable
from kernel.work import JsonMap
from payments.errors import BillNotReady
from payments.model import PayState
from payments.service import (
    CONFIRM_TASK,
    EXPIRE_TASK,
    ISSUE_TASK,
    POLL_TASK,
    VOID_TASK,
    PaymentService,
)

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


async def push_step(service: PaymentService, raw: bytes) -> None:
    """Interpret a push from the inbox; the inbox's row is done when this returns."""
    await service.handle_fact(service.read_push(raw))


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
    "payments.sweep": sweep_step,
}
"""The step of each kind of task written here; ``payments.changed`` is the gateway's."""
