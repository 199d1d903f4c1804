"""A fresh finance system and a fresh gateway for every drill; the other systems are only named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from adapters.kit.conformance.world import free_port
from adapters.kit.registry import Registry
from adapters.sandbox.place import Onboarding, Place
from adapters.sandbox.runner import started
from adapters.sandbox.server import http_server, listening
from gateway.bootstrap import Province, build, onboard, province_of, trust_file
from gateway.catalog import seed
from gateway.main import create_app
from gateway.settings import SandboxSettings
from gateway.worker.steps import register
from kernel.clock import SystemClock
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import TaskEngine
from kernel.ids import RandomIds
from payments import PaymentOptions
from tests.api.installation import TravelClock, settings_for
from tests.api.logbook import Logbook
from tests.api.town import HOST, Town
from tests.api.world import PERSONAL, World

OTHERS = ("sd_jis", "sd_certshare", "sd_seal", "cnnontax_tcp")


@dataclass(frozen=True)
class Others:
    """The systems that no drill of payments speaks to: known, and not running."""

    folder: Path
    places: tuple[Place, ...]
    given: Mapping[str, Onboarding]
    trust_anchors: Path | None


def others(folder: Path) -> Others:
    """Provision them."""
    ports = dict.fromkeys((*OTHERS, "cnnontax_tcp.tcp"), 1)
    sandbox = SandboxSettings(folder=folder, host=HOST, ports=ports)
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
            Province((*(one for one in rest.places if one.name != name), place)),
            {**rest.given, name: running.onboarding},
            rest.trust_anchors,
            gateway_port,
            push_port,
            count(1),
        )


@asynccontextmanager
async def opened_over_http(town: Town, url: str, book: Logbook) -> AsyncIterator[World]:
    """Open a gateway that is pushed to over HTTP, and serve it for real."""
    clock = TravelClock()
    ids = RandomIds(clock)
    usual = settings_for(town, url)
    chosen = usual.model_copy(update={"payments": PaymentOptions(upstream="cnnontax_http")})
    container = build(chosen, clock=clock, ids=ids, process="test")
    assert container.listen is None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.close)
        await container.catalog.take_in(seed.bundled())
        registry = TaskRegistry()
        register(registry, container)
        engine = TaskEngine(container.works, registry, chance=lambda: 1.0)
        app = create_app(container)
        sock = listening(HOST, town.gateway_port, "gateway")
        await stack.enter_async_context(http_server(app, sock))
        world = World(town, container, clock, ids, app, engine, book)
        await stack.enter_async_context(world.http)
        yield world
    book.require_clean(PERSONAL | world.secrets)
