"""Every item's answer, ready to be sent: a query is a look-up, never a computation."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gateway.availability import wording
from gateway.availability.model import Profile, Standing, Status, Window

_NO_PLACE: Final = {"department": "", "address": "", "hours": "", "phone": ""}


@dataclass(slots=True)
class Entry:
    """A profile and how it stands."""

    profile: Profile
    standing: Standing
    since: datetime
    planned: tuple[Window, ...] = ()
    tail: bytes = b""
    etag: bytes = b""
    items: int = 0


@dataclass(slots=True)
class Slot:
    """All items of one profile and one department: they differ by their codes only."""

    entry: Entry
    window: bytes
    tail: bytes = b""

    def refresh(self) -> None:
        """Put the answer together anew."""
        self.tail = b'","window":' + self.window + b"," + self.entry.tail


@dataclass
class Snapshot:
    """What this process answers with."""

    entries: dict[str, Entry] = field(default_factory=dict)
    items: dict[str, Slot] = field(default_factory=dict)
    _slots: dict[tuple[str, str], Slot] = field(default_factory=dict)
    _of_entry: dict[str, list[Slot]] = field(default_factory=dict)
    _places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def put_places(self, places: Mapping[str, Mapping[str, str]]) -> None:
        """Take the windows of departments, before their items."""
        self._places = places

    def put_profile(
        self, profile: Profile, standing: Standing, since: datetime, planned: Iterable[Window]
    ) -> Entry:
        """Take a profile with its status, or its status anew."""
        entry = self.entries.get(profile.key)
        if entry is None:
            entry = self.entries[profile.key] = Entry(profile, standing, since)
        entry.standing, entry.since, entry.planned = standing, since, tuple(planned)
        shared = {
            "profile": profile.key,
            "region": profile.region,
            "declared_online": profile.declared,
            "since": since.isoformat(),
            **wording.document(standing, entry.planned),
        }
        entry.tail = _json(shared)[1:]
        for slot in self._of_entry.get(profile.key, ()):
            slot.refresh()
        entry.etag = b'"' + hashlib.sha256(entry.tail).hexdigest()[:20].encode() + b'"'
        return entry

    def put_members(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Take items: code, profile, department."""
        for code, key, department in rows:
            slot = self._slots.get((key, department))
            if slot is None:
                entry = self.entries[key]
                window = {**_NO_PLACE, **self._places.get(department, {})}
                slot = self._slots[key, department] = Slot(entry, _json(window))
                slot.refresh()
                self._of_entry.setdefault(key, []).append(slot)
            slot.entry.items += 1
            self.items[code] = slot

    def answer(self, code: str) -> tuple[bytes, bytes] | None:
        """Return body and ETag of an item, None for one that is not known."""
        slot = self.items.get(code)
        if slot is None:
            return None
        # Only known codes come here, and those need no escaping.
        return b'{"item_code":"' + code.encode() + slot.tail, slot.entry.etag

    def region(self, regions: Iterable[str]) -> dict[str, Any]:
        """Return how many items of these regions stand how, and every profile that is not fine."""
        wanted = frozenset(regions)
        counts: Counter[Status] = Counter()
        affected = []
        for entry in self.entries.values():
            if entry.profile.region not in wanted or not entry.items:
                continue
            status = entry.standing.status
            counts[status] += entry.items
            if entry.standing.reasons:
                affected.append({"items": entry.items, **self.event(entry)})
        return {
            "items": sum(counts.values()),
            "counts": {status.value: counts[status] for status in Status},
            "affected": affected,
        }

    @staticmethod
    def event(entry: Entry) -> dict[str, Any]:
        """Return what is told of a profile's change."""
        return {
            "profile": entry.profile.key,
            "region": entry.profile.region,
            "status": entry.standing.status.value,
            "since": entry.since.isoformat(),
            "reasons": [wording.reason_document(one) for one in entry.standing.reasons],
        }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
