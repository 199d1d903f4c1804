"""``python -m bench``: measures, writes a file, prints a table; or compares two such files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from bench import programs, report
from bench.names import AGAINST, NAMES, PROGRAMS

_RESULTS: Final = Path("var/bench")
_DATABASES: Final = ("sqlite", "postgresql")


def arguments(given: list[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--cases", type=int, default=1000, help="received cases to prepare")
    parser.add_argument("--database", choices=_DATABASES, action="append", help="default: both")
    parser.add_argument(
        "--only", choices=(*NAMES, *PROGRAMS), action="append", help="default: everything"
    )
    parser.add_argument(
        "--output", type=Path, default=None, help=f"default: {_RESULTS}/<date>.json"
    )
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    parser.add_argument("--profile", choices=tuple(AGAINST), help="where a case's time goes")
    return parser.parse_args(given)


def main() -> int:
    """Run the command line; return 1 when a server failed or answered errors."""
    given = arguments(sys.argv[1:])
    console = Console()
    if given.compare:
        before, after = (json.loads(path.read_text("utf-8")) for path in given.compare)
        report.show(report.comparison_table(before, after), console)
        return 0
    wanted = [] if given.profile else programs.chosen(given.only or ())
    if given.only and len(wanted) == len(set(given.only)):
        return programs.run(wanted, console)
    cores = os.sched_getaffinity(0)
    failed = _requests(given, console)
    os.sched_setaffinity(0, cores)
    return programs.run(wanted, console) or failed


def _requests(given: argparse.Namespace, console: Console) -> int:
    # Comparing files needs neither the gateway nor a database.
    from bench import harness
    from bench.suite import Options

    only = tuple(name for name in given.only or () if name in NAMES)
    options = Options(
        rounds=1 if given.quick else given.rounds,
        seconds=1.0 if given.quick else given.seconds,
        warm_up=0.3 if given.quick else 1.0,
        connections=given.connections,
        cases=min(given.cases, 500) if given.quick else given.cases,
        databases=tuple(given.database or _DATABASES),
        only=(given.profile,) if given.profile else only,
    )
    return harness.run(options, console, _RESULTS, given.output, profiling=bool(given.profile))


if __name__ == "__main__":
    sys.exit(main())
