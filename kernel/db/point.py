"""One statement by key outside any unit of work, straight through the driver: the shortest way."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.selectable import Select

from kernel.db.engine import Database, give_back
from kernel.db.errors import DatabaseUnavailable
from kernel.db.work import raise_translated

_DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    sqlite3.Error,
    OSError,
    ValueError,
)
"""What a broken connection says; ValueError is aiosqlite's word for a closed one."""
_KEPT: Final = 2
"""Connections that wait for the next statement; more are borrowed when they are needed."""


class Point:
    """A statement, compiled once, that touches one row and commits by itself.

    It costs one round trip and none of what a unit of work is for: no transaction around it, no
    joining, no history. Whatever goes wrong on this way is tried again on the ordinary one, so that
    errors are the same. ``statement`` takes its values by name and returns columns.
    """

    def __init__(self, database: Database, statement: Select[Any] | Insert) -> None:
        self._database = database
        self._statement = statement
        self._writes = isinstance(statement, Insert)
        self._engine: AsyncEngine = database.write if self._writes else database.read
        self._asyncpg = database.dialect == "postgresql"
        # SQLite has one writer: whoever kept it would stop everybody else.
        self._most = 0 if self._writes and not self._asyncpg else _KEPT
        dialect = self._engine.dialect
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        names = compiled.positiontup or ()
        self._values = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in names
        ]
        self._columns = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in statement.exported_columns
        ]
        self._kept = database.kept[self._writes]

    async def row(self, **values: object) -> list[Any] | None:
        """Return the columns of the first row, or None."""
        try:
            found = await self._directly(values)
        except _DRIVER_ERRORS:
            found = await self._ordinarily(values)
        return found

    async def _directly(self, values: dict[str, object]) -> list[Any] | None:
        raw = self._kept.pop() if self._kept else await self._engine.raw_connection()
        done = False
        try:
            found = await self._fetched(raw.driver_connection, self._bound(values))
            done = True
        finally:
            # An answer that nobody waited for may still come in on this connection.
            if not done:
                raw.invalidate()
            elif len(self._kept) < self._most:
                self._kept.append(raw)
            else:
                await give_back(raw)
        if not found:
            return None
        return [
            value if read is None else read(value)
            for read, value in zip(self._columns, found[0], strict=True)
        ]

    async def _fetched(self, driver: Any, bound: list[Any]) -> Any:
        if self._asyncpg:
            return await driver.fetch(self._sql, *bound)
        return await driver.execute_fetchall(self._sql, bound)

    def _bound(self, values: dict[str, object]) -> list[Any]:
        return [
            values[name] if write is None else write(values[name]) for name, write in self._values
        ]

    async def _ordinarily(self, values: dict[str, object]) -> list[Any] | None:
        try:
            begun = self._engine.begin() if self._writes else self._engine.connect()
            async with begun as connection:
                row = (await connection.execute(self._statement, values)).first()
        except OSError as exc:
            raise DatabaseUnavailable from exc
        except SQLAlchemyError as exc:
            raise_translated(exc)
            raise
        return None if row is None else list(row)
