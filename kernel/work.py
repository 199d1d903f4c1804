"""The unit of work as the domains see it: what must be written together, without a word of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]
JsonMap = Mapping[str, Json]

MAX_REFERENCE: Final = 64
"""Domains know a case only as an opaque reference of at most this many characters."""

open_works: ContextVar[int] = ContextVar("open_works", default=0)
"""How many units of work this execution holds open; upstream calls refuse to run unless 0."""


acting_for: ContextVar[str] = ContextVar("acting_for", default="")
"""The client that acts for the citizen who is served (委托办理, RFC 8693); empty without one."""


operated_by: ContextVar[str] = ContextVar("operated_by", default="")
"""The subject at the keyboard where a mandate lets it act for another one (代办); else empty."""


@dataclass(frozen=True)
class Move:
    """One state change (状态变更) and what is written with it: history row, outgoing event."""

    machine: str
    """Name of the state table, for example ``payments.pay``."""
    entity: str
    """Id of the row that moved."""
    old: str | None
    new: str
    event: str
    """Topic of the outgoing event, from the state table."""
    reference: str
    """What the event is about, as its readers know it; orders the event in a dense sequence."""
    actor: str
    """Who did it: ``citizen:<sub>``, ``staff:<id>``, ``system`` or ``upstream:<name>``."""
    data: JsonMap = field(default_factory=dict)
    """Payload of the event; holds no personal data."""
    note: str = ""
    """A short reason for the history, without personal data."""


def delegated(move: Move) -> Move:
    """Return a move with who really did it: the operator of a mandate in place of whom it acts for,
    who stays in the note; and the client that acts beside the citizen (delegation, RFC 8693).
    """
    operator = operated_by.get()
    if operator and move.actor.startswith("citizen:") and move.actor != f"citizen:{operator}":
        note = f"{move.note}; mandate of {move.actor}".removeprefix("; ")
        move = replace(move, actor=f"citizen:{operator}", note=note)
    client = acting_for.get()
    return replace(move, actor=f"{move.actor};act=client:{client}") if client else move


class Work(Protocol):
    """One open transaction. Repositories of this process know how to reach its connection."""

    async def moved(self, move: Move) -> None:
        """Write the history row and the outgoing event of a state change."""
        ...

    async def emit(self, topic: str, reference: str, data: JsonMap) -> None:
        """Write an outgoing event that belongs to no state change."""
        ...

    async def enqueue(
        self,
        kind: str,
        key: str,
        payload: JsonMap | None = None,
        *,
        due: datetime | None = None,
    ) -> bool:
        """Write a task (任务), taken from ``due`` on; False when (kind, key) is there already."""
        ...

    async def next_number(self, sequence: str) -> int:
        """Return the next number of a named sequence, from 1; gaps happen, repeats do not."""
        ...


class WorkSource(Protocol):
    """Opens units of work."""

    def begin(self) -> AbstractAsyncContextManager[Work]:
        """Open a transaction for writing; commits at the end, rolls back when an exception passes.

        Opened inside another one of the same execution, it joins that one.
        """
        ...

    def read(self) -> AbstractAsyncContextManager[Work]:
        """Open a unit for reading only; writing through it fails."""
        ...


class WorkHeldOpen(RuntimeError):
    """An upstream was called while a transaction was open: a programming error, never an answer."""


def require_no_open_work() -> None:
    """Raise WorkHeldOpen when this execution holds a unit of work (lock, call, record)."""
    if open_works.get():
        msg = "an upstream call was made inside a unit of work"
        raise WorkHeldOpen(msg)
