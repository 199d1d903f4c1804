"""What a provider tells the kit about examining itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """The layers of a connection, from the ground up; a fault is at the lowest one that fails."""

    SETTINGS = "settings"
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    CLOCK = "clock"
    AUTHENTICATION = "authentication"
    PROTOCOL = "protocol"
    BUSINESS = "business"


@dataclass(frozen=True)
class Check:
    """One step of a provider's self-check; a provider offers them by ``checks() ->
    Sequence[Check]``.

    ``run`` returns when all is well and raises an UpstreamError when not; it has no
    effect over there and uses no
    citizen's data. ``operation`` is the manifest's operation that it calls: the
    capability probe runs the checks
    whose operation is declared with ``probe = true``.
    """

    name: str
    layer: Layer
    run: Callable[[], Awaitable[None]]
    operation: str = ""
