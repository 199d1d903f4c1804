"""Seals the audit trail all the time, and signs where it stands every few minutes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from gateway.container import Container
from kernel.errors import Failure

_log = structlog.get_logger("audit")
_PAUSE: Final = 1.0
_LATE: Final = timedelta(seconds=60)


async def follow_audit(services: Container) -> None:
    """Seal what was committed, every second, for ever; a database that is away is waited for."""
    every = services.settings.audit.checkpoint_seconds
    due = services.clock.monotonic() + every
    while True:
        try:
            oldest = await services.sealer.oldest_unsealed()
            if oldest is not None:
                if services.clock.now() - oldest > _LATE:
                    _log.warning("audit_sealing_is_late", since=oldest.isoformat())
                while await services.sealer.seal():
                    pass
            if services.clock.monotonic() >= due:
                due += every
                await sign(services)
        except Failure as failure:
            _log.warning("audit_sealing_waits", code=failure.code)
        await asyncio.sleep(_PAUSE)


async def sign(services: Container) -> None:
    """Sign a checkpoint and say it in the log, from where a collector takes it elsewhere."""
    made = await services.sealer.checkpoint()
    if made is not None:
        _log.info(
            "audit_checkpoint",
            document=made.document,
            signature=made.signature,
            key_id=made.key_id,
        )
