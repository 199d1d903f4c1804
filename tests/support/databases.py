"""Fresh databases for tests: migrated once, then copied."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from migrations.run import upgrade
from tests.support.postgres import Server

TEMPLATE = "onewindow_template"


def migrate(url: str) -> None:
    """Bring a database to the newest revision, on a thread that has no event loop yet."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(upgrade(url))
        except BaseException as exc:  # noqa: BLE001 - carried over to the caller's thread
            failure.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


class PostgresDatabases:
    """Copies of one migrated database on a PostgreSQL server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count(1)
        server.psql(f"CREATE DATABASE {TEMPLATE}")
        migrate(server.url(TEMPLATE))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Yield the address of a migrated database that nobody else uses."""
        with self._made(f"TEMPLATE {TEMPLATE}") as url:
            yield url

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Yield the address of a database without tables."""
        with self._made("") as url:
            yield url

    @contextmanager
    def _made(self, how: str) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name} {how}")
        try:
            yield self._server.url(name)
        finally:
            # FORCE: what is open still belongs to a test that failed before it could close it.
            self._server.psql(f"DROP DATABASE {name} WITH (FORCE)")


class SqliteDatabases:
    """Copies of one migrated SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.sqlite3"
        migrate(self.url(self._template))

    @staticmethod
    def url(path: Path) -> str:
        """Return the SQLAlchemy address of a file."""
        return f"sqlite+aiosqlite:///{path}"

    def fresh(self, folder: Path) -> str:
        """Return the address of a migrated copy in ``folder``."""
        path = folder / "onewindow.sqlite3"
        shutil.copyfile(self._template, path)
        return self.url(path)
