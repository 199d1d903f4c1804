"""One statement by key on its short way: the same rows and errors as on the ordinary one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import DBAPIError

from identity.oauth.access_repository import SqlAccessRows
from identity.oauth.tables import used_jtis
from kernel.db.engine import Database
from kernel.db.point import Point
from kernel.db.work import SqlWorks, connection

_AT = datetime(2026, 11, 24, 12, 30, 0, 123456, UTC)
_SELECT = select(used_jtis.c.owner, used_jtis.c.expires_at).where(
    used_jtis.c.jti_hash == bindparam("jti")
)


async def _added(works: SqlWorks) -> None:
    async with works.begin() as work:
        await connection(work).execute(
            insert(used_jtis).values(owner="one", jti_hash="a", expires_at=_AT)
        )


async def test_a_row_is_read_with_its_types(database: Database, works: SqlWorks) -> None:
    await _added(works)
    point = Point(database, _SELECT)
    assert await point.row(jti="a") == ["one", _AT]
    assert await point.row(jti="b") is None


async def test_a_connection_that_died_is_replaced(database: Database, works: SqlWorks) -> None:
    await _added(works)
    point = Point(database, _SELECT)
    await point.row(jti="a")
    (kept,) = database.kept[False]
    driver = kept.driver_connection
    assert driver is not None
    await driver.close()
    for _ in range(3):
        assert await point.row(jti="a") == ["one", _AT]


async def test_a_caller_that_gives_up_leaves_a_sound_connection(
    database: Database, works: SqlWorks
) -> None:
    await _added(works)
    point = Point(database, _SELECT)
    for steps in range(6):
        asked = asyncio.create_task(point.row(jti="a"))
        for _ in range(steps):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert await point.row(jti="b") is None


async def test_more_callers_than_connections(database: Database, works: SqlWorks) -> None:
    await _added(works)
    point = Point(database, _SELECT)
    found = await asyncio.gather(*(point.row(jti="a") for _ in range(40)))
    assert found == [["one", _AT]] * 40
    assert len(database.kept[False]) <= 2


async def test_errors_are_those_of_the_ordinary_way(database: Database) -> None:
    point = Point(
        database,
        insert(used_jtis)
        .values(owner=bindparam("owner"), jti_hash=bindparam("jti"), expires_at=bindparam("at"))
        .returning(used_jtis.c.owner),
    )
    with pytest.raises(DBAPIError):
        await point.row(owner=None, jti="a", at=_AT)
    assert await point.row(owner="one", jti="a", at=_AT) == ["one"]


async def test_an_id_is_used_up_by_exactly_one(database: Database) -> None:
    other = Database(database.url, pool_size=4, durable=False)
    try:
        many = [SqlAccessRows(each) for each in (database, other) for _ in range(2)]
        ends = _AT + timedelta(minutes=2)
        for jti in ("a", "b", "c"):
            first = await asyncio.gather(
                *(rows.burn_jti("one", jti, ends) for rows in many for _ in range(4))
            )
            assert first.count(True) == 1
        assert await many[0].burn_jti("two", "a", ends)
    finally:
        await other.dispose()
