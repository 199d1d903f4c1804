"""What is measured, by name, and which baseline each case is compared with."""

from __future__ import annotations

from typing import Final

NO_DATABASE: Final = "-"
BARE: Final = "bare route"
NAIVE_INSERT: Final = "naive insert"
NAIVE_READ: Final = "naive read"
AGAINST: Final = {
    "accept a case": NAIVE_INSERT,
    "declare a case": NAIVE_INSERT,
    "case status": NAIVE_READ,
    "item list": NAIVE_READ,
}
"""Each case of the gateway and the baseline that its ratio is taken against."""
NAMES: Final = (*AGAINST, NAIVE_INSERT, NAIVE_READ, BARE)
PROGRAMS: Final = (
    "seals",
    "tokens",
    "signatures",
    "pushed payments",
    "money facts",
    "hung platform",
    "reconciliation",
)
"""Benchmarks that print figures of their own: they ask no server for anything."""
