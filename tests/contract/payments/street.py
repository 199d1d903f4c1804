"""A fresh finance system and a fresh gateway for every drill; the other systems are only named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from adapters.kit.conformance.world import free_port
from adapters.kit.registry import Registry
from adapters.sandbox.place import Onboarding, Place
from adapters.sandbox.runner import started
from gateway.bootstrap import Province, onboard, province_of, trust_file
from gateway.settings import SandboxSettings
from kernel.clock import SystemClock
from tests.api.town import HOST, Town

OTHERS = ("sd_jis", "sd_certshare", "sd_seal")


@dataclass(frozen=True)
class Others:
    """The systems that no drill of payments speaks to: known, and not running."""

    folder: Path
    places: tuple[Place, ...]
    given: Mapping[str, Onboarding]
    trust_anchors: Path | None


def others(folder: Path) -> Others:
    """Provision them."""
    sandbox = SandboxSettings(folder=folder, host=HOST, ports=dict.fromkeys(OTHERS, 1))
    province = province_of(
        sandbox, gateway_url=f"http://{HOST}:1", push=(HOST, 1), clock=SystemClock()
    )
    given = onboard(province)
    return Others(folder, province.places, given, trust_file(folder, given))


@asynccontextmanager
async def running_finance(rest: Others, folder: Path, name: str) -> AsyncIterator[Town]:
    """Run one finance system on free ports while the block runs."""
    gateway_port, push_port = free_port(), free_port()
    place = Place(
        name=name,
        folder=folder,
        host=HOST,
        http_port=free_port(),
        tcp_port=free_port(),
        gateway_url=f"http://{HOST}:{gateway_port}",
        push_host=HOST,
        push_port=push_port,
        clock=SystemClock(),
    )
    async with started(place, Registry.discover().simulator_of(name)) as running:
        yield Town(
            folder,
            Province((*rest.places, place)),
            {**rest.given, name: running.onboarding},
            rest.trust_anchors,
            gateway_port,
            push_port,
            count(1),
        )
