"""The history of the database: one line, up from nothing, down and up again, without drift."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import CHAR, text
from sqlalchemy.exc import DBAPIError

from gateway.tables import metadata
from kernel.db.engine import Database
from migrations import run

ROOT = Path(__file__).parents[2]


async def tables(url: str) -> set[str]:
    queries = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    }
    database = Database(url)
    async with database.read.connect() as connection:
        found = set((await connection.execute(text(queries[database.dialect]))).scalars())
    await database.dispose()
    return {name for name in found if not name.startswith("sqlite_")}


async def test_up_from_nothing_without_drift(empty_database_url: str) -> None:
    url = empty_database_url
    assert await run.current(url) is None
    assert f"at revision None, newest is {run.head()}" in await run.check(url)
    await run.upgrade(url)
    assert await run.current(url) == run.head()
    assert await run.check(url) == []
    assert await tables(url) == set(metadata.tables) | {"alembic_version"}
    await run.upgrade(url)


async def test_every_revision_goes_down_and_up_again(empty_database_url: str) -> None:
    url = empty_database_url
    revisions = list(ScriptDirectory.from_config(run.config()).walk_revisions())
    await run.upgrade(url)
    for revision in revisions:
        await run.downgrade(url)
        assert await run.current(url) == revision.down_revision
        await run.upgrade(url, "+1")
        await run.downgrade(url)
    assert await tables(url) == {"alembic_version"}
    await run.upgrade(url)
    assert await run.check(url) == []


async def test_several_may_upgrade_at_the_same_time(empty_database_url: str) -> None:
    url = empty_database_url
    await asyncio.gather(*(run.upgrade(url) for _ in range(3)))
    assert await run.current(url) == run.head()
    assert await run.check(url) == []


async def test_drift_is_told(empty_database_url: str) -> None:
    url = empty_database_url
    await run.upgrade(url)
    database = Database(url)
    async with database.write.begin() as connection:
        await connection.execute(text("ALTER TABLE kernel_task ADD COLUMN stray INTEGER"))
        await connection.execute(text("DROP INDEX ix_kernel_task_due"))
    await database.dispose()
    stray, index = sorted(await run.check(url), key=lambda difference: "index" in difference)
    assert "stray" in stray
    assert "ix_kernel_task_due" in index


async def test_a_revision_does_not_wait_long_for_a_lock(postgres_databases) -> None:
    with postgres_databases.fresh() as url:
        database = Database(url)
        async with database.write.begin() as connection:
            await connection.execute(text("LOCK TABLE kernel_task IN ACCESS SHARE MODE"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await run.downgrade(url, "base")
        await database.dispose()
        assert await run.current(url) is not None


def test_the_history_is_one_line_of_dated_revisions() -> None:
    script = ScriptDirectory.from_config(run.config())
    assert script.get_heads() == [run.head()]
    revisions = [found.revision for found in script.walk_revisions()]
    assert all(len(revision) == 14 and revision.isdigit() for revision in revisions)
    assert revisions == sorted(revisions, reverse=True)
    for found in script.walk_revisions():
        assert Path(found.path).name.startswith(f"{found.revision}_")


def test_it_runs_from_any_directory(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"
    code = f"import asyncio; from migrations.run import upgrade; asyncio.run(upgrade({url!r}))"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert asyncio.run(run.current(url)) == run.head()


def test_tables_carry_their_package_and_no_fixed_length_text() -> None:
    packages = ("kernel_", "identity_", "elicense_", "eseal_", "payments_", "gateway_")
    for table in metadata.tables.values():
        assert table.name.startswith(packages), table.name
        for column in table.columns:
            assert not isinstance(column.type, CHAR), column
        for key in table.foreign_keys:
            target = key.column.table.name
            assert target.split("_")[0] in {table.name.split("_")[0], "kernel"} or (
                table.name.startswith("gateway_")
            ), f"{table.name} -> {target}"
