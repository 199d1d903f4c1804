"""How every implementation of a port is examined: with its own simulator, on real
sockets, by one suite per port.

A module ``adapters.kit.conformance.<port>`` (identity, e_license, e_seal, payments) offers

- functions ``async def check_<fact>(world: World) -> None``, each on a fresh world; a
fact that does not hold is
  an AssertionError. A suite that needs a capability begins with ``if not
  world.can("refund"): return``;
- ``DRILLS: Sequence[Drill]``: calls of the port's methods that together use every
operation of a manifest.

A drill receives a ``key``, new for every run, from which it derives its business keys:
the same key means the
same order, the same seal act, the same request id.
"""

from __future__ import annotations

from adapters.kit.conformance.drills import ACTIONS, Drill, drill_operation, operations_of
from adapters.kit.conformance.suites import checks_of, drills_of
from adapters.kit.conformance.world import FaultControl, Received, World, running

__all__ = [
    "ACTIONS",
    "Drill",
    "FaultControl",
    "Received",
    "World",
    "checks_of",
    "drill_operation",
    "drills_of",
    "operations_of",
    "running",
]
