"""Whether this process lives, may be sent work, and what it depends on (健康检查)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from gateway.api.callers import Services
from gateway.container import Container, Upstream

router = APIRouter(tags=["health 健康"])


class Live(BaseModel):
    """The process answers."""

    status: str = "ok"


class Dependency(BaseModel):
    """One thing this process depends on. Without a hard one it cannot work at all."""

    name: str
    title: str
    kind: str
    hard: bool
    status: str
    layer: str = ""
    """Layer at fault: settings, DNS, TCP, TLS, clock, authentication, protocol or business."""
    elapsed_ms: int | None = None
    breakers: dict[str, str] = {}


class Dependencies(BaseModel):
    """Everything this process depends on."""

    status: str
    dependencies: list[Dependency]


@router.get("/health/live")
async def live() -> Live:
    """Say that the process answers; asks nobody."""
    return Live()


@router.get("/health/ready")
async def ready(services: Services) -> Response:
    """Say whether requests may be sent here: only the database is hard."""
    database = await _database(services)
    up = database.status == "ok"
    return JSONResponse({"status": database.status}, 200 if up else 503)


@router.get("/health/startup")
async def startup(services: Services) -> Response:
    """Say whether the start is over: the database answers and has every migration."""
    return await ready(services)


@router.get("/health/dependencies")
async def dependencies(services: Services) -> Dependencies:
    """Ask every dependency with a real, harmless question, all at the same time."""
    database, *upstreams = await asyncio.gather(
        _database(services), *(_probe(upstream) for upstream in services.upstreams.values())
    )
    hard_down = database.status != "ok"
    soft_down = any(upstream.status != "ok" for upstream in upstreams)
    status = "down" if hard_down else "degraded" if soft_down else "ok"
    return Dependencies(status=status, dependencies=[database, *upstreams])


@router.get("/metrics", include_in_schema=False)
async def metrics(services: Services) -> Response:
    """Return this process's metrics for Prometheus."""
    return Response(generate_latest(services.metrics), media_type=CONTENT_TYPE_LATEST)


async def _database(services: Container) -> Dependency:
    started = services.clock.monotonic()
    status = "ok" if await services.database.reachable() else "down"
    elapsed = round((services.clock.monotonic() - started) * 1000)
    return Dependency(
        name="database",
        title="数据库",
        kind="database",
        hard=True,
        status=status,
        elapsed_ms=elapsed,
    )


async def _probe(upstream: Upstream) -> Dependency:
    found: dict[str, Any] = dict(await upstream.probe())
    return Dependency(
        name=upstream.name,
        title=upstream.title,
        kind=upstream.port,
        hard=False,
        status=str(found["status"]),
        layer=str(found.get("layer", "")),
        elapsed_ms=found.get("elapsed_ms"),
        breakers=dict(upstream.breakers()),
    )
