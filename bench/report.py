"""Tables for people: one run with its ratios, or what changed between two runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.names import AGAINST, BARE, NAMES, NO_DATABASE
from bench.stats import Key, Series, change, series, summarise

Summary = Mapping[Key, Mapping[str, Series]]
RATIO: Final = "ratio"

_COMPARED: Final = {RATIO: 1, "cpu_us": -1, "rps": 1, "p50_ms": -1, "p99_ms": -1}
"""Measures that two runs are compared by, and whether more is better (1) or worse (-1)."""
_UNITS: Final = {
    RATIO: "× naive CPU",
    "cpu_us": "CPU µs",
    "rps": "requests/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
}


def ratio(summary: Summary, key: Key, measure: str) -> float | None:
    """Return how many times better than its naive counterpart a case is; None without one.

    For ``rps`` ours divided by the baseline's, for costs the baseline's divided by ours: above 1 is
    always better.
    """
    name, database = key
    baseline = summary.get((AGAINST.get(name, ""), database))
    if baseline is None:
        return None
    ours, theirs = summary[key][measure].median, baseline[measure].median
    if measure == "rps":
        return ours / theirs if theirs else None
    return theirs / ours if ours else None


def paired(rounds: Iterable[Mapping[str, Any]]) -> dict[Key, Series]:
    """Return the CPU ratio to the naive counterpart, taken within each round.

    A machine that is slow for a while slows both: this moves less between runs than CPU µs do.
    """
    costs = {(one["case"], one["database"], one["round"]): one["cpu_us"] for one in rounds}
    found: dict[Key, list[float]] = {}
    for (name, database, number), ours in costs.items():
        theirs = costs.get((AGAINST.get(name, ""), database, number))
        if theirs is not None and ours:
            found.setdefault((name, database), []).append(theirs / ours)
    return {key: series(values) for key, values in found.items()}


def times_bare(summary: Summary, key: Key) -> float | None:
    """Return how many bare routes' worth of processor time a case costs."""
    bare = summary.get((BARE, NO_DATABASE))
    if bare is None or bare["cpu_us"].median == 0:
        return None
    return summary[key]["cpu_us"].median / bare["cpu_us"].median


def run_table(document: Mapping[str, Any]) -> Table:
    """Return the table of one run."""
    summary = summarise(document["rounds"])
    facts, options = document["machine"], document["options"]
    table = Table(
        title=f"{facts['cpu']}, Python {facts['python']}, {', '.join(facts['databases'])}",
        caption=(
            f"medians of {options['rounds']} rounds of {options['seconds']:g} s, "
            f"{options['connections']} connections; ± is half the range between rounds; "
            "× naive: how many times better than the naive counterpart"
        ),
    )
    table.add_column("case")
    table.add_column("database")
    for title in ("CPU µs", "±", "best", "db µs", "req/s", "p50 ms", "p99 ms"):
        table.add_column(title, justify="right")
    for title in ("× naive CPU", "× naive req/s", "bare routes", "generator µs"):
        table.add_column(title, justify="right")
    for key in ordered(summary):
        table.add_row(*_row(summary, key))
    return table


def ordered(summary: Summary) -> list[Key]:
    """Return the keys as a reader wants them: ours first, by case, then the baselines."""
    return sorted(summary, key=lambda key: (NAMES.index(key[0]), key[1]))


def _row(summary: Summary, key: Key) -> list[str]:
    found = summary[key]
    noise = found["cpu_us"].noise
    return [
        key[0],
        key[1],
        f"{found['cpu_us'].median:.0f}",
        "" if noise is None else f"{noise:.0%}",
        f"{found['cpu_us'].low:.0f}",
        f"{found['database_us'].median:.0f}" if found["database_us"].median else "",
        f"{found['rps'].median:.0f}",
        f"{found['p50_ms'].median:.1f}",
        f"{found['p99_ms'].median:.1f}",
        _times(ratio(summary, key, "cpu_us")),
        _times(ratio(summary, key, "rps")),
        _times(times_bare(summary, key), digits=0),
        f"{found['generator_us'].median:.0f}",
    ]


def _times(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def comparison_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """Return what changed from one run to the other, measure by measure."""
    old, new = _with_ratios(before["rounds"]), _with_ratios(after["rounds"])
    table = Table(
        title=f"{_named(before)} → {_named(after)}",
        caption="a change within the noise of both runs says nothing; one round has no known noise",
    )
    for title in ("case", "database", "measure"):
        table.add_column(title)
    for title in ("before", "after", "change", "noise"):
        table.add_column(title, justify="right")
    table.add_column("verdict")
    for key in ordered(new):
        if key not in old:
            continue
        for measure, sign in _COMPARED.items():
            if measure not in old[key] or measure not in new[key]:
                continue
            found = change(old[key][measure], new[key][measure])
            digits = 2 if measure == RATIO else 1
            table.add_row(
                *key,
                _UNITS[measure],
                f"{found.before:.{digits}f}",
                f"{found.after:.{digits}f}",
                f"{found.relative:+.1%}",
                "?" if found.noise is None else f"±{found.noise:.1%}",
                verdict(found.relative * sign, found.noise, certain=found.certain),
            )
    return table


def _with_ratios(rounds: list[dict[str, Any]]) -> Summary:
    ratios = paired(rounds)
    return {
        key: found | ({RATIO: ratios[key]} if key in ratios else {})
        for key, found in summarise(rounds).items()
    }


def verdict(gain: float, noise: float | None, *, certain: bool) -> str:
    """Return in a word what a change means; ``gain`` is positive for the better."""
    if noise is None:
        return "unknown"
    if not certain:
        return "within noise"
    return "better" if gain > 0 else "worse"


def _named(document: Mapping[str, Any]) -> str:
    return f"{document['started_at']} ({document['machine']['commit'] or 'no commit'})"


def show(table: Table, console: Console) -> None:
    """Print a table, as wide as it needs to be where the output is no terminal."""
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
