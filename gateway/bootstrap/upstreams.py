"""Connects the upstreams that the settings name, and examines them for people and for health."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from adapters.kit.checks import Examination, Finding, check_folder, examine, probe
from adapters.kit.registry import BadConnection, Connected, Registry
from adapters.kit.scaffold import new_adapter
from adapters.kit.telemetry import Telemetry
from gateway.settings import AdapterSettings, BadSettings
from kernel.clock import Clock
from kernel.ids import IdSource

OnPush = Callable[[bytes], Awaitable[bytes]]
OnRefused = Callable[[bytes, str], Awaitable[None]]


@dataclass(frozen=True)
class ConnectedUpstream:
    """A connected upstream as the rest of the house may see it (``container.Upstream``)."""

    connected: Connected
    clock: Clock

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.connected.manifest.name

    @property
    def title(self) -> str:
        """Return the Chinese title."""
        return self.connected.manifest.title.zh

    @property
    def port(self) -> str:
        """Return the port that it serves."""
        return str(self.connected.manifest.port)

    async def probe(self) -> Mapping[str, Any]:
        """Run the capability probe."""
        found = await probe(self.connected, self.clock)
        return {
            "status": "ok" if found.ok else "down",
            "layer": "" if found.fault is None else str(found.fault),
            "elapsed_ms": sum(result.milliseconds for result in found.results),
        }

    def breakers(self) -> Mapping[str, str]:
        """Return the breaker's state of every operation."""
        return {name: str(state) for name, state in self.connected.breakers.items()}


def connect_all(
    adapters: Mapping[str, AdapterSettings], *, clock: Clock, ids: IdSource, telemetry: Telemetry
) -> dict[str, Connected]:
    """Return the connected upstreams by name. Raises BadSettings in one sentence."""
    registry = Registry.discover()
    try:
        return {
            name: registry.connect(
                name,
                adapter.options,
                {key: value.get_secret_value() for key, value in adapter.secrets.items()},
                clock=clock,
                ids=ids,
                telemetry=telemetry,
                mark_operations=adapter.sandbox,
            )
            for name, adapter in adapters.items()
        }
    except BadConnection as exc:
        raise BadSettings(f"adapters: {exc}") from exc


def of_port(connected: Mapping[str, Connected], port: str) -> dict[str, Any]:
    """Return the providers of one port by name."""
    return {name: one.provider for name, one in connected.items() if one.manifest.port == port}


def listener_of(
    connected: Connected, on_push: OnPush, on_refused: OnRefused
) -> Callable[[], Awaitable[Any]] | None:
    """Return how to start listening for what this upstream pushes; None when it pushes nothing."""
    package = type(connected.provider).__module__.rpartition(".")[0]
    name = f"{package}.listener"
    if not connected.manifest.callbacks or importlib.util.find_spec(name) is None:
        return None
    listener = importlib.import_module(name).PushListener(on_push, on_refused=on_refused)
    options: Any = connected.options

    async def listen() -> Any:
        await listener.start(options.listen_host, options.listen_port)
        return listener

    return listen


class AdapterDesk:
    """What the command line does with adapters: list, check, examine, scaffold."""

    def __init__(self, *, clock: Clock, ids: IdSource) -> None:
        self._registry = Registry.discover()
        self._clock = clock
        self._ids = ids

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return name, port, level and title of every upstream folder."""
        manifests = [self._registry.manifest(name) for name in self._registry.names()]
        return [(m.name, str(m.port), str(m.level), m.title.zh) for m in manifests]

    def check(self, name: str) -> Sequence[Finding]:
        """Return the quality checks of a folder. Raises BadConnection for an unknown name."""
        found = self._registry.found(name)
        return check_folder(found.folder, found.package)

    async def examine(self, name: str, adapter: AdapterSettings) -> Examination:
        """Run the layered self-check of a connected upstream."""
        telemetry = Telemetry(CollectorRegistry(), self._clock)
        connected = connect_all(
            {name: adapter}, clock=self._clock, ids=self._ids, telemetry=telemetry
        )[name]
        try:
            return await examine(connected, self._clock)
        finally:
            await connected.close()

    @staticmethod
    def new(root: Path, name: str, port: str) -> list[Path]:
        """Create an adapter's folder from the templates and return its files."""
        return list(new_adapter(root, name, port))
