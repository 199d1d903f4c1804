"""The event stream (事件流): server-sent events that follow the feed without being asked again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gateway.api.callers import Citizen, Services
from gateway.api.problems import FieldsInvalid
from gateway.api.v1.events import WATCHERS, After
from gateway.api.v1.views import EventView
from gateway.container import Container
from gateway.events.feed import EventFeed

router = APIRouter(prefix="/v1", tags=["events 事件"])

HEADER: Final = "last-event-id"
STREAM_SECONDS: Final = 300.0
"""How long one stream lasts (OURS): then the caller connects again and shows its token again."""
HEARTBEAT_SECONDS: Final = 15.0
_PAGE: Final = 100
_RETRY_MS: Final = 1000
_DIGITS: Final = 19

References = Callable[[], Awaitable[Collection[str] | None]]


def feed_of(request: Request, services: Services) -> EventFeed:
    """Return the feed of this process, made when the first stream asks for it."""
    state = request.app.state
    found = getattr(state, "feed", None)
    if not isinstance(found, EventFeed):
        found = EventFeed(services.works, services.events)
        state.feed = found
    return found


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


Feed = Annotated[EventFeed, Depends(feed_of)]
Start = Annotated[int, Depends(start_of)]


@router.get("/events/stream", response_class=EventSourceResponse)
async def own_stream(
    services: Services, principal: Citizen, feed: Feed, start: Start
) -> AsyncIterator[ServerSentEvent]:
    """Follow what happens to the caller's cases.

    ``id`` is the event's position, ``event`` its type. Connect again with ``Last-Event-ID`` (or
    ``after``): nothing is skipped. A stream ends after five minutes; comments keep it open.
    """

    async def mine() -> Collection[str]:
        return await services.cases.ids_of(principal.sub)

    async for event in _follow(services, feed, start, mine):
        yield event


@router.get("/staff/events/stream", response_class=EventSourceResponse, dependencies=WATCHERS)
async def whole_stream(
    services: Services, feed: Feed, start: Start
) -> AsyncIterator[ServerSentEvent]:
    """Follow every event, for operations and audit; otherwise as the applicant's stream."""

    async def everything() -> None:
        return None

    async for event in _follow(services, feed, start, everything):
        yield event


async def _follow(
    services: Container, feed: EventFeed, position: int, references: References
) -> AsyncIterator[ServerSentEvent]:
    ends = services.clock.monotonic() + STREAM_SECONDS
    async with feed.subscribed() as subscription:
        yield ServerSentEvent(retry=_RETRY_MS)
        while services.clock.monotonic() < ends:
            rows = await services.events.read_after(position, _PAGE, await references())
            for row in rows:
                position = row.position or position
                view = EventView.of(row)
                yield ServerSentEvent(data=view, event=row.topic, id=str(position))
            if len(rows) < _PAGE and not await subscription.wait(HEARTBEAT_SECONDS):
                yield ServerSentEvent(comment="still here")
