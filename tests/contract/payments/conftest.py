"""A whole gateway in front of the simulated finance system, for drills of its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.api.logbook import kept
from tests.api.town import Town, running_town
from tests.api.world import opened
from tests.contract.payments.drill import SIMULATOR, Drill
from tests.contract.payments.street import Others, opened_over_http, others, running_finance


@pytest.fixture(scope="session")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Others:
    """The systems that no drill speaks to."""
    return others(tmp_path_factory.mktemp("others"))


@asynccontextmanager
async def drilled(rest: Others, folder: Path, url: str) -> AsyncIterator[Drill]:
    """Open a drill; whatever happens in it, the books are sound and the log is clean afterwards."""
    with kept() as book:
        async with (
            running_finance(rest, folder / "finance", SIMULATOR) as town,
            opened(town, url, book) as world,
            Drill.begun(world) as drill,
        ):
            yield drill
            await drill.require_sound()


@pytest.fixture
async def drill(rest: Others, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Drill]:
    """A gateway on a fresh SQLite file."""
    async with drilled(rest, tmp_path, sqlite_url) as drill:
        yield drill


@pytest.fixture
async def pg_drill(rest: Others, tmp_path: Path, postgresql_url: str) -> AsyncIterator[Drill]:
    """A gateway on a fresh PostgreSQL database."""
    async with drilled(rest, tmp_path, postgresql_url) as drill:
        yield drill


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The whole simulated province, for drills that people sign in to."""
    with running_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
async def town_drill(town: Town, sqlite_url: str) -> AsyncIterator[Drill]:
    """A gateway in front of the whole province."""
    with kept() as book:
        async with opened(town, sqlite_url, book) as world, Drill.begun(world) as drill:
            yield drill
            town.calm()
            await drill.require_sound()


@pytest.fixture
async def http_drill(rest: Others, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Drill]:
    """A gateway that a finance system speaks HTTP to, over real sockets in both directions."""
    name = "cnnontax_http"
    with kept() as book:
        async with (
            running_finance(rest, tmp_path / "finance", name) as town,
            opened_over_http(town, sqlite_url, book) as world,
            Drill.begun(world, name) as drill,
        ):
            yield drill
            await drill.require_sound()
