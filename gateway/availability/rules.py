"""Pure rules: what an item depends on, what its status is, and how much of a span it was open."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from gateway.availability.health import BEST_FIRST, Health, Verdict
from gateway.availability.model import (
    OPEN,
    Dependency,
    Interval,
    Need,
    Override,
    Profile,
    Reason,
    Source,
    StandIn,
    Standing,
    Status,
    Window,
)
from gateway.catalog.model import Item
from kernel import divisions

VerdictOf = Callable[[str, str], Verdict | None]
"""Returns what is known of an adapter's operation, ``*`` for all of them together."""

SourcesOf = Callable[[Dependency], Sequence[Source]]
"""Returns the adapters that serve a dependency."""


def derive(item: Item, overrides: Iterable[Override] = ()) -> Profile:
    """Return the profile that an item belongs to.

    Identity is always needed; a licence may be replaced by an upload; documents are sealed later
    by themselves; a fee that cannot be paid holds the case up, unless an override defers it.
    """
    found = {"identity": (Need.HARD, StandIn.REFUSE)}
    if any(material.licence_types for material in item.materials):
        found["e_license"] = (Need.STAND_IN_ALLOWED, StandIn.UPLOAD)
    if item.fees:
        found["payments"] = (Need.HARD, StandIn.REFUSE)
    if item.department.seal_code:
        found["e_seal"] = (Need.STAND_IN_ALLOWED, StandIn.DEFER)
    # What is said of the very item wins over what is said of its basic code.
    chosen = [one for one in overrides if one.item_code in {item.code, item.basic_code}]
    for override in sorted(chosen, key=lambda one: one.item_code == item.code):
        found[override.system] = (override.need, override.stand_in)
    dependencies = tuple(sorted(Dependency(name, item.region, *how) for name, how in found.items()))
    return profile_of(item.region, item.declared_online, dependencies)


def profile_of(region: str, declared: bool, dependencies: tuple[Dependency, ...]) -> Profile:  # noqa: FBT001 - a fact, not a switch
    """Return a profile with its key, which follows from what it holds."""
    parts = [region, str(declared)]
    for one in dependencies:
        parts += [one.system, one.operation, one.region, one.need, one.stand_in]
    key = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
    return Profile(key, region, declared, dependencies)


def serves(source: Source, dependency: Dependency) -> bool:
    """Return whether an adapter serves a dependency's system in its region."""
    if dependency.system not in {source.system, source.adapter}:
        return False
    if source.region.endswith("0000") and source.region[:2] in {"10", dependency.region[:2]}:
        return True
    return source.region[:2] == dependency.region[:2] and divisions.within(
        dependency.region, source.region
    )


def standing(
    profile: Profile,
    sources_of: SourcesOf,
    verdict_of: VerdictOf,
    windows: Sequence[Window],
    now: datetime,
) -> Standing:
    """Return a profile's status now, with every reason that is worth telling."""
    if not profile.declared:
        return Standing(Status.OFFLINE_ONLY)
    status = Status.AVAILABLE
    reasons = []
    for dependency in profile.dependencies:
        reason = _reason(dependency, sources_of(dependency), verdict_of, windows, now)
        if reason is None:
            continue
        reasons.append(reason)
        status = max(status, _effect(reason), key=_GRAVITY.index)
    return Standing(status, tuple(reasons))


_GRAVITY = [
    Status.AVAILABLE,
    Status.DEGRADED,
    Status.TEMPORARILY_UNAVAILABLE,
    Status.NOT_ONBOARDED,
    Status.OFFLINE_ONLY,
]
_AWAY = frozenset({Health.DOWN, Health.MAINTENANCE})


def _reason(
    dependency: Dependency,
    sources: Sequence[Source],
    verdict_of: VerdictOf,
    windows: Sequence[Window],
    now: datetime,
) -> Reason | None:
    """Return what is wrong with a dependency: the best of several adapters counts."""
    best: tuple[int, Health, datetime | None, datetime | None] | None = None
    for source in sources:
        window = next((w for w in windows if _covers(w, source, now)), None)
        verdict = verdict_of(source.adapter, dependency.operation)
        health = Health.UNKNOWN if verdict is None else verdict.health
        since = None if verdict is None else verdict.since
        if window is not None:
            health, since = Health.MAINTENANCE, window.starts_at
        rank = BEST_FIRST.index(health)
        if best is None or rank < best[0]:
            best = (rank, health, since, None if window is None else window.ends_at)
    if best is None:
        return Reason(
            dependency.system,
            dependency.operation,
            dependency.need,
            None,
            None,
            dependency.stand_in,
        )
    _, health, since, end = best
    if health in {Health.UP, Health.UNKNOWN}:
        return None
    return Reason(
        dependency.system,
        dependency.operation,
        dependency.need,
        health,
        since,
        dependency.stand_in,
        end,
    )


def _covers(window: Window, source: Source, now: datetime) -> bool:
    named = window.system in {source.system, source.adapter}
    return named and window.starts_at <= now < window.ends_at


def _effect(reason: Reason) -> Status:
    if reason.need is Need.OPTIONAL or reason.health is Health.SLOW:
        return Status.AVAILABLE
    if reason.need is Need.HARD or reason.stand_in is StandIn.REFUSE:
        if reason.health is None:
            return Status.NOT_ONBOARDED
        return Status.TEMPORARILY_UNAVAILABLE if reason.health in _AWAY else Status.DEGRADED
    return Status.DEGRADED


def open_share(intervals: Iterable[Interval], start: datetime, end: datetime) -> timedelta:
    """Return how long, of a span, a profile was open for applications by its intervals."""
    total = timedelta()
    for one in intervals:
        if one.status in OPEN:
            until = end if one.ended_at is None else min(one.ended_at, end)
            total += max(timedelta(), until - max(one.began_at, start))
    return total
