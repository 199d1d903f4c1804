"""The adapter connected to its own simulator on loopback sockets, at a time that tests move."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import adapters.upstreams.sd_seal as package
from adapters.kit.conformance import World, running
from adapters.kit.registry import Registry
from kernel.clock import FrozenClock

FOLDER = Path(package.__path__[0])


@pytest.fixture
def registry() -> Registry:
    """Only this upstream."""
    registry = Registry()
    registry.add(FOLDER / "manifest.toml", package.__name__)
    return registry


@pytest.fixture
async def world(
    tmp_path: Path, registry: Registry, frozen_clock: FrozenClock
) -> AsyncIterator[World]:
    """The simulator under way and the adapter connected to it."""
    async with running("sd_seal", tmp_path, registry=registry, clock=frozen_clock) as made:
        yield made
