"""Statistics of rounds: medians, percentiles, ratios, and how much of a change is noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

MEASURES: Final = ("cpu_us", "database_us", "generator_us", "rps", "p50_ms", "p99_ms")


@dataclass(frozen=True)
class Series:
    """One measure over all rounds of one case."""

    median: float
    low: float
    high: float
    rounds: int

    @property
    def noise(self) -> float | None:
        """Half the range between the rounds, relative to the median; unknown after one round."""
        if self.rounds < 2 or self.median == 0:
            return None
        return (self.high - self.low) / 2 / self.median


@dataclass(frozen=True)
class Change:
    """What became of one measure between two runs."""

    before: float
    after: float
    noise: float | None

    @property
    def relative(self) -> float:
        """The change as a part of what it was."""
        return (self.after - self.before) / self.before if self.before else 0.0

    @property
    def certain(self) -> bool:
        """Whether the change is larger than the noise of both runs together."""
        return self.noise is not None and abs(self.relative) > self.noise


def percentile(ordered: Sequence[float], part: float) -> float:
    """Return the nearest-rank percentile of an ordered, non-empty sequence; ``part`` is 0..1."""
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def series(values: Iterable[float]) -> Series:
    """Return the series of a non-empty collection of rounds."""
    known = list(values)
    return Series(statistics.median(known), min(known), max(known), len(known))


def change(before: Series, after: Series) -> Change:
    """Return the change between two runs; the noises of two independent runs add as squares."""
    noise = None
    if before.noise is not None and after.noise is not None:
        noise = math.hypot(before.noise, after.noise)
    return Change(before.median, after.median, noise)


Key = tuple[str, str]
"""Name of a case, and the database that it ran on."""


def summarise(rounds: Iterable[dict[str, Any]]) -> dict[Key, dict[str, Series]]:
    """Return every measure of every case of a run's raw rounds, in the order of first sight."""
    grouped: dict[Key, list[dict[str, Any]]] = {}
    for one in rounds:
        grouped.setdefault((str(one["case"]), str(one["database"])), []).append(one)
    return {
        key: {name: series(float(one[name]) for one in found) for name in MEASURES}
        for key, found in grouped.items()
    }
