"""What the worker does for webhooks: hands out new events, delivers, gives up, forgets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from gateway.container import Container
from gateway.events.feed import EventFeed
from gateway.events.webhooks import DELIVER_TASK, MOST_ATTEMPTS
from kernel.db.errors import TROUBLE
from kernel.db.task_kinds import Backoff, TaskRegistry
from kernel.db.task_run import Abandon, Run
from kernel.errors import UpstreamUnavailable

FORGET_TASK: Final = "webhooks.forget"
_LOOK_SECONDS: Final = 10.0
_WAITS: Final = Backoff(base=timedelta(seconds=10), cap=timedelta(hours=6))
_log = structlog.get_logger("webhooks")


def register_webhooks(registry: TaskRegistry, services: Container) -> None:
    """Register the kinds of task."""

    async def deliver(run: Run) -> None:
        delivery_id, turn = run.payload.get("delivery_id"), run.payload.get("round")
        if not isinstance(delivery_id, str) or not isinstance(turn, int):
            raise Abandon("payload_invalid", "delivery_id or round is missing")
        if await services.webhooks.deliver(delivery_id, turn):
            return
        if run.attempt >= MOST_ATTEMPTS:
            await services.webhooks.give_up(delivery_id, turn)
            raise Abandon("webhook_not_taken", delivery_id)
        raise UpstreamUnavailable("the receiver has not taken it")

    async def forget(_run: Run) -> None:
        while await services.webhooks.forget():
            pass

    registry.register(DELIVER_TASK, [deliver], max_attempts=MOST_ATTEMPTS, backoff=_WAITS)
    registry.every(FORGET_TASK, timedelta(days=1), [forget], offset=timedelta(hours=3))


async def follow_events(services: Container) -> None:
    """Hand out events as they come, for ever; every worker may, only one does for each webhook."""
    feed = EventFeed(services.works, services.events)
    async with feed.subscribed() as news:
        while True:
            try:
                while await services.webhooks.fan_out():
                    pass
            except TROUBLE as exc:
                _log.warning("events_not_handed_out", reason=type(exc).__name__)
                await asyncio.sleep(_LOOK_SECONDS)
            await news.wait(_LOOK_SECONDS)
