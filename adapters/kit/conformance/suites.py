"""Finds the checks and drills that a port's suite offers."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.world import World
from adapters.kit.manifest import Port

Fact = Callable[[World], Awaitable[None]]


def suite_of(port: Port) -> ModuleType:
    """Import a port's suite; raises ModuleNotFoundError when there is none."""
    return importlib.import_module(f"adapters.kit.conformance.{port.value}")


def checks_of(port: Port) -> Sequence[tuple[str, Fact]]:
    """Return the suite's (name, check) in the order in which they are written."""
    found = [
        (name, function)
        for name, function in inspect.getmembers(suite_of(port), inspect.iscoroutinefunction)
        if name.startswith("check_")
    ]
    return sorted(found, key=lambda item: inspect.getsourcelines(item[1])[1])


def drills_of(port: Port) -> Sequence[Drill]:
    """Return the suite's drills."""
    drills: Sequence[Drill] = suite_of(port).DRILLS
    return drills
