"""The event feed (事件): everything that happened, by a cursor that never skips."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from gateway.api.assurance import Reads
from gateway.api.callers import Services, staff
from gateway.api.v1.views import EventPage, EventView
from identity import StaffRole

router = APIRouter(prefix="/v1", tags=["events 事件"])

_MOST: Final = 200
After = Annotated[int, Query(ge=0, le=2**62)]
Count = Annotated[int, Query(ge=1, le=_MOST)]
WATCHERS: Final = [Depends(staff(StaffRole.OPS, StaffRole.AUDITOR))]


@router.get("/events")
async def own_events(
    services: Services, acting: Reads, after: After = 0, limit: Count = _MOST
) -> EventPage:
    """Read what happened to the caller's cases; poll with ``after`` = the last ``next``."""
    mine = await services.cases.ids_of(acting.sub)
    events = await services.events.read_after(after, limit, references=mine)
    rows = [EventView.of(event) for event in events]
    return EventPage(rows=rows, next=rows[-1].position or after if rows else after)


@router.get("/staff/events", dependencies=WATCHERS)
async def all_events(services: Services, after: After = 0, limit: Count = _MOST) -> EventPage:
    """Read every event behind a position, for operations and audit."""
    events = await services.events.read_after(after, limit)
    rows = [EventView.of(event) for event in events]
    return EventPage(rows=rows, next=rows[-1].position or after if rows else after)
