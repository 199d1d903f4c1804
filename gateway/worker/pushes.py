"""Takes pushed payment confirmations in: verified, stored raw, and only then acknowledged."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import payments
from gateway.worker.steps import PUSH_TASK
from kernel.db import inbox
from kernel.db.work import SqlWorks


def push_receiver(
    service: payments.PaymentService, works: SqlWorks, source: str
) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what a listener calls with a frame; it returns the answer to send.

    The message id of the upstream is no key (it repeats within a second): the digest of the frame
    is. A frame that comes twice is stored once and acknowledged twice. What was read from it is
    kept beside it: by the time it is interpreted the token may have changed.
    """

    async def keep(raw: bytes, push: payments.PushedFact) -> None:
        async with works.begin() as work:
            await inbox.add(
                work,
                source=source,
                message_id=hashlib.sha256(raw).hexdigest(),
                kind=push.msg_no,
                body=raw,
                headers={},
                task_kind=PUSH_TASK,
                decoded=payments.dump_push(push.fact),
            )

    async def receive(raw: bytes) -> bytes:
        return await service.accept_push(raw, keep)

    return receive
