"""A gateway that a browser can reach, and the browser; it must be there in continuous integration.

Where it cannot be had otherwise, the tests are left out with the reason, as in tests/peers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from tests.api.conftest import book, citizen, running, town, world
from tests.api.town import HOST
from tests.api.world import World
from tests.browser import chromium
from tests.browser.chromium import Page
from tests.peers.conftest import find

__all__ = ["book", "citizen", "running", "town", "world"]


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """Serve the gateway on the socket where the town expects it; yield its address."""
    server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, lifespan="off"))
    # Whoever comes before the server is ready waits in the socket's queue.
    with socket.create_server((HOST, world.town.gateway_port)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield world.town.gateway_url
        finally:
            server.should_exit = server.force_exit = True
            await task


@pytest.fixture
async def site(world: World) -> AsyncIterator[str]:
    """The address of the gateway."""
    async with served(world) as url:
        yield url


@pytest.fixture
def program() -> str:
    """The browser."""
    return find("chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture
async def page(program: str, site: str, tmp_path: Path) -> AsyncIterator[Page]:
    """A tab; whatever a test does with it, it asks nobody but the gateway and has no faults."""
    async with chromium.running(program, tmp_path) as page:
        await page.window(1366, 768)
        yield page
        assert [url for url in page.requests if not url.startswith((site, "blob:", "about:"))] == []
        assert page.faults == []


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder for the files of the person before the browser."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
