"""What tables are made of: one MetaData, column types equal on both databases, and upserts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    CursorResult,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator, TypeEngine

from kernel.clock import require_aware
from kernel.errors import StaleVersion

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    },
)
"""The one collection of tables; a package's ``tables.py`` adds its own, with its prefix."""

_SQLITE_TIME_LENGTH: Final = 27


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC (时刻): ``timestamptz`` on PostgreSQL, sortable ISO text on SQLite.

    A naive datetime is refused (StatementError). What is read back is always aware and in UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(_SQLITE_TIME_LENGTH))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        at = require_aware(value)
        if dialect.name == "sqlite":
            # Fixed width, or text would not sort as time does.
            return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        return at

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return require_aware(datetime.fromisoformat(value))
        if isinstance(value, datetime):
            return require_aware(value)
        msg = f"the driver returned {type(value).__name__} for a time"
        raise TypeError(msg)


Json: Final = JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
"""A JSON document: JSONB on PostgreSQL, JSON text on SQLite; None is SQL NULL."""

BigInt: Final = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit integer; on SQLite INTEGER, the only spelling of a primary key that counts by itself."""


def text(length: int) -> String:
    """Return VARCHAR(length). Never CHAR: compared with text it is cast, and its index unused."""
    return String(length)


def id_column() -> Column[int]:
    """Return the usual internal primary key ``id``, which never leaves the system."""
    return Column("id", BigInt, primary_key=True, autoincrement=True)


Upsert = postgresql.Insert | sqlite.Insert

INSERTS: Final[Mapping[str, Callable[[Table], Upsert]]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
"""By dialect name, for statements that are built once and run often."""


def upsert(connection: AsyncConnection, table: Table) -> Upsert:
    """Return this database's INSERT that knows ``on_conflict_do_nothing`` and ``…_do_update``."""
    return INSERTS[connection.dialect.name](table)


def require_one(result: CursorResult[Any]) -> None:
    """Raise StaleVersion unless the statement touched exactly one row (optimistic lock, 乐观锁)."""
    if result.rowcount != 1:
        raise StaleVersion(f"{result.rowcount} rows matched, 1 was expected")
