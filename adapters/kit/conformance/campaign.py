"""All drills of one upstream under one disturbance, every operation disturbed once."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.kit.conformance.drills import Drill, drill_operation, operations_of
from adapters.kit.conformance.suites import drills_of
from adapters.kit.conformance.world import World


def drills_for(world: World) -> Sequence[Drill]:
    """Return the port's drills that this upstream can do, those that count effects first."""
    able = [d for d in drills_of(world.manifest.port) if not d.needs or world.can(d.needs)]
    return sorted(able, key=lambda drill: drill.effects is None)


async def undrilled(world: World) -> frozenset[str]:
    """Return the declared operations that no drill uses."""
    used: frozenset[str] = frozenset()
    for drill in drills_for(world):
        used |= await operations_of(world, drill)
    return frozenset(world.manifest.operations) - used


async def campaign(world: World, action: str) -> int:
    """Disturb every operation once, in the first drill that uses it; return how many there were."""
    done: set[str] = set()
    for drill in drills_for(world):
        for operation in sorted(await operations_of(world, drill) - done):
            await drill_operation(world, drill, operation, action)
            done.add(operation)
    return len(done)
