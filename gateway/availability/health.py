"""How an upstream's operation is doing (健康状态): a pure state machine, told what was seen."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Health(StrEnum):
    """What can be said of an operation."""

    UP = "UP"
    SLOW = "SLOW"
    """It answers, and takes its time; never a reason to call it down."""
    DEGRADED = "DEGRADED"
    """A part of the calls fails."""
    DOWN = "DOWN"
    MAINTENANCE = "MAINTENANCE"
    """Planned; set by a window, never by what was seen."""
    UNKNOWN = "UNKNOWN"


BEST_FIRST: Final = (
    Health.UP,
    Health.SLOW,
    Health.DEGRADED,
    Health.UNKNOWN,
    Health.MAINTENANCE,
    Health.DOWN,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a verdict changes (all OURS)."""

    fall: int = 3
    """So many failures in a row make it DOWN."""
    rise: int = 3
    """So many good answers in a row are needed to come back (k good probes)."""
    settle: timedelta = timedelta(seconds=20)
    """The good answers must last this long: a fault that returns within it never shows as UP."""
    longest: timedelta = timedelta(minutes=5)
    """``settle`` doubles with every relapse, up to this (抑制抖动)."""
    relapse: timedelta = timedelta(minutes=10)
    """A fall so soon after a return is a relapse."""
    window: int = 20
    least: int = 10
    """Shares are judged from so many calls on."""
    down_share: float = 0.5
    degraded_share: float = 0.1
    slow_ms: int = 3000
    forget: timedelta = timedelta(seconds=60)
    """Without calls of its own for so long, what fails is doubted when its neighbours answer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of an operation, since when, and on which evidence (依据)."""

    health: Health
    since: datetime
    evidence: tuple[str, ...] = ()


class Machine:
    """The verdict on one operation. Not safe for threads; every method returns the verdict then."""

    def __init__(self, at: datetime, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.verdict = Verdict(Health.UNKNOWN, at)
        self.last_seen: datetime | None = None
        self._calls: deque[tuple[bool, int]] = deque(maxlen=self.limits.window)
        self._good = self._bad = 0
        self._good_since: datetime | None = None
        self._settle = self.limits.settle
        self._returned: datetime | None = None

    def answered(self, at: datetime, ms: int) -> Verdict:
        """Count an answer; a refusal for business reasons is one too."""
        self.last_seen = at
        self._calls.append((True, ms))
        self._bad = 0
        self._good += 1
        self._good_since = self._good_since or at
        if self.verdict.health is Health.DOWN:
            lasting = at - self._good_since >= self._settle
            if self._good < self.limits.rise or not lasting:
                return self.verdict
            self._returned = at
            # What failed before the return says nothing about now.
            self._calls.clear()
            self._calls.append((True, ms))
        return self._say(at, self._judged(), f"answered in {ms} ms")

    def failed(self, at: datetime, what: str) -> Verdict:
        """Count a failure; ``what`` is an outcome's name, never text from the other side."""
        self.last_seen = at
        self._calls.append((False, 0))
        self._good, self._good_since = 0, None
        self._bad += 1
        if self.verdict.health is Health.DOWN:
            return self.verdict
        share = self._failed_share()
        if self._bad >= self.limits.fall or share >= self.limits.down_share:
            return self._fall(at, f"{what} {self._bad} times in a row, {share:.0%} of the latest")
        # A single failure is no verdict on what was never seen.
        if self.verdict.health is Health.UNKNOWN:
            return self.verdict
        return self._say(at, self._judged(), what)

    def breaker_opened(self, at: datetime) -> Verdict:
        """Take the breaker's word (熔断): it has counted failures of its own."""
        self._good, self._good_since = 0, None
        if self.verdict.health is Health.DOWN:
            return self.verdict
        return self._fall(at, "breaker open")

    def neighbour_answered(self, at: datetime) -> Verdict:
        """Doubt a failure that nothing has confirmed for a while, when a probe succeeds."""
        quiet = self.last_seen is None or at - self.last_seen >= self.limits.forget
        if self.verdict.health in {Health.DOWN, Health.DEGRADED} and quiet:
            self._calls.clear()
            self._good = self._bad = 0
            return self._say(at, Health.UNKNOWN, "no call of its own lately; a probe succeeds")
        return self.verdict

    def adopt(self, verdict: Verdict) -> None:
        """Take over what another process found; counting begins anew."""
        self.verdict = verdict
        self._calls.clear()
        self._good = self._bad = 0
        self._good_since = None

    def _fall(self, at: datetime, why: str) -> Verdict:
        relapsed = self._returned is not None and at - self._returned < self.limits.relapse
        doubled = min(self._settle * 2, self.limits.longest)
        self._settle = doubled if relapsed else self.limits.settle
        return self._say(at, Health.DOWN, why)

    def _failed_share(self) -> float:
        if len(self._calls) < self.limits.least:
            return 0.0
        return sum(not good for good, _ in self._calls) / len(self._calls)

    def _judged(self) -> Health:
        if self._failed_share() > self.limits.degraded_share:
            return Health.DEGRADED
        times = sorted(ms for good, ms in self._calls if good)
        if len(times) < self.limits.rise:
            known = self.verdict.health in {Health.SLOW, Health.DEGRADED}
            return self.verdict.health if known else Health.UP
        # Slow comes at the limit and goes below two thirds of it.
        slow = self.limits.slow_ms
        edge = slow * 2 // 3 if self.verdict.health is Health.SLOW else slow
        return Health.SLOW if times[len(times) // 2] >= edge else Health.UP

    def _say(self, at: datetime, health: Health, why: str) -> Verdict:
        if health is not self.verdict.health:
            self.verdict = Verdict(health, at, (why,))
        return self.verdict
