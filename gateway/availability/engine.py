"""Keeps every item's online status true: hears calls, probes, recomputes, keeps history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from gateway.availability import wording
from gateway.availability.health import Health
from gateway.availability.model import (
    Dependency,
    Interval,
    Override,
    Profile,
    Source,
    Standing,
    Window,
)
from gateway.availability.records import AvailabilityRepository, Changed, Found, Kept, chunks
from gateway.availability.rules import derive, serves, standing
from gateway.availability.snapshot import Snapshot
from gateway.availability.watch import Watch
from gateway.catalog.model import Item
from kernel.clock import Clock
from kernel.db.errors import TROUBLE
from kernel.db.wake import listening
from kernel.db.work import SqlWorks
from kernel.work import Work

_log = structlog.get_logger("availability")
CHANGED: Final = "availability.changed"
HEALTH: Final = "availability.health"
_NOTICE: Final = timedelta(days=3)
"""How long ahead planned maintenance is shown with an item (OURS)."""
_TICK: Final = 1.0
_PAUSE: Final = 0.2
"""Other processes write events all day; they need not be followed one by one."""
_AT_ONCE: Final = 100
_ITEMS_AT_ONCE: Final = 2000
_INTERVALS: Final = 1000
_ITEMS_EVERY: Final = timedelta(seconds=30)
_SOON: Final = timedelta(seconds=5)
"""How often what is not fine is probed (OURS)."""


class Probed(Protocol):
    """What is asked of an upstream."""

    async def probe(self) -> Mapping[str, Any]:
        """Run the capability probe; ``status`` is ``ok`` when it can do its work."""
        ...

    def breakers(self) -> Mapping[str, str]:
        """Return the breaker's state of every operation."""
        ...


