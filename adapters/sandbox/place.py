"""Where a simulator lives and what it hands to those that connect to it."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from kernel.clock import Clock


@dataclass(frozen=True)
class Place:
    """The addresses and the folder of one simulated upstream (仿真上游)."""

    name: str
    """Name of the upstream folder, for example ``sd_jis``."""
    folder: Path
    """Its own writable folder; everything it remembers is there, so that a restart forgets
    nothing.
    """
    host: str
    http_port: int
    tcp_port: int
    gateway_url: str
    """Base address of the gateway, for browser redirects and HTTP callbacks."""
    push_host: str
    push_port: int
    """Where the gateway listens for pushed frames."""
    clock: Clock

    @property
    def url(self) -> str:
        """Return the base address of the simulator's HTTP side."""
        return f"http://{self.host}:{self.http_port}"


@dataclass(frozen=True)
class Onboarding:
    """What the province gives a system that connects (接入材料): options and secrets of the
    gateway's adapter.
    """

    options: Mapping[str, Any]
    """Fields of the adapter's ``Options`` model, among them addresses and public keys."""
    secrets: Mapping[str, str]
    """Values of the secrets that the manifest names."""


TcpHandler = Callable[[StreamReader, StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Simulator:
    """A running simulator's parts: an ASGI application, and a handler of TCP connections where
    its dialect has one.
    """

    app: ASGIApp
    tcp: TcpHandler | None = None
    close: Callable[[], Awaitable[None]] | None = None
    tasks: tuple[Callable[[], Awaitable[None]], ...] = field(default=())
    """Background loops (for example delayed pushes) that the runner starts and cancels."""


# A simulator module offers two functions:
# provision(place: Place) -> Onboarding    makes keys and accounts on the first call, returns the
# same ever after
#   create(place: Place) -> Simulator        builds the simulator from what provision() made
