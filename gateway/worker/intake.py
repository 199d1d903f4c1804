"""Stores what is pushed, and what comes at the same time in one transaction (成组提交)."""

from __future__ import annotations

import asyncio
from typing import Final

from kernel.db import inbox
from kernel.db.inbox import Arrival
from kernel.db.work import SqlWorks

MOST_AT_ONCE: Final = 100
"""How many messages one transaction takes."""


class Intake:
    """Everybody waits until what he brought is committed; nobody waits for more than one other.

    While one transaction runs, what arrives is collected and makes up the next. So a single message
    is stored at once, and many share what a transaction costs.
    """

    def __init__(self, works: SqlWorks, task_kind: str) -> None:
        self._works = works
        self._task_kind = task_kind
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._busy: asyncio.Task[None] | None = None

    async def store(self, arrival: Arrival) -> None:
        """Return when a message is committed, or was before. Raises what the database raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, done))
        if self._busy is None:
            self._busy = asyncio.create_task(self._work_off())
        await done

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                await self._commit(batch)
        finally:
            self._busy = None
            for _, done in self._waiting:
                done.cancel()
            self._waiting.clear()

    async def _commit(self, batch: list[tuple[Arrival, asyncio.Future[None]]]) -> None:
        try:
            async with self._works.begin() as work:
                await inbox.add_many(work, [one for one, _ in batch], self._task_kind)
        except Exception as exc:  # noqa: BLE001 - raised again by everybody who waits
            for _, done in batch:
                if not done.done():
                    done.set_exception(exc)
            return
        for _, done in batch:
            if not done.done():
                done.set_result(None)
