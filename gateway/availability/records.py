"""What availability keeps as rows, and what it needs of their store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gateway.availability.health import Verdict
from gateway.availability.model import Interval, Override, Profile, Status, Window
from gateway.catalog.model import Item
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class Found:
    """A verdict as it was written, by which process and when."""

    adapter: str
    operation: str
    verdict: Verdict
    found_at: datetime
    found_by: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A profile with its stored status."""

    profile: Profile
    status: Status
    since: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """A profile's new status, to be kept."""

    key: str
    status: Status
    reasons: list[dict[str, Any]]
    at: datetime


class AvailabilityRepository(Protocol):
    """Verdicts, profiles, members, history, windows and overrides."""

    async def put_verdict(self, work: Work, region: str, found: Found) -> None:
        """Share a verdict."""
        ...

    async def verdicts(self, work: Work) -> list[Found]:
        """Return every shared verdict."""
        ...

    async def stale_items(self, work: Work, limit: int) -> list[tuple[Item, datetime]]:
        """Return items that belong to no profile yet, or were taken in anew since."""
        ...

    async def add_profiles(self, work: Work, found: Mapping[Profile, Status], at: datetime) -> None:
        """Store profiles that are new, with the beginning of their history."""
        ...

    async def put_members(
        self, work: Work, rows: Sequence[Mapping[str, Any]], found: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Store which profile and department items belong to, and the departments' windows."""
        ...

    async def profiles(self, work: Work) -> list[Kept]:
        """Return every profile."""
        ...

    async def places(self, work: Work) -> dict[str, dict[str, str]]:
        """Return every department's window."""
        ...

    async def members(self, work: Work, after: str) -> Sequence[tuple[str, str, str]]:
        """Return code, profile and department of the items after a code, a piece of them."""
        ...

    async def keep(self, work: Work, changed: Changed) -> bool:
        """Store a change, once whoever finds it first; return whether that was now."""
        ...

    async def history(
        self, work: Work, profile: str, start: datetime, end: datetime, limit: int
    ) -> list[Interval]:
        """Return a profile's intervals that touch a span, oldest first."""
        ...

    async def windows(self, work: Work, now: datetime) -> list[Window]:
        """Return maintenance that lasts or is to come, in the order of its beginning."""
        ...

    async def add_window(self, work: Work, window: Window) -> None:
        """Store a maintenance window."""
        ...

    async def cancel_window(self, work: Work, window_id: str, at: datetime) -> bool:
        """Cancel what is not over; return whether there was such a window."""
        ...

    async def overrides(self, work: Work) -> list[Override]:
        """Return everything that is laid down beside what is derived."""
        ...

    async def put_override(self, work: Work, override: Override, by: str, at: datetime) -> None:
        """Lay something down for an item or basic code; its items find their profile anew."""
        ...


def chunks(rows: Iterable[Changed], size: int) -> Iterable[list[Changed]]:
    """Yield pieces of a list that is written in several transactions."""
    every = list(rows)
    for start in range(0, len(every), size):
        yield every[start : start + size]
