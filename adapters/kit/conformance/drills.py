"""Failure drills (故障演练): the same call under everything a network can do, and what
the adapter must then say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from adapters.kit.conformance.world import World
from adapters.kit.deadline import deadline
from adapters.kit.manifest import Operation
from adapters.sandbox.faults import Action
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

NOWHERE: Final = "nowhere"
"""Nothing listens at the upstream's address."""
ACTIONS: Final = (NOWHERE, *(action.value for action in Action))
DRILL_SECONDS: Final = 1.5
_HARMLESS: Final = frozenset({Action.SLOW.value, Action.DUPLICATE.value})


@dataclass(frozen=True)
class Drill:
    """One call of a port's method, to be disturbed.

    ``call`` makes it with fresh business keys derived from the key that it is given, and
    the same ones for the
    same key. ``effects`` counts what the upstream holds for that key. ``quiet``: the port
    has a value for "no
    answer", so that the call may return it instead of raising.
    """

    name: str
    call: Callable[[World, str], Awaitable[object]]
    effects: Callable[[World, str], Awaitable[int]] | None = None
    quiet: bool = False
    needs: str = ""
    """A capability without which the drill is left out."""


async def operations_of(world: World, drill: Drill) -> frozenset[str]:
    """Run the drill undisturbed and return the operations that it used; it must succeed."""
    world.reconnect()
    before = len(world.calls)
    await drill.call(world, world.ids.new("drill"))
    return frozenset(record.operation for record in world.calls[before:])


async def drill_operation(world: World, drill: Drill, operation: str, action: str) -> None:
    """Disturb one operation of a drill once; raises AssertionError for a wrong reaction."""
    spec = world.manifest.operation(operation)
    key = world.ids.new("drill")
    raised = await _disturbed(world, drill, operation, action, key)
    verdict = judge(spec, action, raised, quiet=drill.quiet)
    assert not verdict, f"{drill.name}, {operation} under {action}: {verdict}"
    if drill.effects is not None:
        await _require_one_effect(world, drill, spec, action, key)


async def _disturbed(
    world: World, drill: Drill, operation: str, action: str, key: str
) -> UpstreamError | None:
    if action == NOWHERE:
        world.reconnect_to_nowhere()
    else:
        world.reconnect()
        await world.faults.set(action, operation=operation)
    raised: UpstreamError | None = None
    try:
        async with deadline(DRILL_SECONDS):
            await drill.call(world, key)
    except UpstreamError as exc:
        raised = exc
    if action != NOWHERE:
        used = await world.faults.used()
        assert used, f"{drill.name}: the simulator never saw {operation}; does its handler name it?"
        await world.faults.clear()
    world.reconnect()
    return raised


def judge(spec: Operation, action: str, raised: UpstreamError | None, *, quiet: bool) -> str:
    """Return what is wrong with a reaction, empty when nothing is.

    The rule behind it: Unavailable means that nothing happened or that asking again is
    harmless; after a message
    with an effect has left, only OutcomeUnknown is true, unless a keyed repetition got its answer.
    """
    if raised is None:
        if quiet or action in _HARMLESS or (spec.repeatable and action != NOWHERE):
            return ""
        return "it claimed success"
    said = type(raised).__name__
    if action == Action.SLOW.value:
        return f"it raised {said} although an answer came in time"
    if action == Action.DUPLICATE.value:
        # The upstream may refuse the second copy: of a one-time code, of a proof that was used.
        refused = isinstance(raised, UpstreamRejected | UpstreamAuthFailed)
        return "" if refused else f"it raised {said}"
    if action == NOWHERE:
        return (
            "" if isinstance(raised, UpstreamUnavailable) else f"it raised {said}, nothing was sent"
        )
    if spec.safe:
        allowed = isinstance(raised, UpstreamUnavailable | UpstreamProtocolError)
        return "" if allowed else f"it raised {said} for a safe question"
    if isinstance(raised, UpstreamOutcomeUnknown):
        return ""
    return f"it raised {said} although the effect may have happened"


async def _require_one_effect(
    world: World, drill: Drill, spec: Operation, action: str, key: str
) -> None:
    if drill.effects is None or (action == Action.DUPLICATE.value and not spec.repeatable):
        # Two copies of a message without a key are two messages; no adapter can help.
        return
    count = await drill.effects(world, key)
    assert count <= 1, f"{drill.name} under {action}: {count} effects"
    if action != Action.TIMEOUT_AFTER.value or spec.safe:
        return
    assert count == 1, f"{drill.name} under {action}: the simulator kept {count} effects"
    if spec.keyed:
        await drill.call(world, key)
        again = await drill.effects(world, key)
        assert again == 1, f"{drill.name}: {again} effects after a repetition with the same key"
