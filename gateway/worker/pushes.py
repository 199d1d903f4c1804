"""Takes pushed payment confirmations in: verified, stored raw, and only then acknowledged."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

import payments
from gateway.events.refusals import Refusals
from gateway.worker.intake import Intake
from gateway.worker.steps import PUSH_TASK
from kernel.db.inbox import Arrival
from kernel.db.work import SqlWorks

NO_OWNER: Final = "nobody here knows the pay code or refund"


def push_receiver(
    service: payments.PaymentService, works: SqlWorks, refusals: Refusals, source: str
) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what a listener calls with a frame; it returns the answer to send.

    The message id of the upstream is no key (it repeats within a second): the digest of the frame
    is. A frame that comes twice is stored once and acknowledged twice. What was read from it is
    kept beside it: by the time it is interpreted the token may have changed. A refused frame leaves
    a trace before it is answered.
    """
    intake = Intake(works, PUSH_TASK)

    async def receive(raw: bytes) -> bytes:
        kept = False

        async def keep(raw: bytes, push: payments.PushedFact) -> None:
            nonlocal kept
            arrival = Arrival(
                source=source,
                message_id=hashlib.sha256(raw).hexdigest(),
                kind=push.msg_no,
                body=raw,
                decoded=payments.dump_push(push.fact),
            )
            await intake.store(arrival)
            kept = True

        answer = await service.accept_push(raw, keep)
        if not kept:
            await refusals.keep(source, raw, _reason(service, raw))
        return answer

    return receive


def _reason(service: payments.PaymentService, raw: bytes) -> str:
    # Read a second time, but only what was refused: the usual push is read once.
    try:
        service.read_push(raw)
    except payments.PushRefused as refusal:
        return f"{refusal.upstream_code}: {refusal.detail}"
    return NO_OWNER
