"""Breaker, bulkhead, pace, retry budget and token cache, each alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.kit.resilience import (
    COOLDOWN_SECONDS,
    Breaker,
    BreakerOpen,
    BreakerState,
    Bulkhead,
    NoPlace,
    Pace,
    RetryBudget,
)
from adapters.kit.tokens import Token, TokenCache
from kernel.clock import FrozenClock

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


class Seconds:
    """A hand-driven monotonic clock."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _breaker(seconds: Seconds, changes: list[tuple[str, str]]) -> Breaker:
    return Breaker(seconds, on_change=lambda old, new: changes.append((old, new)))


def _fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.leave(breaker.enter(), failed=True)


def test_half_open_lets_exactly_one_through() -> None:
    seconds, changes = Seconds(), list[tuple[str, str]]()
    breaker = _breaker(seconds, changes)
    _fail(breaker, 10)
    assert breaker.state is BreakerState.OPEN
    seconds.now += COOLDOWN_SECONDS
    let_through = 0
    tickets = []
    for _ in range(50):
        try:
            tickets.append(breaker.enter())
        except BreakerOpen:
            continue
        let_through += 1
    assert let_through == 1
    breaker.leave(tickets[0], failed=False)
    assert changes == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


def test_half_open_fails_again_and_waits_again() -> None:
    seconds = Seconds()
    breaker = _breaker(seconds, [])
    _fail(breaker, 10)
    seconds.now += COOLDOWN_SECONDS
    breaker.leave(breaker.enter(), failed=True)
    with pytest.raises(BreakerOpen) as caught:
        breaker.enter()
    assert caught.value.retry_after == COOLDOWN_SECONDS


def test_a_cancelled_probe_gives_its_place_back() -> None:
    seconds = Seconds()
    breaker = _breaker(seconds, [])
    _fail(breaker, 10)
    seconds.now += COOLDOWN_SECONDS
    breaker.leave(breaker.enter(), failed=None)
    breaker.enter()


def test_few_failures_among_many_successes_open_nothing() -> None:
    breaker = _breaker(Seconds(), [])
    for number in range(200):
        breaker.leave(breaker.enter(), failed=number % 3 == 0)
    assert breaker.state is BreakerState.CLOSED


class BreakerMachine(RuleBasedStateMachine):
    """Late results, cancelled calls and time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = Seconds()
        self.changes: list[tuple[str, str]] = []
        self.breaker = _breaker(self.seconds, self.changes)
        self.open: list[int] = []
        self.probing = 0

    @rule()
    def call(self) -> None:
        before = self.breaker.state
        try:
            ticket = self.breaker.enter()
        except BreakerOpen:
            assert before is not BreakerState.CLOSED
        else:
            self.open.append(ticket)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), failed=st.sampled_from([True, False, None]))
    def end(self, data: st.DataObject, failed: bool | None) -> None:
        place = data.draw(st.integers(0, len(self.open) - 1))
        self.breaker.leave(self.open.pop(place), failed=failed)

    @rule(by=st.floats(0, 10))
    def wait(self, by: float) -> None:
        self.seconds.now += by

    @invariant()
    def changes_follow_the_table(self) -> None:
        allowed = {
            ("closed", "open"),
            ("open", "half_open"),
            ("half_open", "open"),
            ("half_open", "closed"),
        }
        assert set(self.changes) <= allowed
        for (_, new), (old, _) in zip(self.changes, self.changes[1:], strict=False):
            assert new == old

    @invariant()
    def at_most_one_probe(self) -> None:
        assert self.breaker._probing in {0, 1}


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, deadline=None)


async def test_a_bulkhead_turns_away_who_waits_too_long_and_forgets_nobody() -> None:
    bulkhead = Bulkhead(2, wait=0.02)
    release = asyncio.Event()

    async def hold() -> None:
        async with bulkhead.place(1):
            await release.wait()

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(NoPlace):
        async with bulkhead.place(1):
            pass
    release.set()
    await asyncio.gather(*holders)
    async with bulkhead.place(1), bulkhead.place(1):
        pass


async def test_the_pace_spreads_what_is_more_than_a_second_holds() -> None:
    pace = Pace(20)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(24):
        await pace.turn(1.0)
    assert 0.15 < loop.time() - began < 0.6
    for _ in range(2):
        with pytest.raises(NoPlace):
            await pace.turn(0.0)


def test_the_retry_budget_is_a_tenth_of_the_last_minute() -> None:
    seconds = Seconds()
    budget = RetryBudget(seconds, floor=3)
    for _ in range(200):
        budget.called()
        seconds.now += 0.1
    assert sum(budget.take() for _ in range(100)) == 20
    seconds.now += 61
    assert sum(budget.take() for _ in range(100)) == 3


async def test_fifty_waiters_fetch_one_token() -> None:
    clock = FrozenClock(START)
    fetched = 0

    async def fetch() -> Token:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0.01)
        return Token(f"t{fetched}", clock.now() + timedelta(minutes=10))

    cache = TokenCache(clock, fetch)
    assert await asyncio.gather(*(cache.get() for _ in range(50))) == ["t1"] * 50
    clock.advance(timedelta(minutes=7, seconds=59))
    assert await cache.get() == "t1"
    clock.advance(timedelta(seconds=2))
    assert await asyncio.gather(*(cache.get() for _ in range(50))) == ["t2"] * 50
    cache.forget("t1")
    assert await cache.get() == "t2"
    cache.forget("t2")
    assert await cache.get() == "t3"
    assert fetched == 3


async def test_a_failed_fetch_fails_everyone_once_and_is_tried_again() -> None:
    clock = FrozenClock(START)
    fetched = 0

    async def fetch() -> Token:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0)
        if fetched == 1:
            raise ConnectionError
        return Token("good", clock.now() + timedelta(seconds=30))

    cache = TokenCache(clock, fetch)
    ended = await asyncio.gather(*(cache.get() for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in ended} == {ConnectionError}
    assert await cache.get() == "good"
    assert await cache.get() == "good"
    assert fetched == 2


async def test_a_cancelled_waiter_does_not_cancel_the_fetch() -> None:
    clock = FrozenClock(START)
    fetched = 0

    async def fetch() -> Token:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0.02)
        return Token("t", clock.now() + timedelta(hours=1))

    cache = TokenCache(clock, fetch)
    first = asyncio.create_task(cache.get())
    await asyncio.sleep(0.005)
    second = asyncio.create_task(cache.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "t"
    assert fetched == 1