class Availability:
    """The availability of every item in this process (网上可办状态)."""

    def __init__(
        self,
        *,
        repository: AvailabilityRepository,
        works: SqlWorks,
        clock: Clock,
        watch: Watch,
        upstreams: Mapping[str, Probed],
        process: str,
        every: float,
    ) -> None:
        """``every`` is how many seconds an upstream may be without traffic before it is probed."""
        self.snapshot = Snapshot()
        self.watch = watch
        self.windows: Sequence[Window] = ()
        self._repository = repository
        self._works = works
        self._clock = clock
        self._upstreams = upstreams
        self._process = process
        self._every = timedelta(seconds=every)
        self._overrides: Sequence[Override] = ()
        self._served: dict[tuple[str, str], tuple[Source, ...]] = {}
        self._loaded = False
        self._loading = asyncio.Lock()
        self._items_due: datetime | None = None
        self._opened: set[tuple[str, str]] = set()
        self._probed: dict[str, datetime] = {}
        self._news = asyncio.Event()
        watch.on_change = self._news.set

    # ---- asking ----------------------------------------------------------------------------------

    async def ready(self) -> Snapshot:
        """Return the snapshot, loaded."""
        if not self._loaded:
            async with self._loading:
                if not self._loaded:
                    await self.load()
        return self.snapshot

    async def catch_up(self, code: str) -> None:
        """Read everything anew unless this item is known: it was taken in a moment ago."""
        async with self._loading:
            if code not in self.snapshot.items:
                await self.load()

    def of_item(self, item: Item) -> Standing:
        """Return how an item stands now, by what this process knows; asks nobody."""
        slot = self.snapshot.items.get(item.code)
        if slot is not None:
            return slot.entry.standing
        return self._standing(derive(item, self._overrides), self._clock.now())

    # ---- what people lay down -------------------------------------------------------------------

    async def announce(self, work: Work, window: Window) -> None:
        """Store planned maintenance (计划维护); every process sees it within a second or two."""
        await self._repository.add_window(work, window)
        await work.emit(HEALTH, f"maintenance:{window.window_id}", {"system": window.system})
        self._news.set()

    async def call_off(self, work: Work, window_id: str) -> bool:
        """Cancel maintenance that is not over; return whether there was such."""
        done = await self._repository.cancel_window(work, window_id, self._clock.now())
        await work.emit(HEALTH, f"maintenance:{window_id}", {"cancelled": True})
        self._news.set()
        return done

    async def lay_down(self, work: Work, override: Override, by: str) -> None:
        """Lay down how much an item, or all of one basic code, depends on a system."""
        await self._repository.put_override(work, override, by, self._clock.now())
        self._items_due = None

    async def history(self, profile: str, start: datetime, end: datetime) -> list[Interval]:
        """Return a profile's intervals in a span, oldest first, at most a thousand."""
        async with self._works.read() as work:
            return await self._repository.history(work, profile, start, end, _INTERVALS)

    # ---- keeping up ------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read everything: items that are new find their profile first."""
        while await self._take_items():
            pass
        async with self._works.read() as work:
            self.windows = await self._repository.windows(work, self._clock.now())
            for found in await self._repository.verdicts(work):
                self.watch.adopt(found)
            kept = await self._repository.profiles(work)
            places = await self._repository.places(work)
            fresh = Snapshot()
            fresh.put_places(places)
            self._fill(fresh, kept)
            last = ""
            while rows := await self._repository.members(work, last):
                fresh.put_members(rows)
                last = rows[-1][0]
        self.snapshot = fresh
        self._loaded = True
        self._items_due = self._clock.now() + _ITEMS_EVERY

    async def settle(self) -> None:
        """Share what changed here, and keep what follows from it; the snapshot comes first."""
        await self.ready()
        taken = self.watch.take_changed()
        if not taken:
            return
        changed = self.recompute({key[0] for key, _, _ in taken})
        try:
            async with self._works.begin() as work:
                for (adapter, operation), verdict, at in taken:
                    found = Found(adapter, operation, verdict, at, self._process)
                    region = self.watch.sources[adapter].region
                    await self._repository.put_verdict(work, region, found)
                    data = {"operation": operation, "health": verdict.health.value}
                    await work.emit(HEALTH, f"upstream:{adapter}", data)
            await self._keep(changed)
        except TROUBLE:
            self.watch.give_back(taken)
            raise

    async def look(self) -> None:
        """Read what other processes found and people laid down."""
        await self.ready()
        now = self._clock.now()
        async with self._works.read() as work:
            found = await self._repository.verdicts(work)
            windows = await self._repository.windows(work, now)
        adopted = {one.adapter for one in found if self.watch.adopt(one)}
        everything = windows != self.windows or any(w.starts_at <= now for w in windows)
        self.windows = windows
        if adopted or everything:
            self.recompute(None if everything else adopted)

    async def tend(self) -> None:
        """Do what one process does for all: probe, take items in, keep what nobody kept."""
        await self.ready()
        await self.probe_due()
        await self.settle()
        if self._items_due is None or self._clock.now() >= self._items_due:
            self._items_due = self._clock.now() + _ITEMS_EVERY
            if await self._take_items():
                await self.load()
        async with self._works.read() as work:
            kept = {one.profile.key: one.status for one in await self._repository.profiles(work)}
        await self._keep(
            [
                self._changed(entry.profile.key)
                for entry in self.snapshot.entries.values()
                if kept.get(entry.profile.key) not in {None, entry.standing.status}
            ]
        )

    @asynccontextmanager
    async def running(self, *, tending: bool) -> AsyncIterator[None]:
        """Keep up while the block runs; ``tending`` is for the worker."""
        following = asyncio.create_task(self._follow(tending=tending))
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    async def _follow(self, *, tending: bool) -> None:
        async with listening(self._works.database, "event", self._news.set):
            while True:
                self._news.clear()
                try:
                    self._hear_breakers()
                    await self.settle()
                    await self.look()
                    if tending:
                        await self.tend()
                except TROUBLE as exc:
                    _log.warning("availability_waits", reason=type(exc).__name__)
                await asyncio.sleep(_PAUSE)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK):
                        await self._news.wait()

    async def probe_due(self) -> None:
        """Probe what had no traffic for a while, and more often what is not fine."""
        now = self._clock.now()
        due = [name for name in self._upstreams if self._next_check(name) <= now]
        for name in due:
            self._probed[name] = now
        await asyncio.gather(*(self._probe(name) for name in due))

    def _next_check(self, name: str) -> datetime:
        verdict = self.watch.verdict(name, "*")
        seen, probed = self.watch.last_seen(name), self._probed.get(name)
        last = max((at for at in (seen, probed) if at is not None), default=None)
        if last is None:
            return self._clock.now()
        if verdict is not None and verdict.health in {Health.DOWN, Health.DEGRADED}:
            return (probed or last) + min(_SOON, self._every)
        return last + self._every

    async def _probe(self, name: str) -> None:
        # The probe's calls are heard like any others; only its success is news of its own.
        found = await self._upstreams[name].probe()
        self.watch.probed(name, self._clock.now(), good=found["status"] == "ok")

    def _hear_breakers(self) -> None:
        """Take the word of breakers that have opened since; open ones stay so until asked again."""
        opened = {
            (name, operation)
            for name, upstream in self._upstreams.items()
            for operation, state in upstream.breakers().items()
            if state == "open"
        }
        for name, operation in opened - self._opened:
            self.watch.breaker_open(name, operation, self._clock.now())
        self._opened = opened

    def recompute(self, adapters: Collection[str] | None = None) -> list[Changed]:
        """Judge every profile anew that these adapters touch (None: all); return what changed."""
        now, changed = self._clock.now(), []
        planned = self._planned(now)
        for entry in self.snapshot.entries.values():
            if adapters is not None and not any(
                source.adapter in adapters
                for one in entry.profile.dependencies
                for source in self._sources(one)
            ):
                continue
            found = self._standing(entry.profile, now)
            ahead = self._concerning(planned, entry.profile.dependencies)
            if found == entry.standing and ahead == entry.planned:
                continue
            moved = found.status is not entry.standing.status
            self.snapshot.put_profile(entry.profile, found, now if moved else entry.since, ahead)
            if moved:
                changed.append(self._changed(entry.profile.key))
        return changed

    # ---- inside ----------------------------------------------------------------------------------

    def _fill(self, snapshot: Snapshot, kept: Sequence[Kept]) -> None:
        now = self._clock.now()
        planned = self._planned(now)
        for one in kept:
            found = self._standing(one.profile, now)
            since = one.since if found.status is one.status else now
            ahead = self._concerning(planned, one.profile.dependencies)
            snapshot.put_profile(one.profile, found, since, ahead)

    def _standing(self, profile: Profile, now: datetime) -> Standing:
        return standing(profile, self._sources, self.watch.verdict, self.windows, now)

    def _sources(self, dependency: Dependency) -> tuple[Source, ...]:
        key = (dependency.system, dependency.region)
        found = self._served.get(key)
        if found is None:
            every = self.watch.sources.values()
            found = self._served[key] = tuple(s for s in every if serves(s, dependency))
        return found

    def _planned(self, now: datetime) -> list[Window]:
        return [one for one in self.windows if one.starts_at - _NOTICE <= now < one.ends_at]

    def _concerning(
        self, planned: Sequence[Window], dependencies: Sequence[Dependency]
    ) -> tuple[Window, ...]:
        if not planned:
            return ()
        names = {one.system for one in dependencies}
        names |= {source.adapter for one in dependencies for source in self._sources(one)}
        return tuple(window for window in planned if window.system in names)

    def _changed(self, key: str) -> Changed:
        entry = self.snapshot.entries[key]
        reasons = [wording.reason_document(one) for one in entry.standing.reasons]
        return Changed(key, entry.standing.status, reasons, entry.since)

    async def _keep(self, changed: Sequence[Changed]) -> None:
        for piece in chunks(changed, _AT_ONCE):
            async with self._works.begin() as work:
                for one in piece:
                    if await self._repository.keep(work, one):
                        entry = self.snapshot.entries[one.key]
                        data = {"items": entry.items, **self.snapshot.event(entry)}
                        await work.emit(CHANGED, f"availability:{one.key}", data)

    async def _take_items(self) -> int:
        """Let a piece of the items that are new or changed find their profile."""
        async with self._works.read() as work:
            stale = await self._repository.stale_items(work, _ITEMS_AT_ONCE)
            self._overrides = await self._repository.overrides(work)
        if not stale:
            return 0
        now = self._clock.now()
        profiles, rows, places = {}, [], {}
        for item, at in stale:
            profile = derive(item, self._overrides)
            profiles[profile] = self._standing(profile, now).status
            department = item.department
            places[department.uscc] = {
                "department": department.name,
                "address": department.window,
                "hours": department.hours,
                "phone": department.phone,
            }
            rows.append(
                {
                    "code": item.code,
                    "profile": profile.key,
                    "department": department.uscc,
                    "item_at": at,
                }
            )
        async with self._works.begin() as work:
            await self._repository.add_profiles(work, profiles, now)
            await self._repository.put_members(work, rows, places)
        return len(rows)
