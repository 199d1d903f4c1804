"""What every provider of second factors must do, examined by finishing verifications at its
simulator.

A simulator of a second factor offers, besides its dialect, ``POST /sim/finish``: ``{reference,
outcome}`` with the outcomes ``pass``, ``fail``, ``other`` (somebody else passes) and ``expire``.
``POST /sim/tamper`` makes it spoil the signature of the next result.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.world import World
from identity.factor_ports import (
    FactorNotStarted,
    FactorResult,
    FactorStarted,
    FactorState,
    FactorSubject,
    SecondFactor,
)
from identity.model import IdType
from kernel.errors import (
    Failure,
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
)

SUBJECT: Final = FactorSubject(
    name="张明轩",
    id_type=IdType.RESIDENT_ID,
    id_number="370102199003071238",
    uscc="91370100MA3ABCDE1G",
)
"""The person of the sandbox, who manages 山东一窗示例科技有限公司."""


def new_reference(world: World) -> str:
    """Return a reference as the gateway makes them."""
    return uuid.uuid5(uuid.NAMESPACE_OID, world.ids.secret()).hex


async def begin(world: World, subject: FactorSubject = SUBJECT) -> tuple[str, FactorStarted]:
    """Start a verification and return its reference and where the person goes."""
    reference = new_reference(world)
    started = await _provider(world).start(
        subject, return_url=f"{world.place.gateway_url}/step-up/done", reference=reference
    )
    return reference, started


async def finish(world: World, reference: str, outcome: str) -> None:
    """Let the sandbox's person finish a verification."""
    answer = await world.browser.post(
        "/sim/finish", json={"reference": reference, "outcome": outcome}
    )
    answer.raise_for_status()


async def ended(
    world: World, outcome: str, subject: FactorSubject = SUBJECT
) -> tuple[str, FactorResult]:
    """Start, finish and ask."""
    reference, _ = await begin(world, subject)
    await finish(world, reference, outcome)
    return reference, await _provider(world).result(reference, subject)


async def check_start_says_where_to_go_and_until_when(world: World) -> None:
    """A page or a QR code of its own, and an end in the future."""
    _, first = await begin(world)
    _, second = await begin(world)
    assert first.expires_at > world.clock.now()
    assert (first.url, first.qr_text) != (second.url, second.qr_text)
    shown = f"{first.url}{first.qr_text}"
    assert SUBJECT.id_number is not None
    assert SUBJECT.id_number not in shown


async def check_pending(world: World) -> None:
    """As long as nobody finished it, it is pending."""
    reference, _ = await begin(world)
    assert (await _provider(world).result(reference, SUBJECT)).state is FactorState.PENDING


async def check_passed(world: World) -> None:
    """A pass carries what it is worth and the provider's own reference, every time it is asked."""
    reference, found = await ended(world, "pass")
    assert found.state is FactorState.PASSED
    assert _provider(world).factor in found.amr
    assert found.evidence
    assert found.at is not None
    assert abs((world.clock.now() - found.at).total_seconds()) < 120
    assert await _provider(world).result(reference, SUBJECT) == found


async def check_failed(world: World) -> None:
    """A failure proves nothing."""
    _, found = await ended(world, "fail")
    assert (found.state, found.amr, found.evidence) == (FactorState.FAILED, (), None)
    assert found.reason


async def check_expired(world: World) -> None:
    """What nobody finished in time is over."""
    _, found = await ended(world, "expire")
    assert (found.state, found.amr) == (FactorState.EXPIRED, ())


async def check_somebody_else_passes(world: World) -> None:
    """A pass by another person is a failure."""
    _, found = await ended(world, "other")
    assert (found.state, found.amr, found.evidence) == (FactorState.FAILED, (), None)


async def check_another_verification_is_not_mine(world: World) -> None:
    """A pass is not one for another subject than the one it was started for."""
    reference, _ = await begin(world)
    await finish(world, reference, "pass")
    other = FactorSubject(
        name="王建国",
        id_type=IdType.RESIDENT_ID,
        id_number="370102197805121534",
        uscc="91370100MA3C0000X8",
    )
    found = await _provider(world).result(reference, other)
    assert found.state is FactorState.FAILED


async def check_unknown_reference(world: World) -> None:
    """A reference that was never started is told apart from a failure."""
    await _refused(_provider(world).result(new_reference(world), SUBJECT), FactorNotStarted)


async def check_lost_answer_is_asked_for(world: World) -> None:
    """After a start whose answer was lost, asking tells that it was started; nothing goes out
    twice.
    """
    await begin(world)
    first = world.calls[-1].operation
    await world.faults.set("truncated", operation=first)
    before, reference = len(world.calls), new_reference(world)
    start = _provider(world).start(
        SUBJECT, return_url=f"{world.place.gateway_url}/step-up/done", reference=reference
    )
    await _refused(start, UpstreamOutcomeUnknown)
    assert [record.operation for record in world.calls[before:]] == [first]
    assert (await _provider(world).result(reference, SUBJECT)).state is FactorState.PENDING


async def check_tampered_result(world: World) -> None:
    """A result whose signature does not hold is none, and the true one is still to be had."""
    reference, _ = await begin(world)
    await finish(world, reference, "pass")
    (await world.browser.post("/sim/tamper")).raise_for_status()
    await _refused(_provider(world).result(reference, SUBJECT), UpstreamProtocolError)
    assert (await _provider(world).result(reference, SUBJECT)).state is FactorState.PASSED


async def check_wrong_credentials(world: World) -> None:
    """With wrong secrets a start, a question and the self-check say that authentication failed."""
    stranger = world.registry.connect(
        world.name,
        world.onboarding.options,
        {name: _wrong(value) for name, value in world.onboarding.secrets.items()},
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
        mark_operations=True,
    )
    try:
        provider: SecondFactor = stranger.provider
        reference = new_reference(world)
        start = provider.start(
            SUBJECT, return_url=f"{world.place.gateway_url}/step-up/done", reference=reference
        )
        await _refused(start, UpstreamAuthFailed)
        await _refused(provider.result(reference, SUBJECT), UpstreamAuthFailed)
        for check in provider.checks():
            await _refused(check.run(), UpstreamAuthFailed)
    finally:
        await stranger.close()


async def check_self_check(world: World) -> None:
    """The provider examines itself without anybody's data."""
    checks = _provider(world).checks()
    assert checks
    for check in checks:
        await check.run()


def _wrong(value: str) -> str:
    # Still of the right form, whatever the form is: two characters in the middle change places.
    middle = len(value) // 2
    changed = "0" if value[middle] != "0" else "1"
    return value[:middle] + changed + value[middle + 1 :]


async def _refused(call: Any, kind: type[Failure]) -> None:
    try:
        await call
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def _provider(world: World) -> SecondFactor:
    provider: SecondFactor = world.provider
    return provider


async def _verify(world: World, key: str) -> object:
    reference = uuid.uuid5(uuid.NAMESPACE_OID, key).hex
    await _provider(world).start(
        SUBJECT, return_url=f"{world.place.gateway_url}/step-up/done", reference=reference
    )
    return await _provider(world).result(reference, SUBJECT)


DRILLS: Final = (Drill("a verification", _verify),)
