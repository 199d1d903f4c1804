"""Where the server's time goes: cProfile under load, minus what starting up costs."""

from __future__ import annotations

import pstats
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

Function = tuple[str, int, str]
_CALLS, _OWN, _ALL = 1, 2, 3
_SHOWN: Final = 40


@dataclass(frozen=True)
class Cost:
    """What one function costs per request, in calls and microseconds under the profiler."""

    where: str
    calls: float
    own_us: float
    all_us: float


def read(path: Path) -> dict[Function, tuple[int, float, float]]:
    """Return calls, own seconds and all seconds by function from a profile."""
    # Stats.stats is not in the type stubs, though the documentation of pstats builds on it.
    found = vars(pstats.Stats(str(path)))["stats"]
    return {name: (row[_CALLS], row[_OWN], row[_ALL]) for name, row in found.items()}


def costs(
    idle: Mapping[Function, tuple[int, float, float]],
    busy: Mapping[Function, tuple[int, float, float]],
    requests: int,
) -> list[Cost]:
    """Return the costs per request, own time first, of what a busy run did beyond an idle one."""
    found = []
    for function, (calls, own, all_) in busy.items():
        calls0, own0, all0 = idle.get(function, (0, 0.0, 0.0))
        found.append(
            Cost(
                _where(function),
                (calls - calls0) / requests,
                (own - own0) / requests * 1e6,
                (all_ - all0) / requests * 1e6,
            )
        )
    return sorted(found, key=lambda cost: cost.own_us, reverse=True)


def table(found: list[Cost], requests: int) -> Table:
    """Return the table of the dearest functions."""
    shown = Table(title=f"per request, over {requests} requests; the profiler slows all this")
    shown.add_column("function")
    for title in ("calls", "own µs", "all µs"):
        shown.add_column(title, justify="right")
    for cost in found[:_SHOWN]:
        shown.add_row(cost.where, f"{cost.calls:.1f}", f"{cost.own_us:.1f}", f"{cost.all_us:.1f}")
    return shown


def _where(function: Function) -> str:
    file, line, name = function
    if file == "~":
        return name
    short = file.rpartition("/site-packages/")[2] if "/site-packages/" in file else file
    return f"{'/'.join(short.split('/')[-3:])}:{line} {name}"
