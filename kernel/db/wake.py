"""Wakes those who wait for rows, through PostgreSQL's notifications; polling is their net."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from kernel.db.engine import Database
from kernel.db.work import CHANNELS, Wrote

_log = logging.getLogger(__name__)
_AGAIN_AFTER: Final = 5.0


@asynccontextmanager
async def listening(
    database: Database,
    what: Wrote,
    callback: Callable[[], None],
) -> AsyncIterator[None]:
    """Call ``callback`` after commits of other processes that wrote ``what``; on PostgreSQL only.

    Holds one connection of the reading pool. A lost connection is opened again; what was missed
    meanwhile is left to the caller's polling, so ``callback`` is called once then.
    """
    async with AsyncExitStack() as stack:
        if database.dialect == "postgresql":
            listener = asyncio.create_task(_listen(database, CHANNELS[what], callback))
            stack.push_async_callback(_end, listener)
        yield


async def _end(listener: asyncio.Task[None]) -> None:
    listener.cancel()
    with suppress(asyncio.CancelledError):
        await listener


async def _listen(database: Database, channel: str, callback: Callable[[], None]) -> None:
    while True:
        try:
            await _listen_once(database, channel, callback)
        except (OSError, SQLAlchemyError) as exc:
            _log.warning("notifications_lost", extra={"reason": type(exc).__name__})
        await asyncio.sleep(_AGAIN_AFTER)


async def _listen_once(database: Database, channel: str, callback: Callable[[], None]) -> None:
    lost = asyncio.Event()

    def notified(*_: Any) -> None:
        callback()

    def terminated(*_: Any) -> None:
        lost.set()

    async with database.read.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(terminated)
        await driver.add_listener(channel, notified)
        callback()
        try:
            await lost.wait()
        finally:
            driver.remove_termination_listener(terminated)
            if lost.is_set():
                await connection.invalidate()
            else:
                await driver.remove_listener(channel, notified)
