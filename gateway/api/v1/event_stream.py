"""The event stream (事件流): server-sent events that follow the feed without being asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gateway.api.assurance import Reads
from gateway.api.callers import Services
from gateway.api.problems import FieldsInvalid
from gateway.api.v1.events import WATCHERS, After
from gateway.api.v1.views import EventView
from gateway.container import Container
from kernel.db.errors import TROUBLE

router = APIRouter(prefix="/v1", tags=["events 事件"])
_log = structlog.get_logger("events")

HEADER: Final = "last-event-id"
STREAM_SECONDS: Final = 300.0
"""How long one stream lasts (OURS): then the caller connects again and shows its token again."""
_AGAIN_SECONDS: Final = 0.5
_PAGE: Final = 100
_RETRY_MS: Final = 1000
_DIGITS: Final = 19

References = Callable[[], Awaitable[Collection[str] | None]]


def start_of(request: Request, after: After = 0) -> int:
    """Return the position to go on from: ``Last-Event-ID`` of a lost stream, else ``after``.

    Raises FieldsInvalid for an id that no stream gave.
    """
    last = request.headers.get(HEADER)
    if not last:
        return after
    if not (last.isascii() and last.isdigit() and len(last) < _DIGITS):
        raise FieldsInvalid("Last-Event-ID is not an id of this stream")
    return int(last)


Start = Annotated[int, Depends(start_of)]


@router.get("/events/stream", response_class=EventSourceResponse)
async def own_stream(
    services: Services, acting: Reads, start: Start
) -> AsyncIterator[ServerSentEvent]:
    """Follow what happens to the caller's cases.

    ``id`` is the event's position, ``event`` its type. Connect again with ``Last-Event-ID`` (or
    ``after``): nothing is skipped. A stream ends after five minutes; comments keep it open.
    """

    async def mine() -> Collection[str]:
        return await services.cases.ids_of(acting.sub)

    async for event in follow(services, start, mine):
        yield event


@router.get("/staff/events/stream", response_class=EventSourceResponse, dependencies=WATCHERS)
async def whole_stream(services: Services, start: Start) -> AsyncIterator[ServerSentEvent]:
    """Follow every event, for operations and audit; otherwise as the applicant's stream."""

    async def everything() -> None:
        return None

    async for event in follow(services, start, everything):
        yield event


async def follow(
    services: Container, position: int, references: References, topic: str | None = None
) -> AsyncIterator[ServerSentEvent]:
    """Yield events behind a position, of what ``references`` names and of one topic if given."""
    feed, ends = services.feed, services.clock.monotonic() + STREAM_SECONDS
    async with feed.subscribed() as subscription:
        yield ServerSentEvent(retry=_RETRY_MS)
        while services.clock.monotonic() < ends and not feed.closed:
            try:
                rows = await services.events.read_after(position, _PAGE, await references(), topic)
            except TROUBLE as exc:
                # A stream outlives a busy database: what it could not read, it reads later.
                _log.warning("stream_not_readable", reason=type(exc).__name__)
                yield ServerSentEvent(comment="busy")
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            for row in rows:
                position = row.position or position
                view = EventView.of(row)
                yield ServerSentEvent(data=view, event=row.topic, id=str(position))
            if len(rows) < _PAGE and not await subscription.wait(feed.pace.heartbeat):
                yield ServerSentEvent(comment="still here")
