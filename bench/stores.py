"""Databases that are prepared once and copied for every start, so that no round grows the next."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from tests.support.postgres import Server, running_server

_COPY: Final = "running"


class Store(Protocol):
    """One kind of database."""

    name: str

    def template(self, name: str) -> str:
        """Return the address of a new, empty database that will be copied."""
        ...

    def copy(self, name: str) -> str:
        """Return the address of a fresh copy of a template; the last copy is gone."""
        ...

    def pid(self) -> int:
        """Return the database's first process; 0 when it has none of its own."""
        ...

    def version(self) -> str:
        """Return the database's version."""
        ...


class SqliteStore:
    """SQLite files in one folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def template(self, name: str) -> str:
        return self._url(name)

    def copy(self, name: str) -> str:
        path = self._path(name)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        for leftover in self._folder.glob(f"{_COPY}.db*"):
            leftover.unlink()
        shutil.copyfile(path, self._path(_COPY))
        return self._url(_COPY)

    def pid(self) -> int:
        return 0

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def _url(self, name: str) -> str:
        return f"sqlite+aiosqlite:///{self._path(name)}"


class PostgresStore:
    """Databases of a PostgreSQL server that lives as long as the benchmark."""

    name = "postgresql"

    def __init__(self, server: Server) -> None:
        self._server = server

    def template(self, name: str) -> str:
        self._server.psql(f"CREATE DATABASE {name}")
        return self._server.url(name)

    def copy(self, name: str) -> str:
        self._server.psql(f"DROP DATABASE IF EXISTS {_COPY} WITH (FORCE)")
        self._server.psql(f"CREATE DATABASE {_COPY} TEMPLATE {name}")
        return self._server.url(_COPY)

    def pid(self) -> int:
        lock = next(self._server.socket.glob(".s.PGSQL.*.lock"))
        return int(lock.read_text("ascii").split()[0])

    def version(self) -> str:
        return f"PostgreSQL {self._server.psql('SHOW server_version')}"


@contextmanager
def stores(names: tuple[str, ...], folder: Path) -> Iterator[list[Store]]:
    """Open the databases of these names."""
    with ExitStack() as stack:
        found: list[Store] = []
        if SqliteStore.name in names:
            found.append(SqliteStore(folder))
        if PostgresStore.name in names:
            found.append(PostgresStore(stack.enter_context(running_server())))
        yield found
