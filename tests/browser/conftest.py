"""A gateway that a browser can reach, and the browser; it must be there in continuous integration.

Where it cannot be had otherwise, the tests are left out with the reason, as in tests/peers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.conftest import book, citizen, running, town, world
from tests.api.served import served
from tests.api.world import World
from tests.browser import chromium
from tests.browser.chromium import Page
from tests.peers.conftest import find

__all__ = ["book", "citizen", "running", "town", "world"]


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
