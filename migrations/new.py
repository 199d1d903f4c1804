"""Writes a revision from one package's tables: ``python -m migrations.new PREFIX SLUG``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command

from kernel.clock import SystemClock
from kernel.db.engine import Database
from migrations import run


async def write(prefix: str, slug: str) -> None:
    """Compare a fresh database at the newest revision with the tables named ``prefix…``."""
    revision = SystemClock().now().strftime("%Y%m%d%H%M%S")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'fresh.db'}"
        await run.upgrade(url)
        database = Database(url, pool_size=1)
        async with database.write.connect() as connection:
            await connection.run_sync(
                lambda sync: command.revision(
                    run.config(sync, prefix=prefix),
                    message=slug,
                    autogenerate=True,
                    rev_id=revision,
                ),
            )
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(write(*sys.argv[1:]))
