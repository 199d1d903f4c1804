"""Availability for operations (运维): health, planned maintenance, stand-ins laid down, history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services, staff
from gateway.api.noted import note
from gateway.api.once import Answer, once
from gateway.api.problems import FieldsInvalid
from gateway.api.v1.availability import PlannedView
from gateway.api.v1.shapes import shown
from gateway.api.v1.staff_payments import actor
from gateway.availability.model import OPEN, Need, Override, StandIn, Window
from gateway.availability.rules import open_share
from identity import StaffMember, StaffRole
from kernel.errors import NotFound, Text

router = APIRouter(prefix="/v1/staff/availability", tags=["availability 网上可办状态"])

Ops = Annotated[StaffMember, Depends(staff(StaffRole.OPS))]
System = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{1,63}$")]
_LONGEST: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)


class MaintenanceNotFound(NotFound):
    """There is no such maintenance, or it is over."""

    code = "maintenance_not_found"
    title = Text("没有这项维护计划", "No such maintenance")


class HealthView(BaseModel):
    """The verdict on one operation of an adapter."""

    adapter: str
    system: str
    operation: str
    region: str
    health: str
    since: str | None
    evidence: list[str]


class MaintenanceView(PlannedView):
    """A planned maintenance."""

    window_id: str
    announced_by: str

    @classmethod
    def of(cls, window: Window) -> MaintenanceView:
        return cls(
            window_id=window.window_id,
            system=window.system,
            starts_at=window.starts_at.isoformat(),
            ends_at=window.ends_at.isoformat(),
            reason=window.reason,
            announced_by=window.announced_by,
        )


class Cancelled(BaseModel):
    """A maintenance that will not be."""

    window_id: str
    cancelled: bool = True


class OverrideView(BaseModel):
    """How much an item depends on a system, as laid down."""

    item_code: str
    system: str
    need: str
    stand_in: str
    legal_basis: str


class IntervalView(BaseModel):
    """One span of a profile's history."""

    status: str
    open: bool
    began_at: str | None
    ended_at: str | None
    systems: list[str]


class HistoryView(BaseModel):
    """A profile's history in a span; ``open_seconds`` of ``seconds`` it took applications."""

    profile: str
    seconds: int
    open_seconds: int
    intervals: list[IntervalView]


class Maintenance(Posted):
    """Announce a maintenance of a system (identity, e_license, e_seal, payments) or adapter."""

    system: System
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: Annotated[str, Field(min_length=4, max_length=500)]


class LaidDown(Posted):
    """Lay down how much an item, or all items of a basic code, depend on a system."""

    item_code: Annotated[str, Field(pattern="^([0-9A-Z]{31}|[0-9A-Z]{12})$")]
    system: System
    need: Need
    stand_in: StandIn
    legal_basis: Annotated[str, Field(min_length=4, max_length=500)]


@router.get("/health")
async def health(services: Services, _member: Ops) -> list[HealthView]:
    """Show what is known of every operation of every adapter."""
    await services.availability.look()
    watch = services.availability.watch
    return [
        HealthView(
            adapter=adapter,
            system=watch.sources[adapter].system,
            operation=operation,
            region=watch.sources[adapter].region,
            health=verdict.health.value,
            since=shown(verdict.since),
            evidence=list(verdict.evidence),
        )
        for (adapter, operation), verdict in watch.rows()
    ]


@router.get("/maintenance")
async def planned(services: Services, _member: Ops) -> list[MaintenanceView]:
    """List maintenance that lasts or is to come."""
    await services.availability.look()
    return [MaintenanceView.of(one) for one in services.availability.windows]


@router.post("/maintenance", response_model=MaintenanceView, status_code=201)
async def announce(
    request: Request,
    services: Services,
    member: Ops,
    body: Annotated[Maintenance, Depends(JsonBody(Maintenance))],
) -> Response:
    """Announce a maintenance; items show it three days ahead and are closed while it lasts."""
    now = services.clock.now()
    names = {
        name
        for one in services.availability.watch.sources.values()
        for name in (one.adapter, one.system)
    }
    if body.system not in names:
        raise FieldsInvalid("no connected adapter serves this system", systems=sorted(names))
    if not now < body.ends_at or not timedelta() < body.ends_at - body.starts_at <= _LONGEST:
        raise FieldsInvalid("the end must be ahead, after the start, and within seven days of it")
    window = Window(
        services.ids.new("mnt"),
        body.system,
        body.starts_at.astimezone(UTC),
        body.ends_at.astimezone(UTC),
        body.reason,
        actor(member),
        now,
    )

    async def act() -> Answer:
        async with services.works.begin() as work:
            await services.availability.announce(work, window)
            await note(
                services,
                work,
                member,
                "maintenance.announce",
                about=("maintenance", window.window_id),
            )
        return Answer(MaintenanceView.of(window), 201)

    return await once(request, services, actor(member), act)


@router.post("/maintenance/{window_id}/cancel", response_model=Cancelled)
async def cancel(request: Request, services: Services, member: Ops, window_id: str) -> Response:
    """Cancel a maintenance that is not over."""

    async def act() -> Answer:
        async with services.works.begin() as work:
            if not await services.availability.call_off(work, window_id):
                raise MaintenanceNotFound
            await note(
                services, work, member, "maintenance.cancel", about=("maintenance", window_id)
            )
        return Answer(Cancelled(window_id=window_id))

    return await once(request, services, actor(member), act)


@router.put("/overrides", response_model=OverrideView)
async def lay_down(
    request: Request,
    services: Services,
    member: Ops,
    body: Annotated[LaidDown, Depends(JsonBody(LaidDown))],
) -> Response:
    """Lay down a stand-in (替代办理) with its legal basis instead of what is derived."""
    override = Override(body.item_code, body.system, body.need, body.stand_in, body.legal_basis)

    async def act() -> Answer:
        async with services.works.begin() as work:
            await services.availability.lay_down(work, override, actor(member))
            await note(
                services, work, member, "availability.override", about=("item", body.item_code)
            )
        return Answer(OverrideView(**body.model_dump(mode="json")))

    return await once(request, services, actor(member), act)


@router.get("/profiles/{profile}/history")
async def history(
    services: Services,
    _member: Ops,
    profile: Annotated[str, Path(pattern="^[0-9a-f]{16}$")],
    start: Annotated[datetime | None, Query()] = None,
    end: Annotated[datetime | None, Query()] = None,
) -> HistoryView:
    """Show a profile's intervals in a span, by default the last day, and how long it was open."""
    until = end or services.clock.now()
    since = start or until - _DAY
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise FieldsInvalid("start must be before end, both with a time zone")
    found = await services.availability.history(profile, since, until)
    return HistoryView(
        profile=profile,
        seconds=int((until - since).total_seconds()),
        open_seconds=int(open_share(found, since, until).total_seconds()),
        intervals=[
            IntervalView(
                status=one.status.value,
                open=one.status in OPEN,
                began_at=shown(one.began_at),
                ended_at=shown(one.ended_at),
                systems=sorted({str(reason["system"]) for reason in one.reasons}),
            )
            for one in found
        ],
    )
