"""One database, two engines: one that writes in transactions, one that only reads."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any, Final, Literal

from sqlalchemy import event, make_url
from sqlalchemy.engine import URL, Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util.concurrency import greenlet_spawn

_log = logging.getLogger(__name__)

DialectName = Literal["sqlite", "postgresql"]

_SQLITE_BUSY_MS: Final = 10_000
_DRIVERS: Final[dict[str, DialectName]] = {
    "sqlite+aiosqlite": "sqlite",
    "postgresql+asyncpg": "postgresql",
}


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _milliseconds(span: timedelta) -> str:
    return str(int(span.total_seconds() * 1000))


def dialect_of(url: URL) -> DialectName:
    """Return the database's name. Raises ValueError for a driver that was not tested here."""
    found = _DRIVERS.get(url.drivername)
    if found is None:
        msg = f"database driver {url.drivername!r}: use one of {sorted(_DRIVERS)}"
        raise ValueError(msg)
    if found == "sqlite" and url.database in (None, "", ":memory:"):
        msg = "SQLite needs a file: two engines and several processes share it"
        raise ValueError(msg)
    return found


class Database:
    """The engines of one database, PostgreSQL through asyncpg or an SQLite file through aiosqlite.

    ``write`` opens transactions; on SQLite it is a single connection that takes the write lock at
    once, because a lock taken late fails with "database is locked" however long one is ready to
    wait. ``read`` commits each statement by itself and is refused every write by the database.
    ``durable`` keeps SQLite's last commits through a power cut (PostgreSQL always does).
    ``lock_timeout`` and ``statement_timeout`` bound how long one statement waits and runs on
    PostgreSQL.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        pool_size: int = 20,
        read_pool_size: int | None = None,
        durable: bool = True,
        pool_timeout: timedelta = timedelta(seconds=15),
        statement_timeout: timedelta = timedelta(seconds=30),
        lock_timeout: timedelta = timedelta(seconds=5),
        application_name: str = "onewindow",
    ) -> None:
        self.url = make_url(url)
        self.dialect: DialectName = dialect_of(self.url)
        self._durable = durable
        self.kept: dict[bool, list[PoolProxiedConnection]] = {False: [], True: []}
        """Borrowed connections that ``point.Point`` keeps, those that write under True."""
        options: dict[str, Any] = {
            "json_serializer": _dumps,
            "hide_parameters": True,  # parameters are personal data as often as not
            "pool_timeout": pool_timeout.total_seconds(),
            "max_overflow": 0,
        }
        readers = read_pool_size or pool_size
        if self.dialect == "postgresql":
            settings = {
                "application_name": application_name,
                "statement_timeout": _milliseconds(statement_timeout),
                "lock_timeout": _milliseconds(lock_timeout),
                "idle_in_transaction_session_timeout": _milliseconds(2 * statement_timeout),
                "jit": "off",  # compiling costs more than any of our statements
            }
            options["pool_pre_ping"] = True
            self.write = create_async_engine(
                self.url,
                pool_size=pool_size,
                connect_args={"server_settings": settings},
                **options,
            )
            self.read = create_async_engine(
                self.url,
                pool_size=readers,
                isolation_level="AUTOCOMMIT",
                connect_args={
                    "server_settings": settings | {"default_transaction_read_only": "on"}
                },
                **options,
            )
        else:
            # None: the driver must not open transactions of its own, which would be deferred.
            options["connect_args"] = {"isolation_level": None}
            self.write = create_async_engine(self.url, pool_size=1, **options)
            self.read = create_async_engine(self.url, pool_size=min(readers, 8), **options)
            event.listen(self.write.sync_engine, "connect", self._sqlite_writer)
            event.listen(self.read.sync_engine, "connect", self._sqlite_reader)
            event.listen(self.write.sync_engine, "begin", _begin_immediate)

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r})"

    def _sqlite_writer(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        _pragmas(
            connection,
            f"busy_timeout={_SQLITE_BUSY_MS}",
            "journal_mode=wal",
            f"synchronous={'full' if self._durable else 'normal'}",
            "foreign_keys=on",
        )

    def _sqlite_reader(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        _pragmas(
            connection,
            f"busy_timeout={_SQLITE_BUSY_MS}",
            "query_only=on",
        )

    async def ping(self) -> None:
        """Ask the database for one row. Raises what the driver raises when it cannot answer."""
        async with self.read.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def reachable(self) -> bool:
        """Tell whether the database answers."""
        try:
            await self.ping()
        except (SQLAlchemyError, OSError, TimeoutError) as exc:
            _log.warning("database_unreachable", extra={"reason": type(exc).__name__})
            return False
        return True

    async def dispose(self) -> None:
        """Close every connection."""
        for kept in self.kept.values():
            while kept:
                await give_back(kept.pop())
        await self.write.dispose()
        await self.read.dispose()


async def give_back(raw: PoolProxiedConnection) -> None:
    """Return a borrowed connection to the pool that it came from."""
    await greenlet_spawn(raw.close)


def _pragmas(connection: DBAPIConnection, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_postgresql(connection: AsyncConnection) -> bool:
    """Tell whether this connection speaks to PostgreSQL."""
    return connection.dialect.name == "postgresql"
