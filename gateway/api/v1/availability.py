"""What can be done online now (网上可办状态): one item, many, a region, a stream, a picture."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.hot import CACHE
from gateway.api.limiter import TooManyRequests
from gateway.api.v1.event_stream import HEADER, follow, start_of
from gateway.api.v1.shapes import Named
from gateway.availability.badge import badge as drawn
from gateway.availability.engine import CHANGED
from gateway.catalog.service import ItemNotFound
from gateway.container import Container
from kernel import divisions

router = APIRouter(prefix="/v1", tags=["availability 网上可办状态"])
badges = APIRouter(tags=["availability 网上可办状态"])

MOST: Final = 200
STREAMS: Final = 500
"""How many streams one process keeps open (OURS)."""
Code = Annotated[str, Field(min_length=1, max_length=50, pattern="^[0-9A-Za-z]+$")]


class WindowView(BaseModel):
    """Where one can go instead."""

    department: str
    address: str
    hours: str
    phone: str


class ReasonView(BaseModel):
    """What is wrong with a system that the item needs; ``health`` null: it is not connected."""

    system: str
    operation: str
    need: str
    health: str | None
    since: str | None
    expected_end: str | None
    text: Named


class PlannedView(BaseModel):
    """Maintenance that is announced or under way."""

    system: str
    starts_at: str
    ends_at: str
    reason: str


class AvailabilityView(BaseModel):
    """Whether an item can be applied for online now, and why not."""

    item_code: str
    window: WindowView
    profile: str = Field(description="Items of one profile stand alike; events name the profile")
    region: str
    declared_online: bool = Field(description="What the catalogue declares (网上可办)")
    since: str
    status: str
    title: Named
    reasons: list[ReasonView]
    what_you_can_do: Named
    what_happens_next: Named
    planned: list[PlannedView]


class AffectedView(BaseModel):
    """A profile with something to tell."""

    items: int
    profile: str
    region: str
    status: str
    since: str
    reasons: list[ReasonView]


class RegionView(BaseModel):
    """A region and what lies in it, in figures."""

    region: str
    items: int
    counts: dict[str, int]
    affected: list[AffectedView]


class BatchView(BaseModel):
    """The answers in the order of the codes, and the codes that are not known."""

    rows: list[AvailabilityView]
    unknown: list[str]


class Batch(Posted):
    """Which items."""

    codes: Annotated[list[Code], Field(min_length=1, max_length=MOST)]


async def _answer(services: Container, code: str) -> tuple[bytes, bytes]:
    snapshot = await services.availability.ready()
    found = snapshot.answer(code)
    if found is None:
        # It may have been taken in a moment ago: the catalogue decides whether there is one.
        await services.catalog.get(code)
        await services.availability.catch_up(code)
        found = services.availability.snapshot.answer(code)
    if found is None:
        raise ItemNotFound("no item has this code")
    return found


@router.get("/items/{item_code}/availability", response_model=AvailabilityView)
async def item(services: Services, request: Request, item_code: str) -> Response:
    """Say whether an item can be done online now, why not, and what can be done instead.

    Send the ETag back in ``If-None-Match``: an unchanged status is answered with 304.
    """
    body, etag = await _answer(services, item_code)
    headers = {"etag": etag.decode(), "cache-control": CACHE.decode()}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@router.post("/availability:batch", response_model=BatchView)
async def batch(services: Services, body: Annotated[Batch, Depends(JsonBody(Batch))]) -> Response:
    """Answer for up to 200 items at once; codes that are not known are listed apart."""
    snapshot = await services.availability.ready()
    found = [(code, snapshot.answer(code)) for code in dict.fromkeys(body.codes)]
    rows = b",".join(answer[0] for _, answer in found if answer is not None)
    unknown = json.dumps([code for code, answer in found if answer is None]).encode()
    content = b'{"rows":[' + rows + b'],"unknown":' + unknown + b"}"
    return Response(content, media_type="application/json")


@router.get("/regions/{region}/availability")
async def region(
    services: Services, region: Annotated[str, Path(pattern="^([0-9]{6}|[0-9]{12})$")]
) -> RegionView:
    """Count the items of a region and of what lies in it by status, with what is not fine."""
    top = divisions.find(region)
    snapshot = await services.availability.ready()
    inside = [one.code6 for one in divisions.divisions() if divisions.within(one.code6, top.code6)]
    summary: dict[str, Any] = snapshot.region(inside)
    return RegionView(region=top.code6, **summary)


async def _start(services: Services, request: Request) -> int:
    if services.feed.readers >= STREAMS:
        raise TooManyRequests("too many streams are open", retry_after=5)
    if HEADER in request.headers:
        return start_of(request)
    await services.events.seal()
    return await services.events.last_position()


@router.get("/availability/stream", response_class=EventSourceResponse)
async def stream(
    services: Services, start: Annotated[int, Depends(_start)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow every change of a profile's status from now on, or from ``Last-Event-ID``.

    Needs no token. A stream ends after five minutes; connect again with ``Last-Event-ID``.
    """

    async def everything() -> None:
        return None

    async for event in follow(services, start, everything, CHANGED):
        yield event


@badges.get("/badge/{item_code}.svg", response_class=Response)
async def badge(
    services: Services,
    item_code: Annotated[str, Path(max_length=50)],
    lang: Annotated[Literal["zh", "en"], Query()] = "zh",
) -> Response:
    """Return a small picture of an item's status to embed in a page; it holds no script."""
    await _answer(services, item_code)
    slot = services.availability.snapshot.items[item_code]
    picture = drawn(slot.entry.standing.status, chinese=lang == "zh")
    headers = {
        "cache-control": "public, max-age=30",
        "content-security-policy": "default-src 'none'",
    }
    return Response(picture, media_type="image/svg+xml", headers=headers)
