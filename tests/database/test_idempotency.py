"""Idempotency keys: one execution per key, whatever arrives at the same time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import FrozenClock
from kernel.db.idempotency import (
    Claimed,
    Idempotency,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Replay,
    check_key,
)
from kernel.db.work import SqlWorks
from kernel.errors import OperationInProgress, StaleVersion

ANSWER = Replay(201, b'{"case_no":"1"}', {"location": "/v1/cases/1"})


@pytest.fixture
def keys(frozen_clock: FrozenClock) -> Idempotency:
    return Idempotency(frozen_clock)


async def claim(
    works: SqlWorks,
    keys: Idempotency,
    key: str = "k",
    body: bytes = b"{}",
    caller: str = "portal",
    route: str = "POST /v1/cases",
) -> Claimed | Replay:
    async with works.begin() as work:
        return await keys.claim(work, caller=caller, key=key, route=route, body=body)


async def answer(works: SqlWorks, keys: Idempotency, claimed: Claimed | Replay) -> None:
    assert isinstance(claimed, Claimed)
    async with works.begin() as work:
        await keys.answer(
            work, claimed, status=ANSWER.status, body=ANSWER.body, headers=ANSWER.headers
        )


async def test_fifty_in_separate_units_are_executed_once(works: SqlWorks, keys) -> None:
    executed: list[int] = []

    async def call(number: int) -> str:
        try:
            claimed = await claim(works, keys)
        except OperationInProgress:
            return "in progress"
        if isinstance(claimed, Replay):
            assert claimed == ANSWER
            return "replayed"
        executed.append(number)
        await asyncio.sleep(0.02)
        await answer(works, keys, claimed)
        return "executed"

    told = await asyncio.gather(*(call(number) for number in range(50)))
    assert told.count("executed") == len(executed) == 1
    assert await claim(works, keys) == ANSWER


async def test_fifty_joined_with_the_business_change_are_executed_once(works, keys) -> None:
    async def call() -> str:
        async with works.begin() as work:
            claimed = await keys.claim(work, caller="p", key="k", route="r", body=b"{}")
            if isinstance(claimed, Replay):
                assert claimed == ANSWER
                return "replayed"
            async with works.begin() as inner:  # what a service does
                await inner.next_number("executions")
            await answer(works, keys, claimed)
            return "executed"

    told = await asyncio.gather(*(call() for _ in range(50)))
    assert told.count("executed") == 1
    assert told.count("replayed") == 49
    async with works.begin() as work:
        assert await work.next_number("executions") == 2


async def test_a_failed_joined_execution_leaves_the_key_free(works: SqlWorks, keys) -> None:
    async def fail() -> None:
        async with works.begin():
            await claim(works, keys)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert isinstance(await claim(works, keys), Claimed)


async def test_another_body_or_route_is_told(works: SqlWorks, keys) -> None:
    await answer(works, keys, await claim(works, keys))
    with pytest.raises(IdempotencyKeyReused) as caught:
        await claim(works, keys, body=b'{"a":1}')
    assert caught.value.status == 422
    with pytest.raises(IdempotencyKeyReused):
        await claim(works, keys, route="POST /v1/payments")
    assert isinstance(await claim(works, keys, caller="other"), Claimed)
    assert isinstance(await claim(works, keys, key="other"), Claimed)


async def test_another_body_is_told_before_the_answer_is_there(works: SqlWorks, keys) -> None:
    await claim(works, keys)
    with pytest.raises(IdempotencyKeyReused):
        await claim(works, keys, body=b"other")


async def test_a_claim_runs_out_and_is_taken_over(works, keys, frozen_clock) -> None:
    first = await claim(works, keys)
    frozen_clock.advance(timedelta(seconds=58))
    with pytest.raises(OperationInProgress) as caught:
        await claim(works, keys)
    assert (caught.value.status, caught.value.retry_after) == (409, 2)
    frozen_clock.advance(timedelta(seconds=2))
    with pytest.raises(IdempotencyKeyReused):
        await claim(works, keys, body=b"other")
    second = await claim(works, keys)
    assert isinstance(second, Claimed)
    assert second.again
    with pytest.raises(StaleVersion):
        await answer(works, keys, first)
    with pytest.raises(OperationInProgress):
        await claim(works, keys)
    await answer(works, keys, second)
    assert await claim(works, keys) == ANSWER
    with pytest.raises(StaleVersion):
        await answer(works, keys, second)


async def test_a_released_claim_may_be_made_again(works: SqlWorks, keys) -> None:
    claimed = await claim(works, keys)
    async with works.begin() as work:
        await keys.release(work, claimed)
    again = await claim(works, keys)
    assert isinstance(again, Claimed)
    assert not again.again
    await answer(works, keys, again)
    async with works.begin() as work:
        await keys.release(work, again)  # an answer is never released
    assert await claim(works, keys) == ANSWER


async def test_keys_are_forgotten_after_72_hours(works, keys, frozen_clock) -> None:
    await answer(works, keys, await claim(works, keys))
    await answer(works, keys, await claim(works, keys, key="untouched"))
    frozen_clock.advance(timedelta(hours=72, seconds=-1))
    assert await claim(works, keys) == ANSWER
    async with works.begin() as work:
        assert await keys.purge(work) == 0
    frozen_clock.advance(timedelta(seconds=1))
    # Even where nobody has purged yet.
    fresh = await claim(works, keys, body=b"other")
    assert isinstance(fresh, Claimed)
    assert not fresh.again
    async with works.begin() as work:
        assert await keys.purge(work) == 1
    await answer(works, keys, fresh)
    assert await claim(works, keys, body=b"other") == ANSWER


async def test_waiting_for_a_long_joined_claim_is_told_in_progress(postgresql_url, frozen_clock):
    from kernel.db.engine import Database
    from kernel.ids import SequentialIds

    database = Database(postgresql_url, pool_size=2, lock_timeout=timedelta(milliseconds=100))
    works = SqlWorks(database, frozen_clock, SequentialIds())
    keys = Idempotency(frozen_clock)
    async with works.begin():
        await claim(works, keys)
        with pytest.raises(OperationInProgress):
            await asyncio.create_task(claim(works, keys))
    await database.dispose()


VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


@given(VISIBLE)
def test_good_keys(key: str) -> None:
    assert check_key([key]) == key


@pytest.mark.parametrize("values", [["a", "a"], [""], ["x" * 256], ["a b"], ["键"], ["a\x7f"]])
def test_bad_keys(values: list[str]) -> None:
    with pytest.raises(IdempotencyKeyInvalid) as caught:
        check_key(values)
    assert (caught.value.code, caught.value.status) == ("idempotency_key_invalid", 400)


def test_no_key() -> None:
    with pytest.raises(IdempotencyKeyMissing) as caught:
        check_key([])
    assert (caught.value.code, caught.value.status) == ("idempotency_key_missing", 400)
