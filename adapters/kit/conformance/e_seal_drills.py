"""Calls of the seal port's methods, to be disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.e_seal_ground import SEAL, UNIT, acts, digest_of, request
from adapters.kit.conformance.e_seal_ground import provider_of as _provider
from adapters.kit.conformance.world import World


async def _list(world: World, _key: str) -> object:
    return await _provider(world).list_seals(UNIT, "staff-1")


async def _get_seal(world: World, _key: str) -> object:
    return await _provider(world).get_seal(SEAL)


async def _sign(world: World, key: str) -> object:
    return await _provider(world).sign_digest(request(world, key))


async def _sign_once(world: World, key: str) -> object:
    # Where the world is connected to now, which a drill may have changed.
    options = world.connected.options.model_dump(exclude={"own_fields"})
    world.reconnect(**options, own_fields=False)
    return await _provider(world).sign_digest(request(world, key))


async def _seal_image(world: World, _key: str) -> object:
    return await world.provider.seal_image(SEAL)


async def _verify(world: World, key: str) -> object:
    order = request(world, key)
    about = {"property_info": order.property_info, "at": order.sign_time, "seal": b"seal"}
    return await world.provider.verify(b"value", digest=order.digest, **about)


async def _error_text(world: World, _key: str) -> object:
    return await world.provider.error_text(0)


async def _find(world: World, key: str) -> object:
    return await _provider(world).find_signature(key)


async def _status(world: World, _key: str) -> object:
    return await _provider(world).status(SEAL)


async def _uses(world: World, key: str) -> int:
    digest = digest_of(key).hex()
    return sum(act["digest"] == digest for act in await acts(world))


DRILLS: Final[Sequence[Drill]] = (
    Drill("sign", _sign, _uses),
    Drill("sign without an id", _sign_once, _uses, needs="sign_once"),
    Drill("list seals", _list),
    Drill("get seal", _get_seal),
    Drill("find a signature", _find),
    Drill("status", _status),
    Drill("seal image", _seal_image, needs="seal_image"),
    Drill("verify", _verify, needs="verify"),
    Drill("error text", _error_text, needs="error_text"),
)
