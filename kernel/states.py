"""State machines are tables: an edge that is not listed does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from kernel.errors import IllegalTransition

S = TypeVar("S", bound=StrEnum)


class StateTable(Generic[S]):
    """The allowed transitions of one machine; every edge names the event that it publishes.

    Raises ValueError when it is built wrong: an unreachable state, or a final one with a way out.
    """

    def __init__(
        self,
        name: str,
        *,
        initial: S,
        edges: Mapping[tuple[S, S], str],
        terminal: frozenset[S],
    ) -> None:
        self.name = name
        self.initial = initial
        self.edges = dict(edges)
        self.terminal = terminal
        self._next: dict[S, tuple[S, ...]] = {}
        for old, new in edges:
            self._next[old] = (*self._next.get(old, ()), new)
        self._check(type(initial))

    def _check(self, states: type[S]) -> None:
        reached = {self.initial}
        todo = [self.initial]
        while todo:
            for new in self._next.get(todo.pop(), ()):
                if new not in reached:
                    reached.add(new)
                    todo.append(new)
        if lost := sorted(set(states) - reached):
            msg = f"{self.name}: unreachable states {lost}"
            raise ValueError(msg)
        dead_ends = {state for state in states if state not in self._next}
        if dead_ends != self.terminal:
            declared = sorted(self.terminal)
            msg = f"{self.name}: final states are {sorted(dead_ends)}, declared {declared}"
            raise ValueError(msg)

    def event(self, old: S, new: S) -> str:
        """Return the event of this edge; raise IllegalTransition with the allowed targets."""
        found = self.edges.get((old, new))
        if found is None:
            allowed = [str(state) for state in self.allowed(old)]
            raise IllegalTransition(self.name, str(old), str(new), allowed)
        return found

    def allowed(self, old: S) -> tuple[S, ...]:
        """Return the states that may follow ``old``, in the order of the table."""
        return self._next.get(old, ())

    def diagram(self) -> str:
        """Return the machine as a Mermaid state diagram, for the documentation."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial.name}"]
        for (old, new), event in self.edges.items():
            lines.append(f"    {old.name} --> {new.name}: {event}")
        lines += [f"    {state.name} --> [*]" for state in sorted(self.terminal)]
        return "\n".join(lines) + "\n"
