"""The simulated province (仿真省): provisions its systems, and runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.kit.registry import Registry
from adapters.sandbox.place import Onboarding, Place
from adapters.sandbox.runner import PortTaken, run
from gateway.settings import BadSettings, SandboxSettings
from kernel.clock import Clock

NAMES: Final = ("sd_jis", "sd_certshare", "sd_seal", "cnnontax_tcp", "face")
"""The four systems of the demonstration, in the order of a case, and the second factor."""


@dataclass(frozen=True)
class Province:
    """Where the simulated systems live."""

    places: tuple[Place, ...]

    def place(self, name: str) -> Place:
        """Return one system's place."""
        return next(place for place in self.places if place.name == name)


def province_of(
    sandbox: SandboxSettings, *, gateway_url: str, push: tuple[str, int], clock: Clock
) -> Province:
    """Return the places of the simulators that the settings name."""
    places = [
        Place(
            name=name,
            folder=sandbox.folder / name,
            host=sandbox.host,
            http_port=sandbox.ports[name],
            tcp_port=sandbox.ports.get(f"{name}.tcp", 0),
            gateway_url=gateway_url,
            push_host=push[0],
            push_port=push[1],
            clock=clock,
        )
        for name in NAMES
        if name in sandbox.ports
    ]
    return Province(tuple(places))


def onboard(province: Province) -> Mapping[str, Onboarding]:
    """Let every simulated system hand over options and secrets; the same ones every time."""
    registry = Registry.discover()
    given: dict[str, Onboarding] = {}
    for place in province.places:
        place.folder.mkdir(parents=True, exist_ok=True)
        given[place.name] = registry.simulator_of(place.name).provision(place)
    return given


async def run_sandbox(province: Province, stop: asyncio.Event) -> None:
    """Run the simulators until ``stop``. Raises BadSettings naming a port that is taken."""
    try:
        await run(province.places, Registry.discover(), stop)
    except PortTaken as exc:
        raise BadSettings(str(exc)) from exc


def trust_file(folder: Path, given: Mapping[str, Onboarding]) -> Path | None:
    """Write the seal system's root certificates where the settings can name them."""
    seal = given.get("sd_seal")
    if seal is None:
        return None
    path = folder / "seal-trust-anchors.pem"
    path.write_text("".join(seal.options.get("trust_anchors_pem", ())), "ascii")
    return path
