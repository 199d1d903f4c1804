"""Which process listens for pushed payments, as the settings say."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import Literal

import pytest

from gateway.container import Container
from gateway.worker.run import listening_for_pushes
from tests.api.world import World


def saying(world: World, pushes: Literal["worker", "serve", "none"]) -> Container:
    """The same installation with another setting; the world listens on its push port already."""
    settings = world.container.settings
    worker = settings.worker.model_copy(update={"pushes": pushes})
    return replace(world.container, settings=settings.model_copy(update={"worker": worker}))


async def starts(container: Container, process: str) -> bool:
    """Return whether such a process may start although another one listens."""
    try:
        async with listening_for_pushes(container, process):
            return True
    except OSError as exc:
        return exc.errno != errno.EADDRINUSE


async def test_only_the_chosen_process_needs_the_port(world: World):
    assert not await starts(saying(world, "worker"), "worker")
    assert await starts(saying(world, "worker"), "serve")
    assert not await starts(saying(world, "serve"), "serve")
    assert await starts(saying(world, "serve"), "worker")


@pytest.mark.parametrize("process", ["worker", "serve"])
async def test_with_none_nobody_listens(world: World, process: str):
    assert await starts(saying(world, "none"), process)
