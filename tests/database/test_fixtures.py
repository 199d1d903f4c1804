"""The databases that tests are given are migrated, empty and their own."""

from sqlalchemy import text

from kernel.db.engine import Database
from kernel.db.work import SqlWorks, connection
from migrations.run import current, head
from tests.support.postgres import Server


async def test_a_fresh_database_is_at_the_newest_revision(database_url):
    assert await current(database_url) == head()


async def test_an_empty_database_has_no_revision(empty_database_url):
    assert await current(empty_database_url) is None


async def _leave_a_mark(works: SqlWorks) -> int:
    async with works.begin() as work:
        return await work.next_number("mark")


async def test_what_one_test_writes(works):
    assert await _leave_a_mark(works) == 1


async def test_the_next_one_does_not_see(works):
    assert await _leave_a_mark(works) == 1


async def test_the_server_listens_on_no_address(postgres_server: Server, postgresql_url):
    assert postgres_server.psql("SHOW listen_addresses") == ""
    database = Database(postgresql_url)
    async with database.write.connect() as conn:
        assert (await conn.execute(text("SELECT inet_server_addr()"))).scalar_one() is None
    await database.dispose()


async def test_both_kinds_are_used(database, works):
    async with works.read() as work:
        assert connection(work).dialect.name == database.dialect
