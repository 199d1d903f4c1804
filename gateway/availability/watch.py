"""What this process and others have seen of the upstreams, as one verdict per operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from gateway.availability.health import BEST_FIRST, Health, Limits, Machine, Verdict
from gateway.availability.model import Source
from gateway.availability.records import Found

_ANSWERS: Final = frozenset({"ok", "rejected"})
_FAILURES: Final = frozenset({"unavailable", "outcome_unknown", "auth_failed", "protocol_error"})
"""What was not sent, was cancelled, or broke on our side says nothing about the other side."""

Key = tuple[str, str]


class Watch:
    """The machines of one process; ``on_change`` is called at once, in the caller's task."""

    def __init__(
        self,
        sources: Iterable[Source],
        limits: Limits,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.sources: Mapping[str, Source] = {one.adapter: one for one in sources}
        self.on_change = on_change
        self._limits = limits
        self._machines: dict[Key, Machine] = {}
        self._of_adapter: dict[str, list[Machine]] = {}
        self._changed: dict[Key, datetime] = {}
        self._found_at: dict[Key, datetime] = {}

    def heard(self, adapter: str, operation: str, outcome: str, ms: int, at: datetime) -> None:
        """Take one finished call."""
        if outcome in _ANSWERS:
            self._apply(adapter, operation, at, lambda machine: machine.answered(at, ms))
        elif outcome in _FAILURES:
            self._apply(adapter, operation, at, lambda machine: machine.failed(at, outcome))

    def breaker_open(self, adapter: str, operation: str, at: datetime) -> None:
        """Take an open breaker."""
        self._apply(adapter, operation, at, lambda machine: machine.breaker_opened(at))

    def probed(self, adapter: str, at: datetime, *, good: bool) -> None:
        """Take a probe's success: neighbours that failed long ago are doubted."""
        if good:
            for key in [key for key in self._machines if key[0] == adapter]:
                self._apply(*key, at, lambda machine: machine.neighbour_answered(at))

    def adopt(self, found: Found) -> bool:
        """Take over another process's newer verdict; return whether it says something new."""
        key = (found.adapter, found.operation)
        known = self._found_at.get(key)
        if found.adapter not in self.sources or key in self._changed:
            return False
        if known is not None and known >= found.found_at:
            return False
        self._found_at[key] = found.found_at
        machine = self._machine(key, found.found_at)
        new = machine.verdict.health is not found.verdict.health
        if new:
            machine.adopt(found.verdict)
        return new

    def take_changed(self) -> list[tuple[Key, Verdict, datetime]]:
        """Return what has changed here since the last time."""
        taken = [(key, self._machines[key].verdict, at) for key, at in self._changed.items()]
        self._found_at.update(self._changed)
        self._changed.clear()
        return taken

    def give_back(self, taken: Iterable[tuple[Key, Verdict, datetime]]) -> None:
        """Take back what could not be written, to be tried again."""
        for key, _, at in taken:
            self._changed.setdefault(key, at)

    def verdict(self, adapter: str, operation: str) -> Verdict | None:
        """Return what is known of an operation; of ``*``, the worst of what is known."""
        if operation != "*":
            machine = self._machines.get((adapter, operation))
            return None if machine is None else machine.verdict
        known = [
            machine.verdict
            for machine in self._of_adapter.get(adapter, ())
            if machine.verdict.health is not Health.UNKNOWN
        ]
        return max(known, key=lambda one: BEST_FIRST.index(one.health), default=None)

    def last_seen(self, adapter: str) -> datetime | None:
        """Return when this process last saw an adapter answer or fail."""
        seen = [m.last_seen for m in self._of_adapter.get(adapter, ()) if m.last_seen is not None]
        return max(seen, default=None)

    def rows(self) -> list[tuple[Key, Verdict]]:
        """Return every verdict."""
        return [(key, machine.verdict) for key, machine in sorted(self._machines.items())]

    def _apply(
        self, adapter: str, operation: str, at: datetime, act: Callable[[Machine], Verdict]
    ) -> None:
        if adapter not in self.sources:
            return
        key = (adapter, operation)
        machine = self._machine(key, at)
        before = machine.verdict.health
        if act(machine).health is not before:
            self._changed[key] = at
            self.on_change()

    def _machine(self, key: Key, at: datetime) -> Machine:
        machine = self._machines.get(key)
        if machine is None:
            machine = self._machines[key] = Machine(at, self._limits)
            self._of_adapter.setdefault(key[0], []).append(machine)
        return machine
