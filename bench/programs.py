"""The benchmarks that are programs of their own: they measure no requests to the server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console

from bench.names import PROGRAMS

_ARGUMENTS: Final = {
    "seals": ("bench.eseal",),
    "tokens": ("bench.tokens",),
    "pushed payments": ("bench.payments", "1000"),
    "money facts": ("bench.money_facts", "25"),
    "hung platform": ("bench.hung_platform", "3"),
    "signatures": ("bench.signatures",),
    "reconciliation": ("bench.reconciliation", "20000"),
}


def chosen(only: Sequence[str]) -> list[str]:
    """Return the programs among these names; all of them when nothing is named."""
    return [name for name in PROGRAMS if not only or name in only]


def run(names: Sequence[str], console: Console) -> int:
    """Run them one after the other; return 1 when one failed."""
    failed = 0
    for name in names:
        console.rule(name)
        # Each needs both cores and a clean process: the harness has put itself on one.
        finished = subprocess.run([sys.executable, "-m", *_ARGUMENTS[name]], check=False)
        failed |= finished.returncode != 0
    return int(failed)
