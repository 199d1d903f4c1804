"""What every kind of test may ask for: a frozen clock, countable ids, fresh databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kernel.clock import FrozenClock
from kernel.db.engine import Database
from kernel.db.work import SqlWorks
from kernel.ids import SequentialIds
from tests.support.databases import PostgresDatabases, SqliteDatabases
from tests.support.postgres import Server, running_server

# Noon in Beijing: a test that shifts by hours stays on the same day in both zones.
START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BACKENDS = ("sqlite", "postgresql")


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """A clock that moves only when the test moves it."""
    return FrozenClock(START)


@pytest.fixture
def sequential_ids() -> SequentialIds:
    """Ids that a test can name."""
    return SequentialIds()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL server for this process's part of the session."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: Server) -> PostgresDatabases:
    """Copies of a database that was migrated once."""
    return PostgresDatabases(postgres_server)


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Copies of a file that was migrated once."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite_url(sqlite_databases: SqliteDatabases, tmp_path: Path) -> str:
    """A fresh, migrated SQLite file."""
    return sqlite_databases.fresh(tmp_path)


@pytest.fixture
def postgresql_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    with postgres_databases.fresh() as url:
        yield url


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=BACKENDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, once of each kind; for tests of the migrations themselves."""
    if request.param == "sqlite":
        yield SqliteDatabases.url(tmp_path / "empty.sqlite3")
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    with databases.empty() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The engines of a fresh database, closed after the test."""
    database = Database(database_url, pool_size=8, durable=False)
    yield database
    await database.dispose()


@pytest.fixture
def works(database: Database, frozen_clock: FrozenClock, sequential_ids: SequentialIds) -> SqlWorks:
    """Units of work on a fresh database."""
    return SqlWorks(database, frozen_clock, sequential_ids)
