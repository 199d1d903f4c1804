"""The benchmark's statistics: percentiles, noise, and what a change between two runs means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import paired, ratio, times_bare, verdict
from bench.stats import MEASURES, Change, change, percentile, series, summarise

FIGURES = st.floats(min_value=0.001, max_value=1e9)


def one_round(case: str, database: str, **values: float) -> dict[str, object]:
    return {"case": case, "database": database, **dict.fromkeys(MEASURES, 1.0), **values}


def test_percentiles_are_values_that_occurred():
    ordered = [float(n) for n in range(1, 101)]
    assert percentile(ordered, 0.5) == 50
    assert percentile(ordered, 0.99) == 99
    assert percentile(ordered, 1) == 100
    assert percentile(ordered, 0) == 1
    assert percentile([7.0], 0.99) == 7


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(st.lists(FIGURES, min_size=1), st.floats(min_value=0, max_value=1))
def test_a_percentile_covers_its_part(values, part):
    found = percentile(sorted(values), part)
    assert sum(value <= found for value in values) >= part * len(values) - 1e-6


@given(st.lists(FIGURES, min_size=2))
def test_a_series_lies_between_its_rounds(values):
    found = series(values)
    assert found.low <= found.median <= found.high
    assert found.rounds == len(values)


def test_one_round_has_no_known_noise():
    assert series([5.0]).noise is None
    assert change(series([5.0]), series([9.0, 9.0])).noise is None
    assert not change(series([5.0]), series([9.0])).certain


def test_noise_is_half_the_range():
    assert series([90.0, 100.0, 110.0]).noise == pytest.approx(0.1)


def test_a_change_must_exceed_the_noise_of_both_runs():
    before, after = series([97.0, 100.0, 103.0]), series([93.0, 96.0, 100.0])
    small = change(before, after)
    assert small.noise == pytest.approx((0.03**2 + (3.5 / 96) ** 2) ** 0.5)
    assert small.relative == pytest.approx(-0.04)
    assert not small.certain
    assert change(before, series([79.0, 80.0, 81.0])).certain


def test_nothing_before_is_no_change():
    assert Change(0.0, 5.0, 0.1).relative == 0


@pytest.mark.parametrize(
    ("gain", "noise", "certain", "word"),
    [
        (0.5, None, False, "unknown"),
        (0.01, 0.05, False, "within noise"),
        (0.2, 0.05, True, "better"),
        (-0.2, 0.05, True, "worse"),
    ],
)
def test_a_verdict_is_a_word(gain, noise, certain, word):
    assert verdict(gain, noise, certain=certain) == word


def test_rounds_are_grouped_by_case_and_database():
    rounds = [
        one_round("case status", "sqlite", cpu_us=300),
        one_round("case status", "postgresql", cpu_us=500),
        one_round("case status", "sqlite", cpu_us=100),
        one_round("case status", "sqlite", cpu_us=200),
    ]
    found = summarise(rounds)
    assert list(found) == [("case status", "sqlite"), ("case status", "postgresql")]
    assert found["case status", "sqlite"]["cpu_us"] == series([300, 100, 200])


def test_a_ratio_above_one_is_better_for_costs_and_rates():
    found = summarise(
        [
            one_round("accept a case", "sqlite", cpu_us=1000, rps=900),
            one_round("naive insert", "sqlite", cpu_us=1500, rps=600),
            one_round("naive insert", "postgresql", cpu_us=1, rps=1),
            one_round("bare route", "-", cpu_us=50),
        ]
    )
    key = ("accept a case", "sqlite")
    assert ratio(found, key, "cpu_us") == pytest.approx(1.5)
    assert ratio(found, key, "rps") == pytest.approx(1.5)
    assert times_bare(found, key) == pytest.approx(20)


def test_a_slow_round_slows_both_and_the_paired_ratio_stays():
    rounds = [
        {**one_round(case, "sqlite", cpu_us=cost * slow), "round": number}
        for number, slow in enumerate((1, 3))
        for case, cost in (("accept a case", 1000), ("naive insert", 1500))
    ]
    found = paired(rounds)
    assert found == {("accept a case", "sqlite"): series([1.5, 1.5])}
    assert paired(rounds[:1]) == {}


def test_what_has_no_baseline_has_no_ratio():
    found = summarise([one_round("accept a case", "sqlite"), one_round("naive read", "sqlite")])
    assert ratio(found, ("accept a case", "sqlite"), "cpu_us") is None
    assert ratio(found, ("naive read", "sqlite"), "cpu_us") is None
    assert times_bare(found, ("naive read", "sqlite")) is None
