"""What every licence source must do, shown with the made-up people whom every simulator knows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.world import World
from e_license import (
    AnswerStatus,
    AuthBasis,
    Holder,
    IdDocType,
    LicenceDenied,
    LicenceNotFound,
    LicenceNotUsable,
    LicenceProvider,
    LicenceState,
    Purpose,
)
from kernel.clock import beijing_day
from kernel.errors import Failure, UpstreamAuthFailed
from kernel.gbcodes import CheckVerdict, make_licence_identifier

ZHANG: Final = Holder(IdDocType.CITIZEN_ID, "370102199003071238")
"""Has an identity card and a deed whose identifier has a wrong check character."""
LI: Final = Holder(IdDocType.CITIZEN_ID, "370202198811120246")
"""Has an identity card only."""
WANG: Final = Holder(IdDocType.CITIZEN_ID, "370112196505010119")
"""Has two deeds, and a transport licence that is suspended."""
COMPANY: Final = Holder(IdDocType.UNIFIED_SOCIAL_CREDIT_CODE, "91370100MA3ABCDE1G")
"""Has a business licence without an end, and a food licence that has expired."""

IDENTITY_CARD: Final = "11100000000013127D001"
BUSINESS_LICENCE: Final = "11100000MB0143028R001"
DEED: Final = "11100000MB03271699001"
TRANSPORT_LICENCE: Final = "11100000000019713D008"
FOOD_LICENCE: Final = "11370000MBDEM0015R001"
"""Made up: the national code is in no public source."""
NOT_GRANTED: Final = "11100000000019713D071"
"""从业资格证: a type that the account may not read; ZHANG has one."""
NO_LICENCE: Final = make_licence_identifier(BUSINESS_LICENCE, "370100", "NOSUCHLICENCE", 1)

_MAGIC: Final = {"application/ofd": b"PK\x03\x04", "image/png": b"\x89PNG\r\n\x1a\n"}


def purpose(reference: str = "case-1") -> Purpose:
    """Return a proper reason to read a licence."""
    return Purpose(
        item_code="11370100MB28455711437012000300001",
        item_name="道路货物运输经营许可",
        reference=reference,
        cause="办理道路货物运输经营许可",
        auth_basis=AuthBasis.HOLDER_ONLINE_CONSENT,
    )


def _provider(world: World) -> LicenceProvider:
    provider: LicenceProvider = world.provider
    return provider


async def _identifier(world: World, holder: Holder, licence_type: str) -> str:
    answer = await _provider(world).find(holder, licence_type, purpose())
    return answer.licences[0].identifier


async def check_a_licence_is_found(world: World) -> None:
    """A valid licence comes with its face, its term and a right identifier."""
    answer = await _provider(world).find(ZHANG, IDENTITY_CARD, purpose())
    assert answer.status is AnswerStatus.FOUND
    (card,) = answer.licences
    assert card.state is LicenceState.VALID
    assert card.may_replace_paper(beijing_day(world.clock.now()))
    assert (card.type_code, card.holder_name) == (IDENTITY_CARD, "张明轩")
    assert card.licence_no == ZHANG.code
    assert card.identifier_check is CheckVerdict.OK
    assert card.valid_from is not None
    assert card.valid_to is not None
    assert card.valid_from < card.valid_to
    assert card.face


async def check_a_licence_without_an_end(world: World) -> None:
    """长期 is no date."""
    answer = await _provider(world).find(COMPANY, BUSINESS_LICENCE, purpose())
    (licence,) = answer.licences
    assert licence.valid_from is not None
    assert licence.valid_to is None
    assert licence.may_replace_paper(beijing_day(world.clock.now()))


async def check_two_licences_of_one_type(world: World) -> None:
    """A holder may have several licences of one type."""
    answer = await _provider(world).find(WANG, DEED, purpose())
    assert len({licence.identifier for licence in answer.licences}) == 2


async def check_a_wrong_check_character_is_only_a_warning(world: World) -> None:
    """The licence is handed on, and marked."""
    answer = await _provider(world).find(ZHANG, DEED, purpose())
    (deed,) = answer.licences
    assert deed.identifier_check is CheckVerdict.MISMATCH
    assert deed.state is LicenceState.VALID


async def check_no_licence_is_an_answer(world: World) -> None:
    """NOT_FOUND is no error."""
    found = await _provider(world).find(LI, DEED, purpose())
    fetched = await _provider(world).fetch(NO_LICENCE, purpose())
    assert (found.status, fetched.status) == (AnswerStatus.NOT_FOUND, AnswerStatus.NOT_FOUND)
    assert not found.licences
    assert not fetched.licences


async def check_states_are_shown(world: World) -> None:
    """Expired and suspended licences are told as such and cannot replace a paper."""
    for holder, licence_type, state in (
        (COMPANY, FOOD_LICENCE, LicenceState.EXPIRED),
        (WANG, TRANSPORT_LICENCE, LicenceState.SUSPENDED),
    ):
        answer = await _provider(world).find(holder, licence_type, purpose())
        assert answer.status is AnswerStatus.FOUND
        shown = {answer.state, *(licence.state for licence in answer.licences)} - {None}
        assert shown == {state}
        assert not answer.usable(beijing_day(world.clock.now()))


async def check_a_type_without_right_is_denied(world: World) -> None:
    """DENIED is told apart from NOT_FOUND."""
    answer = await _provider(world).find(ZHANG, NOT_GRANTED, purpose())
    assert answer.status is AnswerStatus.DENIED
    assert not answer.licences


async def check_a_licence_is_fetched_by_its_identifier(world: World) -> None:
    """The same licence comes by both ways."""
    found = await _provider(world).find(ZHANG, IDENTITY_CARD, purpose())
    fetched = await _provider(world).fetch(found.licences[0].identifier, purpose())
    assert fetched.licences == found.licences


async def check_wrong_credentials_are_told(world: World) -> None:
    """A token that is not accepted is AuthFailed in every method."""
    identifier = await _identifier(world, COMPANY, BUSINESS_LICENCE)
    wrong = {
        name: value[::-1] if "token" in name else value
        for name, value in world.onboarding.secrets.items()
    }
    connected = world.registry.connect(
        world.name,
        world.onboarding.options,
        wrong,
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
    )
    provider: LicenceProvider = connected.provider
    try:
        for question in (
            provider.find(ZHANG, IDENTITY_CARD, purpose()),
            provider.fetch(identifier, purpose()),
            provider.document(identifier, purpose()),
        ):
            try:
                answer: object = await question
            except UpstreamAuthFailed:
                continue
            raise AssertionError(f"a wrong token was answered with {answer}")
    finally:
        await connected.close()


async def check_the_file_is_handed_out(world: World) -> None:
    """The file has the form that it claims, right digests, and comes again when asked again."""
    if not world.can("document"):
        return
    for holder, licence_type in ((COMPANY, BUSINESS_LICENCE), (ZHANG, IDENTITY_CARD)):
        identifier = await _identifier(world, holder, licence_type)
        document = await _provider(world).document(identifier, purpose())
        assert document.content.startswith(_MAGIC[document.media_type])
        assert document.sha256 == hashlib.sha256(document.content).hexdigest()
        assert document.sm3 == hashlib.new("sm3", document.content).hexdigest()
        again = await _provider(world).document(identifier, purpose())
        assert again == document


async def check_no_file_without_a_licence(world: World) -> None:
    """Missing, expired and denied licences have no file, each for its own reason."""
    if not world.can("document"):
        return
    reasons: tuple[tuple[str, type[Failure]], ...] = (
        (NO_LICENCE, LicenceNotFound),
        (make_licence_identifier(FOOD_LICENCE, "370102", "JY13701020000016", 1), LicenceNotUsable),
        (make_licence_identifier(NOT_GRANTED, "370102", "202405060011", 1), LicenceDenied),
    )
    for identifier, reason in reasons:
        try:
            document: object = await _provider(world).document(identifier, purpose())
        except reason:
            continue
        raise AssertionError(f"{reason.__name__} was expected, not {document}")


async def _find(world: World, key: str) -> object:
    return await _provider(world).find(COMPANY, BUSINESS_LICENCE, purpose(key))


async def _fetch(world: World, key: str) -> object:
    identifier = make_licence_identifier(BUSINESS_LICENCE, "370100", "A1B2C3D4E5F6G7H8J9K0", 2)
    return await _provider(world).fetch(identifier, purpose(key))


async def _document(world: World, key: str) -> object:
    identifier = make_licence_identifier(BUSINESS_LICENCE, "370100", "A1B2C3D4E5F6G7H8J9K0", 2)
    return await _provider(world).document(identifier, purpose(key))


DRILLS: Final[Sequence[Drill]] = (
    Drill("find", _find),
    Drill("fetch", _fetch),
    Drill("document", _document, needs="document"),
)
