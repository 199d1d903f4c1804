"""What an item depends on, and what can be said about its being online (网上可办状态)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.availability.health import Health


class Need(StrEnum):
    """How much an item depends on a system (依赖程度)."""

    HARD = "HARD"
    STAND_IN_ALLOWED = "STAND_IN_ALLOWED"
    OPTIONAL = "OPTIONAL"


class StandIn(StrEnum):
    """What is done instead of asking a system that is away (替代办理方式)."""

    REFUSE = "REFUSE"
    UPLOAD = "UPLOAD"
    """The applicant brings a file instead of a licence."""
    DEFER = "DEFER"
    """Done later, by the system itself."""
    COMMITMENT = "COMMITMENT"
    """告知承诺"""
    CACHED = "CACHED"


class Status(StrEnum):
    """Whether an item can be applied for online now; apart from a legal suspension (暂停)."""

    AVAILABLE = "AVAILABLE"
    DEGRADED = "DEGRADED"
    TEMPORARILY_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
    OFFLINE_ONLY = "OFFLINE_ONLY"
    NOT_ONBOARDED = "NOT_ONBOARDED"


OPEN = frozenset({Status.AVAILABLE, Status.DEGRADED})
"""With these an application is taken."""


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """One system that an item needs; ``system`` is a port's or an adapter's name."""

    system: str
    region: str
    need: Need
    stand_in: StandIn = StandIn.REFUSE
    operation: str = "*"
    """An operation of it; ``*`` for all that it is called for."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All items with the same dependencies in the same region share their status."""

    key: str
    region: str
    declared: bool
    dependencies: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One adapter that may serve a system."""

    adapter: str
    system: str
    region: str


@dataclass(frozen=True, slots=True)
class Window:
    """A planned maintenance (计划维护) of a system or adapter."""

    window_id: str
    system: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    announced_by: str
    announced_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a status is not plainly AVAILABLE: which system, how it is, since when."""

    system: str
    operation: str
    need: Need
    health: Health | None
    """None where no adapter is connected."""
    since: datetime | None
    stand_in: StandIn
    expected_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The status of a profile and its reasons."""

    status: Status
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """One span of a profile's history (状态区间); ``ended_at`` is None while it lasts."""

    profile: str
    status: Status
    began_at: datetime
    ended_at: datetime | None
    reasons: list[dict[str, str | None]]


@dataclass(frozen=True, slots=True)
class Override:
    """What is laid down for one item (or one basic code) instead of what is derived."""

    item_code: str
    system: str
    need: Need
    stand_in: StandIn
    legal_basis: str
