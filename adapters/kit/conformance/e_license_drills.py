"""The failure drills of licence sources: every call of the port, to be disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.e_license_hands import (
    BUSINESS_LICENCE,
    COMPANY,
    DEED,
    IDENTITY_CARD,
    WANG,
    ZHANG,
    code_of,
    consent_code,
    decide,
    identifier_of,
    provider_of,
    purpose,
)
from adapters.kit.conformance.world import World
from e_license import AnswerStatus, Capability, ClaimedFace
from kernel.errors import UpstreamRejected
from kernel.gbcodes import make_licence_identifier

_LICENCE: Final = make_licence_identifier(BUSINESS_LICENCE, "370100", "A1B2C3D4E5F6G7H8J9K0", 2)


async def _identifier(world: World, key: str) -> str:
    """Return the company's licence; a source that has no FETCH gives it away in a find only."""
    if world.can(Capability.FETCH):
        return _LICENCE
    return await identifier_of(world, COMPANY, BUSINESS_LICENCE, key)


async def _find(world: World, key: str) -> object:
    return await provider_of(world).find(COMPANY, BUSINESS_LICENCE, purpose(key))


async def _fetch(world: World, key: str) -> object:
    return await provider_of(world).fetch(await _identifier(world, key), purpose(key))


async def _document(world: World, key: str) -> object:
    return await provider_of(world).document(await _identifier(world, key), purpose(key))


async def _documents(world: World, key: str) -> object:
    return await provider_of(world).documents(WANG, DEED, purpose(key))


async def _copy(world: World, key: str) -> object:
    identifier = await _identifier(world, key)
    return await provider_of(world).copy(identifier, purpose(key), "application/ofd")


async def _by_code(world: World, key: str) -> object:
    code = await code_of(world, identifier=_LICENCE)
    return await provider_of(world).find_by_code(code, purpose(key))


async def _by_consent(world: World, key: str) -> object:
    provider = provider_of(world)
    code = await consent_code(world, ZHANG)
    begun = await provider.begin_consent(code, [IDENTITY_CARD], purpose(key))
    await provider.consent(begun.reference)
    await decide(world, code, "AUTHORISED")
    answer = await provider.find_by_consent(begun.reference, IDENTITY_CARD, purpose(key))
    if answer.status is AnswerStatus.DENIED:
        # Only a duplicated message gets here: the first copy used the consent.
        raise UpstreamRejected("the copy was refused")
    return answer


async def _verify(world: World, key: str) -> object:
    face = ClaimedFace(ZHANG, "张明轩", ZHANG.code)
    return await provider_of(world).verify(IDENTITY_CARD, face, purpose(key))


async def _verify_file(world: World, key: str) -> object:
    return await provider_of(world).verify_file(BUSINESS_LICENCE, b"PK\x03\x04", purpose(key))


async def _view(world: World, key: str) -> object:
    return await provider_of(world).viewing_pass(await _identifier(world, key), purpose(key))


async def _dictionary(world: World, _key: str) -> object:
    return await provider_of(world).dictionary(IDENTITY_CARD)


DRILLS: Final[Sequence[Drill]] = (
    Drill("find", _find),
    Drill("fetch", _fetch),
    Drill("document", _document, needs=Capability.DOCUMENT),
    Drill("documents", _documents, needs=Capability.DOCUMENTS),
    Drill("copy", _copy, needs=Capability.COPY),
    Drill("code", _by_code, needs=Capability.CODE),
    Drill("consent", _by_consent, needs=Capability.CONSENT),
    Drill("verify", _verify, needs=Capability.VERIFY),
    Drill("verify file", _verify_file, needs=Capability.VERIFY_FILE),
    Drill("view", _view, needs=Capability.VIEW),
    Drill("dictionary", _dictionary, needs=Capability.DICTIONARY),
)
