"""The verdict on an operation: falls fast, returns slowly, never flickers; slow is not down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.availability.health import Health, Limits, Machine

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def flips(machine: Machine, seen: list[tuple[float, bool, int]]) -> list[tuple[float, Health]]:
    """Tell a machine what was seen at which second; return when it changed to or from DOWN."""
    changes = []
    was_down = machine.verdict.health is Health.DOWN
    for at, good, ms in seen:
        moment = START + timedelta(seconds=at)
        verdict = machine.answered(moment, ms) if good else machine.failed(moment, "unavailable")
        is_down = verdict.health is Health.DOWN
        if is_down is not was_down:
            changes.append((at, verdict.health))
        was_down = is_down
    return changes


def test_it_falls_with_the_third_failure_and_returns_after_lasting_good_answers():
    machine = Machine(START)
    assert flips(machine, [(s / 5, False, 0) for s in range(5)]) == [(0.4, Health.DOWN)]
    returned = flips(machine, [(10 + s, True, 20) for s in range(60)])
    assert [at for at, _ in returned] == [30]
    assert machine.verdict.since == START + 30 * SECOND


def test_good_answers_that_last_but_are_too_few_do_not_bring_it_back():
    machine = Machine(START)
    flips(machine, [(s, False, 0) for s in range(3)])
    assert flips(machine, [(10, True, 20), (60, True, 20)]) == []
    assert flips(machine, [(61, True, 20)]) == [(61, Health.UP)]


@given(
    good=st.floats(min_value=1, max_value=19),
    per_second=st.sampled_from([1, 2, 5, 10]),
    phase=st.floats(min_value=0, max_value=20),
)
def test_a_square_wave_of_twenty_seconds_flips_at_most_twice(
    good: float, per_second: int, phase: float
):
    machine = Machine(START)
    calls = [second / per_second for second in range(600 * per_second)]
    wave = [(at, (at + phase) % 20 < good, 30) for at in calls]
    after = [(600.0 + at, True, 30) for at in range(120)]
    assert len(flips(machine, wave + after)) <= 2
    assert machine.verdict.health is Health.UP


@given(st.lists(st.integers(min_value=0, max_value=60_000), max_size=200))
def test_slow_never_means_down(times: list[int]):
    machine = Machine(START)
    for number, ms in enumerate(times):
        found = machine.answered(START + number * SECOND, ms)
        assert found.health in {Health.UP, Health.SLOW}


@given(st.lists(st.booleans(), max_size=200))
def test_it_says_up_again_only_after_k_good_answers(seen: list[bool]):
    limits = Limits(settle=timedelta())
    machine = Machine(START, limits)
    row = 0
    for number, good in enumerate(seen):
        at, before = START + number * SECOND, machine.verdict.health
        found = machine.answered(at, 5) if good else machine.failed(at, "unavailable")
        row = row + 1 if good else 0
        if before is Health.DOWN and found.health is not Health.DOWN:
            assert row >= limits.rise


def test_slow_goes_only_well_below_its_limit():
    machine = Machine(START)
    for number in range(20):
        machine.answered(START + number * SECOND, 3500)
    assert machine.verdict.health is Health.SLOW
    for number in range(20, 45):
        found = machine.answered(START + number * SECOND, 2500)
        assert found.health is Health.SLOW
    for number in range(45, 70):
        machine.answered(START + number * SECOND, 1500)
    found = machine.answered(START + 70 * SECOND, 1500)
    assert found.health is Health.UP


def test_a_part_that_fails_is_degraded_not_down():
    machine = Machine(START)
    for number in range(40):
        at = START + number * SECOND
        if number % 5 == 0:
            machine.failed(at, "unavailable")
        else:
            machine.answered(at, 20)
    assert machine.verdict.health is Health.DEGRADED


def test_what_nothing_confirms_is_doubted_when_its_neighbour_answers():
    machine = Machine(START)
    flips(machine, [(s, False, 0) for s in range(3)])
    assert machine.neighbour_answered(START + 30 * SECOND).health is Health.DOWN
    assert machine.neighbour_answered(START + 90 * SECOND).health is Health.UNKNOWN


def test_relapses_make_it_wait_longer():
    machine = Machine(START)
    waits = []
    at = 0.0
    for _ in range(4):
        flips(machine, [(at + s / 5, False, 0) for s in range(3)])
        began = at + 1
        found = flips(machine, [(began + s, True, 20) for s in range(400)])
        waits.append(found[0][0] - began)
        at = found[0][0] + 401 - 400 + 1
    assert waits == [20, 40, 80, 160]
