"""The inbox keeps a message once; counters are exact while they are folded."""

from __future__ import annotations

import asyncio

import pytest

from kernel.db import counters, inbox
from kernel.db.task_store import find
from kernel.db.work import SqlWorks
from kernel.errors import StaleVersion

BODY = b"\x00\xff<xml>\xe4\xb8\x80</xml>"


async def receive(works: SqlWorks, message_id: str = "m1", body: bytes = BODY) -> bool:
    async with works.begin() as work:
        return await inbox.add(
            work,
            source="nontax",
            message_id=message_id,
            kind="paid",
            body=body,
            headers={"content-type": "text/xml"},
            task_kind="nontax.interpret",
        )


async def test_a_message_is_kept_once_with_its_task(works: SqlWorks, frozen_clock) -> None:
    fresh = await asyncio.gather(*(receive(works) for _ in range(20)))
    assert sorted(fresh) == [False] * 19 + [True]
    async with works.read() as work:
        (message,) = await inbox.unhandled(work)
        assert (message.body, message.headers) == (BODY, {"content-type": "text/xml"})
        assert message.received_at == frozen_clock.at
        assert await inbox.get(work, message.id) == message
        task = await find(work, "nontax.interpret", "nontax:m1")
    assert task is not None


async def test_a_duplicate_does_not_replace_the_first(works: SqlWorks) -> None:
    assert await receive(works)
    assert not await receive(works, body=b"other")
    async with works.read() as work:
        (message,) = await inbox.unhandled(work)
    assert message.body == BODY


async def test_the_outcome_is_recorded_once(works: SqlWorks, frozen_clock) -> None:
    for number in range(3):
        await receive(works, f"m{number}")
    async with works.begin() as work:
        first, *rest = await inbox.unhandled(work)
        await inbox.mark(work, first.id, "applied")
        assert await inbox.unhandled(work) == rest
        assert await inbox.unhandled(work, after=rest[0].id) == rest[1:]
        marked = await inbox.get(work, first.id)
        assert marked is not None
        assert (marked.outcome, marked.handled_at) == ("applied", frozen_clock.at)
        with pytest.raises(StaleVersion):
            await inbox.mark(work, first.id, "applied again")
        assert await inbox.get(work, 10_000) is None


async def test_counters_are_exact_while_they_are_folded(works: SqlWorks) -> None:
    async def write(number: int) -> None:
        async with works.begin() as work:
            await counters.add(work, f"cases.{number % 3}", 2 if number % 2 else -1)

    async def fold() -> int:
        async with works.begin() as work:
            return await counters.fold(work, limit=7)

    folded = await asyncio.gather(
        *(write(number) for number in range(30)),
        *(fold() for _ in range(3)),
    )
    wanted = {"cases.0": 5, "cases.1": 5, "cases.2": 5}
    async with works.begin() as work:
        await counters.add(work, "case_.other")
        assert await counters.read(work, "cases.") == wanted
        assert await counters.read(work, "case_") == {"case_.other": 1}
    rest = 31 - sum(filter(None, folded))
    while rest:
        rest -= await fold()
    async with works.read() as work:
        assert await counters.read(work, "cases.") == wanted
    assert await fold() == 0
