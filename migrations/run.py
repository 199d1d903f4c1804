"""Brings a database to the newest revision, or tells how far away it is; from any directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.tables import metadata
from kernel.db.engine import Database

_LOCK: Final = 0x6F6E6577  # "onew"
_LOCK_TIMEOUT: Final = timedelta(seconds=5)
_STATEMENT_TIMEOUT: Final = timedelta(minutes=10)


def config(connection: Connection | None = None, *, prefix: str = "") -> Config:
    """Return Alembic's configuration; it needs no file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    made.attributes["connection"] = connection
    made.attributes["prefix"] = prefix
    return made


@asynccontextmanager
async def _exclusive(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a connection that migrates alone; a second process waits and then finds nothing to do.

    A revision that waits longer than five seconds for a table's lock fails instead of making every
    request wait behind it.
    """
    database = Database(
        url,
        pool_size=1,
        lock_timeout=timedelta(0),
        statement_timeout=timedelta(0),
        application_name="onewindow migration",
    )
    try:
        async with database.write.connect() as connection:
            if database.dialect == "sqlite":
                # One transaction round all revisions: BEGIN IMMEDIATE keeps the others out.
                async with connection.begin():
                    yield connection
                return
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            for name, limit in (("lock", _LOCK_TIMEOUT), ("statement", _STATEMENT_TIMEOUT)):
                milliseconds = int(limit.total_seconds() * 1000)
                await connection.execute(text(f"SET {name}_timeout = {milliseconds}"))
            await connection.commit()
            # The advisory lock belongs to the session, which ends with this engine.
            yield connection
    finally:
        await database.dispose()


async def _run(url: str, act: Callable[[Config], None]) -> None:
    async with _exclusive(url) as connection:
        await connection.run_sync(lambda sync: act(config(sync)))


async def upgrade(url: str, revision: str = "head") -> None:
    """Apply the revisions up to ``revision``; several processes may do so at the same time."""
    await _run(url, lambda made: command.upgrade(made, revision))


async def downgrade(url: str, revision: str = "-1") -> None:
    """Take revisions back down to ``revision``; for development and tests."""
    await _run(url, lambda made: command.downgrade(made, revision))


def head() -> str:
    """Return the newest revision of this installation. Raises when the history has branches."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        msg = "no revisions in this installation"
        raise RuntimeError(msg)
    return found


async def current(url: str) -> str | None:
    """Return the revision that the database is at; None for an empty one."""

    def read(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    database = Database(url, pool_size=1)
    try:
        async with database.read.connect() as connection:
            return await connection.run_sync(read)
    finally:
        await database.dispose()


async def check(url: str) -> list[str]:
    """Return every difference between the database and the tables that the program wants."""

    def compare(connection: Connection) -> list[str]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [repr(difference) for difference in compare_metadata(context, metadata)]
        if (revision := context.get_current_revision()) != head():
            found.insert(0, f"at revision {revision}, newest is {head()}")
        return found

    database = Database(url, pool_size=1)
    try:
        async with database.read.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await database.dispose()
