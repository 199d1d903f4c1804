"""What the database says no with, told as kernel errors; never with the values of a row."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kernel.errors import Conflict, Failure, Text

_UNIQUE_VIOLATION: Final = "23505"
_BUSY_STATES: Final = frozenset({"40001", "40P01", "55P03", "57014"})
"""serialization_failure, deadlock_detected, lock_not_available, query_canceled (Appendix A)."""
_CLOSED_CLASSES: Final = ("08", "57P", "53")
"""connection_exception, operator intervention, insufficient_resources."""
_SQLITE_UNIQUE: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
)
_SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class AlreadyExists(Conflict):
    """A row with the same business key is there already."""

    code = "already_exists"
    title = Text("记录已存在", "Already exists")
    citizen = Text("您已经提交过，请勿重复提交。", "You have submitted this already.")
    clerk = Text("相同业务主键的记录已存在，请勿重复登记。", "A record with the same key exists.")


class DatabaseBusy(Failure):
    """Others hold the rows or the connections; nothing was written and trying again is right."""

    code = "database_busy"
    status = 503
    title = Text("系统繁忙", "The database is busy")
    citizen = Text("系统繁忙，请稍后再试。", "The system is busy; please try again shortly.")
    clerk = Text("数据库繁忙，请稍后重试。", "The database is busy; try again shortly.")
    retry_after = 1


class DatabaseUnavailable(Failure):
    """The database cannot be reached; what was not confirmed was not written."""

    code = "database_unavailable"
    status = 503
    title = Text("数据库暂不可用", "The database is unavailable")
    retry_after = 5


TROUBLE: Final = (DatabaseUnavailable, DatabaseBusy, SQLAlchemyError, OSError)
"""What a loop that outlives the database waits out."""


def sqlstate(error: DBAPIError) -> str:
    """Return the five characters of PostgreSQL's error, or nothing."""
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else ""


def is_busy(error: BaseException) -> bool:
    """Tell whether a lock, a time-out, a deadlock or an empty pool was the cause."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE_BUSY
    return sqlstate(error) in _BUSY_STATES


def is_duplicate(error: BaseException) -> bool:
    """Tell whether a unique constraint was the cause."""
    if not isinstance(error, IntegrityError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code in _SQLITE_UNIQUE or sqlstate(error) == _UNIQUE_VIOLATION


def _is_unreachable(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or sqlstate(error).startswith(_CLOSED_CLASSES)
    )


def _constraint(error: BaseException) -> str:
    driver = getattr(getattr(error, "orig", None), "__cause__", None)
    name = getattr(driver, "constraint_name", None)
    if isinstance(name, str):
        return name
    # SQLite: "UNIQUE constraint failed: table.column", without any value.
    return str(getattr(error, "orig", "")).rpartition(": ")[2][:200]


def translated(error: BaseException) -> Failure | None:
    """Return what a caller may be told about a database error; None when it is our own mistake.

    The driver's message is left behind on purpose: PostgreSQL quotes the values of the row in it.
    """
    if is_duplicate(error):
        return AlreadyExists(f"unique constraint {_constraint(error)}")
    if is_busy(error):
        return DatabaseBusy()
    if _is_unreachable(error):
        return DatabaseUnavailable()
    return None


def of_driver(error: BaseException) -> Failure | None:
    """Return the same for an error of PostgreSQL's driver that did not pass through SQLAlchemy."""
    state = getattr(error, "sqlstate", None)
    if state == _UNIQUE_VIOLATION:
        return AlreadyExists(f"unique constraint {getattr(error, 'constraint_name', '')}")
    return DatabaseBusy() if state in _BUSY_STATES else None
