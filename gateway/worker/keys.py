"""What the clock does with clients: warn of keys that will end, forget used nonces."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Final

import structlog
from prometheus_client import Gauge

from gateway.container import Container
from kernel.db.task_kinds import TaskRegistry
from kernel.db.task_run import Run

KEYS_TASK: Final = "identity.client_keys"
NONCES_TASK: Final = "identity.nonces"
_log = structlog.get_logger("clients")


def register_keys(registry: TaskRegistry, services: Container) -> None:
    """Register both kinds of task."""

    @cache
    def expiring() -> Gauge:
        return Gauge(
            "onewindow_client_keys_expiring",
            "Active keys of clients by the warning that they are in",
            ("days",),
            registry=services.metrics,
        )

    async def watch(_run: Run) -> None:
        found = await services.clients.watch_keys()
        for days, count in found.expiring.items():
            expiring().labels(days).set(count)
        if found.expired or any(found.expiring.values()):
            _log.warning("client_keys", expiring=dict(found.expiring), expired=found.expired)

    async def forget(_run: Run) -> None:
        while await services.clients.forget_nonces():
            pass

    registry.every(KEYS_TASK, timedelta(days=1), [watch], offset=timedelta(hours=8))
    registry.every(NONCES_TASK, timedelta(hours=1), [forget])
