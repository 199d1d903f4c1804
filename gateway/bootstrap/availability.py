"""Puts the availability engine together: what each adapter serves, and who tells of its calls."""

from __future__ import annotations

from datetime import timedelta

from adapters.kit.telemetry import CallRecord, Telemetry
from gateway.availability.engine import Availability
from gateway.availability.health import Limits
from gateway.availability.model import Source
from gateway.availability.repository import SqlAvailability
from gateway.availability.watch import Watch
from gateway.bootstrap.ground import Ground
from gateway.bootstrap.upstreams import ConnectedUpstream
from gateway.settings import Settings


def availability_of(ground: Ground, telemetry: Telemetry, process: str) -> Availability:
    """Return the engine, told of every call from now on."""
    settings = ground.settings.availability
    limits = Limits(
        rise=settings.good_answers,
        settle=timedelta(seconds=settings.settle_seconds),
        slow_ms=settings.slow_ms,
    )
    sources = sources_of(ground)
    watch = Watch(sources, limits)

    def hear(record: CallRecord) -> None:
        watch.heard(
            record.upstream,
            record.operation,
            record.outcome.value,
            record.milliseconds,
            record.at,
        )

    telemetry.subscribe(hear)
    return Availability(
        repository=SqlAvailability(),
        works=ground.works,
        clock=ground.clock,
        watch=watch,
        upstreams={
            one.adapter: ConnectedUpstream(ground.connected[one.adapter], ground.clock)
            for one in sources
        },
        process=process,
        every=settings.probe_seconds,
    )


def sources_of(ground: Ground) -> list[Source]:
    """Return which adapters serve which systems: where the settings name one, no other does."""
    named = _named(ground.settings)
    return [
        Source(name, port, one.manifest.region)
        for name, one in sorted(ground.connected.items())
        if named.get(port := str(one.manifest.port), name) == name
    ]


def _named(settings: Settings) -> dict[str, str]:
    return {"payments": settings.payments.upstream, "e_seal": settings.seal.upstream}
