"""What every platform of data checks must do, shown with the sandbox's people."""

from __future__ import annotations

from typing import Final

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.e_license_hands import purpose
from adapters.kit.conformance.world import World
from e_license.check_ports import (
    CheckStatus,
    Claim,
    CreditClaim,
    DataCheck,
    OrganisationClaim,
    PersonClaim,
)
from kernel.errors import UpstreamAuthFailed, UpstreamUnavailable

PERSON: Final = PersonClaim("张明轩", "370102199003071238")
COMPANY: Final = OrganisationClaim("91370100MA3ABCDE1G", "山东一窗示例科技有限公司", "李静怡")
CREDIT: Final = CreditClaim(COMPANY.uscc, COMPANY.name)
NOBODY: Final = PersonClaim("无此人", "110101199003070011")


async def _asked(world: World, claim: Claim) -> CheckStatus:
    provider: DataCheck = world.provider
    answer = await provider.check(claim, purpose())
    assert len(answer.receipt) <= 64
    assert bool(answer.reason) == (answer.status is CheckStatus.UNAVAILABLE)
    return answer.status


async def check_right_data_match(world: World) -> None:
    """Every register that is offered agrees with what is right."""
    for claim in (PERSON, COMPANY, CREDIT):
        if world.can(claim.register):
            assert await _asked(world, claim) is CheckStatus.MATCH


async def check_rare_names_match(world: World) -> None:
    """䶮 and a middle dot are compared as they are."""
    if not world.can(PERSON.register):
        return
    for name, number in (("王䶮", "370102198506151235"), ("阿依夏木·吐尔逊", "650102199309212467")):
        assert await _asked(world, PersonClaim(name, number)) is CheckStatus.MATCH
        assert await _asked(world, PersonClaim(name[:-1], number)) is CheckStatus.MISMATCH


async def check_wrong_data_do_not_match(world: World) -> None:
    """One wrong field is a mismatch; somebody unknown is NOT_FOUND."""
    if world.can(PERSON.register):
        wrong = PersonClaim("李静怡", PERSON.id_number)
        assert await _asked(world, wrong) is CheckStatus.MISMATCH
        assert await _asked(world, NOBODY) is CheckStatus.NOT_FOUND
    if world.can(COMPANY.register):
        other = OrganisationClaim(COMPANY.uscc, COMPANY.name, "张明轩")
        assert await _asked(world, other) is CheckStatus.MISMATCH


async def check_what_is_incomplete_is_not_sent(world: World) -> None:
    """An empty field or one with a line break never reaches the platform."""
    if not world.can(PERSON.register):
        return
    before = len(world.calls)
    for name in ("", " ", "张\n明轩", "长" * 201):
        assert await _asked(world, PersonClaim(name, PERSON.id_number)) is CheckStatus.UNAVAILABLE
    assert len(world.calls) == before


async def check_nothing_is_disclosed(world: World) -> None:
    """Neither the answer nor its repr holds anybody's data."""
    if not world.can(PERSON.register):
        return
    provider: DataCheck = world.provider
    answer = await provider.check(PersonClaim("李静怡", PERSON.id_number), purpose())
    said = f"{answer!r} {PERSON!r}"
    assert PERSON.id_number not in said
    assert PERSON.name not in said
    assert answer.receipt not in said


async def check_wrong_credentials_are_told(world: World) -> None:
    """A secret that is not accepted makes no answer, and the self-check names it."""
    wrong = {name: value[::-1] for name, value in world.onboarding.secrets.items()}
    connected = world.registry.connect(
        world.name,
        world.onboarding.options,
        wrong,
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
    )
    provider: DataCheck = connected.provider
    try:
        answer = await provider.check(CREDIT, purpose())
        assert answer.status is CheckStatus.UNAVAILABLE
        assert answer.reason == UpstreamAuthFailed.code
    finally:
        await connected.close()


async def check_a_platform_that_is_down(world: World) -> None:
    """Nothing listens: UNAVAILABLE, not an exception."""
    world.reconnect_to_nowhere()
    provider: DataCheck = world.provider
    answer = await provider.check(CREDIT, purpose())
    assert (answer.status, answer.reason) == (CheckStatus.UNAVAILABLE, UpstreamUnavailable.code)


async def _person(world: World, key: str) -> object:
    provider: DataCheck = world.provider
    return await provider.check(PERSON, purpose(key))


async def _organisation(world: World, key: str) -> object:
    provider: DataCheck = world.provider
    return await provider.check(COMPANY, purpose(key))


async def _credit(world: World, key: str) -> object:
    provider: DataCheck = world.provider
    return await provider.check(CREDIT, purpose(key))


DRILLS: Final = (
    Drill("a person", _person, quiet=True, needs=PERSON.register),
    Drill("an organisation", _organisation, quiet=True, needs=COMPANY.register),
    Drill("credit", _credit, quiet=True, needs=CREDIT.register),
)
