"""The event feed (事件): everything that happened, by a cursor that never skips."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request

from gateway.api.assurance import Permit
from gateway.api.callers import Services, citizen, staff
from gateway.api.partners import is_signed, signed
from gateway.api.v1.views import EventPage, EventView
from identity import Action, StaffRole
from kernel.db.events import References

router = APIRouter(prefix="/v1", tags=["events 事件"])

_MOST: Final = 200
After = Annotated[int, Query(ge=0, le=2**62)]
Count = Annotated[int, Query(ge=1, le=_MOST)]
WATCHERS: Final = [Depends(staff(StaffRole.OPS, StaffRole.AUDITOR))]


_signed = signed("event.read")
_reads = Permit(Action.READ)


async def own_references(request: Request, services: Services) -> References:
    """Return what the caller may read about: an applicant's cases, or those of a program.

    Raises Unauthenticated, InsufficientAuthentication, and what a wrong signature raises.
    """
    if is_signed(request):
        partner = await _signed(request, services)
        return services.client_cases.references(partner.client)
    acting = await _reads(services, await citizen(request, services))
    return await services.cases.ids_of(acting.sub)


Mine = Annotated[References, Depends(own_references)]


@router.get("/events")
async def own_events(
    services: Services, mine: Mine, after: After = 0, limit: Count = _MOST
) -> EventPage:
    """Read what happened to the caller's cases; poll with ``after`` = the last ``next``.

    An applicant shows its token. A program signs its request (scope ``event.read``): a portal sees
    the cases that were declared through it, a department's system those that were sent to its
    department; both within their regions.
    """
    events = await services.events.read_after(after, limit, references=mine)
    rows = [EventView.of(event) for event in events]
    return EventPage(rows=rows, next=rows[-1].position or after if rows else after)


@router.get("/staff/events", dependencies=WATCHERS)
async def all_events(services: Services, after: After = 0, limit: Count = _MOST) -> EventPage:
    """Read every event behind a position, for operations and audit."""
    events = await services.events.read_after(after, limit)
    rows = [EventView.of(event) for event in events]
    return EventPage(rows=rows, next=rows[-1].position or after if rows else after)
