"""What every system that publishes the state of seals must do.

A simulator of this port registers the seals below, has one of them on its list since ten
days before its first start, and takes more lines at ``/sim/revocations``: ``{sealCode, sealName,
revocationTime}`` in Beijing time. ``DELETE /sim/tokens`` makes it forget the tokens it gave out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Final

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.world import World
from e_seal import SealState, SealStatusSource
from kernel.clock import beijing
from kernel.errors import UpstreamAuthFailed

SEAL: Final = "37010000000104"
NAME: Final = "济南市行政审批服务局"
OTHER_SEAL: Final = "37010200000107"
DEAD_SEAL: Final = "37010200000902"
DEAD_NAME: Final = "济南市历下区示例吊销局"
NO_SEAL: Final = "37010099999999"


def _source(world: World) -> SealStatusSource:
    source: SealStatusSource = world.provider
    return source


async def revoke(world: World, code: str, at: datetime, name: str = "示例局") -> None:
    """Let a seal die at a moment."""
    line = {
        "sealCode": code,
        "sealName": name,
        "revocationTime": beijing(at).strftime("%Y-%m-%d %H:%M:%S"),
    }
    (await world.browser.post("/sim/revocations", json=line)).raise_for_status()


async def check_states_are_told(world: World) -> None:
    """Alive, dead, and never heard of."""
    now = world.clock.now()
    assert await _source(world).status(SEAL, NAME, now) is SealState.ACTIVE
    assert await _source(world).status(DEAD_SEAL, DEAD_NAME, now) is SealState.REVOKED
    assert await _source(world).status(NO_SEAL, "没有", now) is SealState.UNKNOWN


async def check_a_state_is_that_of_its_time(world: World) -> None:
    """Before it died a seal was alive."""
    earlier = world.clock.now() - timedelta(days=20)
    assert await _source(world).status(DEAD_SEAL, DEAD_NAME, earlier) is SealState.ACTIVE


async def check_the_list_comes_whole_and_in_order(world: World) -> None:
    """Every page of it, by time, and nothing from before."""
    now = world.clock.now().replace(microsecond=0)
    for number in range(7):
        await revoke(world, f"3701020000{number:04d}", now - timedelta(hours=number))
    world.reconnect(page_size=3)
    found = await _source(world).revocations(now - timedelta(days=30))
    assert len(found) == 8
    assert [one.revoked_at for one in found] == sorted(one.revoked_at for one in found)
    assert found[0].code == DEAD_SEAL
    assert found[-1].revoked_at == now
    recent = await _source(world).revocations(now - timedelta(hours=2))
    assert [one.code for one in recent] == ["37010200000002", "37010200000001", "37010200000000"]


async def check_an_empty_list_is_empty(world: World) -> None:
    """No death is no error."""
    assert not await _source(world).revocations(world.clock.now() - timedelta(days=1))


async def check_a_token_that_ended_early_is_replaced(world: World) -> None:
    """The system forgot our token: the caller does not notice."""
    now = world.clock.now()
    await _source(world).status(SEAL, NAME, now)
    (await world.browser.delete("/sim/tokens")).raise_for_status()
    assert await _source(world).status(SEAL, NAME, now) is SealState.ACTIVE


async def check_wrong_credentials_are_told(world: World) -> None:
    """A secret that is not ours is AuthFailed in every method."""
    connected = world.registry.connect(
        world.name,
        world.onboarding.options,
        {name: value[::-1] for name, value in world.onboarding.secrets.items()},
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
    )
    source: SealStatusSource = connected.provider
    now = world.clock.now()
    questions: tuple[Awaitable[object], ...] = (
        source.status(SEAL, NAME, now),
        source.revocations(now),
    )
    try:
        for question in questions:
            try:
                answer = await question
            except UpstreamAuthFailed:
                continue
            raise AssertionError(f"a wrong secret was answered with {answer!r:.80}")
    finally:
        await connected.close()


async def _status(world: World, _key: str) -> object:
    return await _source(world).status(SEAL, NAME, world.clock.now())


async def _revocations(world: World, _key: str) -> object:
    return await _source(world).revocations(world.clock.now() - timedelta(days=30))


DRILLS: Final[Sequence[Drill]] = (Drill("status", _status), Drill("list", _revocations))
