"""Tables of a profile that ``bench.profiled`` took: by package, and by function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table

_SHOWN: Final = 30


def shares(samples: Mapping[str, int], total: int) -> list[tuple[str, float]]:
    """Return the names with their part of a total, the largest first."""
    if total <= 0:
        return []
    found = [(name, spent / total) for name, spent in samples.items()]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def tables(profile: Mapping[str, Any], cpu_us: float) -> list[Table]:
    """Return the tables of a profile; microseconds are parts of the request's processor time."""
    total = sum(profile["packages"].values())
    titles = {
        "packages": "own time by package",
        "own": "own time by function",
        "ours": "time in our functions and what they call, SQL apart: its stack is its own",
    }
    found = []
    for kind, title in titles.items():
        shown = Table(title=f"{title}; {profile['taken']} samples")
        shown.add_column("where")
        shown.add_column("part", justify="right")
        shown.add_column("µs per request", justify="right")
        for name, part in shares(profile[kind], total)[:_SHOWN]:
            shown.add_row(name, f"{part:.1%}", f"{part * cpu_us:.0f}")
        found.append(shown)
    return found
