"""The gateway in this process, in front of simulated systems on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.api.logbook import Logbook, kept
from tests.api.town import Town, running_town
from tests.api.world import Caller, World, opened


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The simulated province, once per session."""
    with running_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def town(running: Town) -> Iterator[Town]:
    """The province, undisturbed."""
    yield running
    running.calm()


@pytest.fixture
def book() -> Iterator[Logbook]:
    """Every log line of the test."""
    with kept() as book:
        yield book


@pytest.fixture
async def world(town: Town, sqlite_url: str, book: Logbook) -> AsyncIterator[World]:
    """A gateway on a fresh SQLite file."""
    async with opened(town, sqlite_url, book) as world:
        yield world


@pytest.fixture
async def any_world(town: Town, database_url: str, book: Logbook) -> AsyncIterator[World]:
    """A gateway on a fresh database, once of each kind."""
    async with opened(town, database_url, book) as world:
        yield world


@pytest.fixture
async def postgres_world(town: Town, postgresql_url: str, book: Logbook) -> AsyncIterator[World]:
    """A gateway on a fresh PostgreSQL database."""
    async with opened(town, postgresql_url, book) as world:
        yield world


@pytest.fixture
async def citizen(world: World) -> Caller:
    """An applicant who is signed in."""
    return await world.sign_in()
