"""Finds the folders of upstreams, and connects one: manifest, options, secrets, client and
provider together.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from adapters.kit.client import Addresses, Client
from adapters.kit.kit import Kit
from adapters.kit.manifest import MANIFEST_FILE, BadManifest, Manifest, faults_of, load
from adapters.kit.resilience import BreakerState
from adapters.kit.telemetry import Telemetry
from kernel.clock import Clock
from kernel.ids import IdSource

ENTRY_POINTS: Final = "onewindow.adapters"
"""Group of entry points by which other packages bring upstreams; the value is the package with
the manifest.
"""
_HOME: Final = "adapters.upstreams"


class BadConnection(ValueError):
    """Options or secrets that cannot be right; the text names the upstream and the field, never a
    value.
    """


@dataclass(frozen=True)
class Found:
    """One upstream that could be connected."""

    manifest: Manifest
    folder: Path
    package: str


@dataclass(frozen=True)
class Connected:
    """One upstream, ready for calls."""

    manifest: Manifest
    options: BaseModel
    kit: Kit
    provider: Any
    """Implements the port that the manifest names."""
    client: Client

    @property
    def breakers(self) -> Mapping[str, BreakerState]:
        """Return the state of every operation's breaker."""
        return self.client.breakers

    async def close(self) -> None:
        """Close the client's connections."""
        await self.client.aclose()


class Registry:
    """The upstreams that were found; a manifest alone starts nothing."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}

    @classmethod
    def discover(cls, root: Path | None = None) -> Registry:
        """Return a registry of this project's upstream folders and of those that installed
        packages bring.
        """
        registry = cls()
        registry.scan(root or Path(__file__).parents[1] / "upstreams")
        for point in entry_points(group=ENTRY_POINTS):
            registry.add_entry_point(point)
        return registry

    def scan(self, root: Path, package: str = _HOME) -> None:
        """Add every folder below ``root`` that has a manifest; raises BadManifest."""
        for path in sorted(root.glob(f"*/{MANIFEST_FILE}")):
            self.add(path, f"{package}.{path.parent.name}")

    def add_entry_point(self, point: EntryPoint) -> None:
        """Add an upstream from an installed package without importing it; raises BadManifest."""
        spec = importlib.util.find_spec(point.module)
        if spec is None or not spec.submodule_search_locations:
            raise BadManifest(
                f"entry point {point.name}: {point.module} is not an installed package"
            )
        self.add(Path(spec.submodule_search_locations[0]) / MANIFEST_FILE, point.module)

    def add(self, path: Path, package: str) -> None:
        """Add one manifest file; raises BadManifest when it is wrong or its name is taken."""
        manifest = load(path)
        if (known := self._found.get(manifest.name)) is not None:
            raise BadManifest(f"{path}: the name {manifest.name} is taken by {known.folder}")
        self._found[manifest.name] = Found(manifest, path.parent, package)

    def names(self) -> tuple[str, ...]:
        """Return the names of all upstreams, sorted."""
        return tuple(sorted(self._found))

    def found(self, name: str) -> Found:
        """Return one upstream; raises BadConnection for an unknown name."""
        try:
            return self._found[name]
        except KeyError:
            known = ", ".join(self.names()) or "none"
            raise BadConnection(f"there is no upstream called {name}; known are: {known}") from None

    def manifest(self, name: str) -> Manifest:
        """Return one upstream's manifest; raises BadConnection for an unknown name."""
        return self.found(name).manifest

    def simulator_of(self, name: str) -> ModuleType:
        """Import and return the simulator, a module with ``provision(place)`` and
        ``create(place)``.
        """
        found = self.found(name)
        return importlib.import_module(f"{found.package}.{found.manifest.simulator}")

    def options_model(self, name: str) -> type[BaseModel]:
        """Import and return the model of one upstream's options."""
        found = self.found(name)
        model = _attribute(found, found.manifest.options)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise BadManifest(f"{name}: {found.manifest.options} is not a pydantic model")
        return model

    def connect(
        self,
        name: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        clock: Clock,
        ids: IdSource,
        telemetry: Telemetry,
        mark_operations: bool = False,
    ) -> Connected:
        """Return one upstream ready for calls; nothing is sent yet.

        Raises BadConnection in one sentence for missing, unknown or wrong options and secrets.
        ``mark_operations``
        is for simulators, see adapters.kit.client.
        """
        found = self.found(name)
        manifest = found.manifest
        _require_secrets(manifest, secrets)
        chosen = self._options(name, options)
        client = Client(
            manifest,
            _addresses(manifest, chosen),
            clock=clock,
            ids=ids,
            telemetry=telemetry,
            mark_operations=mark_operations,
        )
        kit = Kit(
            manifest=manifest,
            client=client,
            secrets=dict(secrets),
            clock=clock,
            ids=ids,
            unknown=lambda field, code: telemetry.unknown(name, field, code),
        )
        provider = _attribute(found, manifest.entry)(chosen, kit)
        return Connected(manifest, chosen, kit, provider, client)

    def _options(self, name: str, options: Mapping[str, Any]) -> BaseModel:
        try:
            return self.options_model(name).model_validate(dict(options))
        except ValidationError as exc:
            raise BadConnection(f"options of {name}: {faults_of(exc)}") from None


def _attribute(found: Found, entry: str) -> Any:
    module, _, attribute = entry.partition(":")
    try:
        return getattr(importlib.import_module(f"{found.package}.{module}"), attribute)
    except AttributeError:
        raise BadManifest(f"{found.manifest.name}: {module} has no {attribute}") from None


def _require_secrets(manifest: Manifest, secrets: Mapping[str, str]) -> None:
    missing = sorted(name for name in manifest.secrets if not secrets.get(name))
    extra = sorted(set(secrets) - manifest.secrets)
    said = [f"missing: {', '.join(missing)}"] if missing else []
    said += [f"not in the manifest: {', '.join(extra)}"] if extra else []
    if said:
        raise BadConnection(f"secrets of {manifest.name}: {'; '.join(said)}")


def _addresses(manifest: Manifest, options: BaseModel) -> Addresses:
    values = {
        name: getattr(options, name, None)
        for name in ("base_url", "tcp_host", "tcp_port", "ca_pem")
    }
    needed = ("base_url",) if manifest.transport == "http" else ("tcp_host", "tcp_port")
    for name in needed:
        if not values[name]:
            raise BadConnection(
                f"options of {manifest.name}: {name} is needed by transport {manifest.transport}"
            )
    # base_url may be pydantic's own URL type
    values["base_url"] = str(values["base_url"]) if values["base_url"] else None
    return Addresses(**values)
