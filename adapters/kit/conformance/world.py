"""A small world for one adapter: its simulator on loopback ports, the adapter connected
to it, and both callbacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.kit.client import Browser, visitor
from adapters.kit.manifest import Manifest
from adapters.kit.registry import Connected, Registry
from adapters.kit.telemetry import CallRecord, Telemetry
from adapters.sandbox.place import Onboarding, Place, TcpHandler
from adapters.sandbox.runner import started
from adapters.sandbox.server import http_server, listening, tcp_server
from kernel.clock import Clock, SystemClock
from kernel.ids import IdSource, RandomIds

HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Received:
    """One HTTP request that the simulator sent to the gateway's address (回调)."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


Answering = Callable[[Received], Awaitable[Response]]


@dataclass(frozen=True)
class FaultControl:
    """Turns the simulator's fault knobs over its own HTTP side."""

    http: Browser

    async def set(
        self, action: str, *, operation: str = "", times: int = 1, delay_ms: int | None = None
    ) -> None:
        """Disturb the next ``times`` messages of an operation, or of all; 0 for ever."""
        rule: dict[str, Any] = {"action": action, "operation": operation, "times": times}
        if delay_ms is not None:
            rule["delay_ms"] = delay_ms
        (await self.http.post("/sim/faults", json=rule)).raise_for_status()

    async def used(self) -> int:
        """Return how many messages have been disturbed since the last ``clear``."""
        answer = (await self.http.get("/sim/faults")).raise_for_status()
        return sum(rule["used"] for rule in answer.json())

    async def clear(self) -> None:
        """Disturb nothing any more."""
        (await self.http.delete("/sim/faults")).raise_for_status()


async def _accepted(_received: Received) -> Response:
    return Response(status_code=200)


@dataclass
class World:
    """What a check or a drill may use."""

    name: str
    registry: Registry
    place: Place
    onboarding: Onboarding
    clock: Clock
    ids: IdSource
    telemetry: Telemetry
    browser: Browser
    """A citizen's browser at the simulator's address: keeps cookies, follows no redirects."""
    faults: FaultControl
    connected: Connected
    calls: list[CallRecord] = field(default_factory=list)
    """Every attempt so far, in order."""
    inbox: list[Received] = field(default_factory=list)
    """Every callback that came to ``place.gateway_url``."""
    answer: Answering = _accepted
    """Answers callbacks; may be replaced."""
    pushed: list[bytes] = field(default_factory=list)
    """What came to the push port, while ``on_push`` is the one that only listens."""
    on_push: TcpHandler | None = None
    """Handles a connection to the push port; may be replaced."""
    notes: dict[str, Any] = field(default_factory=dict)
    """For drills: what ``call`` leaves for ``effects``, by key."""
    _old: list[Connected] = field(default_factory=list)

    @property
    def provider(self) -> Any:
        """Return the implementation of the port."""
        return self.connected.provider

    @property
    def manifest(self) -> Manifest:
        """Return the upstream's manifest."""
        return self.connected.manifest

    def can(self, capability: str) -> bool:
        """Return whether the manifest declares a capability."""
        return capability in self.manifest.capabilities

    def reconnect(self, **options: Any) -> Connected:
        """Connect anew, as after a restart of the gateway: no tokens, closed breakers,
        other options if given.
        """
        self._old.append(self.connected)
        self.connected = _connect(self, {**self.onboarding.options, **options})
        return self.connected

    def reconnect_to_nowhere(self) -> None:
        """Connect to ports where nothing listens."""
        dead = free_port()
        changed: dict[str, Any] = {}
        for name, value in self.onboarding.options.items():
            if name == "base_url":
                changed[name] = str(value).replace(f":{self.place.http_port}", f":{dead}")
            elif name == "tcp_port":
                changed[name] = dead
        self.reconnect(**changed)

    async def close(self) -> None:
        """Close every connection that was made."""
        for connected in (*self._old, self.connected):
            await connected.close()


def _connect(world: World, options: Mapping[str, Any]) -> Connected:
    return world.registry.connect(
        world.name,
        options,
        world.onboarding.secrets,
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
        mark_operations=True,
    )


def free_port() -> int:
    """Return a loopback port where nothing listens now."""
    sock = listening(HOST, 0, "a free port")
    port: int = sock.getsockname()[1]
    sock.close()
    return port


@asynccontextmanager
async def running(
    name: str,
    folder: Path,
    *,
    registry: Registry | None = None,
    clock: Clock | None = None,
    ids: IdSource | None = None,
) -> AsyncIterator[World]:
    """Start an upstream's simulator in ``folder`` and yield the world with its adapter connected.

    The simulator finds the gateway at ``place.gateway_url`` and ``place.push_port``,
    where the world listens.
    """
    known = registry or Registry.discover()
    clock = clock or SystemClock()
    gateway, push = listening(HOST, 0, "gateway"), listening(HOST, 0, "push")
    place = Place(
        name=name,
        folder=folder / name,
        host=HOST,
        http_port=free_port(),
        tcp_port=free_port(),
        gateway_url=f"http://{HOST}:{gateway.getsockname()[1]}",
        push_host=HOST,
        push_port=push.getsockname()[1],
        clock=clock,
    )
    holder: list[World] = []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(http_server(_Gateway(holder), gateway))
        await stack.enter_async_context(tcp_server(_push_handler(holder), push))
        simulator = await stack.enter_async_context(started(place, known.simulator_of(name)))
        browser = await stack.enter_async_context(visitor(place.url))
        ids = ids or RandomIds(clock)
        telemetry = Telemetry(CollectorRegistry(), clock)
        connected = known.connect(
            name,
            simulator.onboarding.options,
            simulator.onboarding.secrets,
            clock=clock,
            ids=ids,
            telemetry=telemetry,
            mark_operations=True,
        )
        world = World(
            name=name,
            registry=known,
            place=place,
            onboarding=simulator.onboarding,
            clock=clock,
            ids=ids,
            telemetry=telemetry,
            browser=browser,
            faults=FaultControl(browser),
            connected=connected,
        )
        telemetry.subscribe(world.calls.append)
        stack.push_async_callback(world.close)
        holder.append(world)
        yield world


@dataclass(frozen=True)
class _Gateway:
    """Stands where the gateway would: takes callbacks."""

    holder: list[World]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _no_lifespan(receive, send)
            return
        request = Request(scope, receive)
        received = Received(
            request.method,
            request.url.path,
            request.url.query,
            dict(request.headers),
            await request.body(),
        )
        world = self.holder[0]
        world.inbox.append(received)
        await (await world.answer(received))(scope, receive, send)


async def _no_lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return


def _push_handler(holder: list[World]) -> TcpHandler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        world = holder[0]
        if world.on_push is not None:
            await world.on_push(reader, writer)
        else:
            world.pushed.append(await reader.read())

    return handle
