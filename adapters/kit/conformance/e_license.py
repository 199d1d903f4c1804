"""What every licence source must do, shown with the made-up people whom every simulator knows."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import Final

from adapters.kit.conformance.e_license_drills import DRILLS
from adapters.kit.conformance.e_license_hands import (
    BUSINESS_LICENCE,
    COMPANY,
    DEED,
    FOOD_LICENCE,
    IDENTITY_CARD,
    LI,
    MAGIC,
    NO_LICENCE,
    NOT_GRANTED,
    TRANSPORT_LICENCE,
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
from e_license import (
    Agreement,
    AnswerStatus,
    ClaimedFace,
    ConsentStatus,
    Holder,
    IdDocType,
    InvalidPurpose,
    LicenceDenied,
    LicenceNotFound,
    LicenceNotUsable,
    LicenceProvider,
    LicenceState,
)
from e_license.upstream import MAX_CONSENT_REFERENCE
from kernel.clock import beijing_day
from kernel.errors import Failure, UpstreamAuthFailed, UpstreamRejected
from kernel.gbcodes import CheckVerdict, make_licence_identifier

__all__ = [
    "BUSINESS_LICENCE",
    "COMPANY",
    "DEED",
    "DRILLS",
    "FOOD_LICENCE",
    "IDENTITY_CARD",
    "LI",
    "NOT_GRANTED",
    "NO_LICENCE",
    "TRANSPORT_LICENCE",
    "WANG",
    "ZHANG",
    "purpose",
]

_PASSWORDS: Final = frozenset({"access_token", "app_secret", "password"})
_RARE: Final = (
    (Holder(IdDocType.CITIZEN_ID, "370102198506151235"), "王䶮"),
    (Holder(IdDocType.CITIZEN_ID, "650102199309212467"), "阿依夏木·吐尔逊"),
)


async def check_a_licence_is_found(world: World) -> None:
    """A valid licence comes with its face, its term and a right identifier."""
    answer = await provider_of(world).find(ZHANG, IDENTITY_CARD, purpose())
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
    assert card.holder_code in {"", ZHANG.code}


async def check_rare_characters_arrive(world: World) -> None:
    """䶮, 㛃, 𠮷 and the middle dot of a name come as they were written."""
    for holder, name in _RARE:
        answer = await provider_of(world).find(holder, IDENTITY_CARD, purpose())
        (card,) = answer.licences
        assert card.holder_name == name
        if name.endswith("䶮"):
            assert any("㛃园𠮷祥" in text for text in card.face.values())


async def check_a_type_from_elsewhere_is_not_supported(world: World) -> None:
    """A code that the source does not list is no licence and no error of ours."""
    answer = await provider_of(world).find(ZHANG, "11100000000013338W001", purpose())
    assert answer.status in {AnswerStatus.UNAVAILABLE, AnswerStatus.NOT_FOUND}
    assert not answer.licences


async def check_a_licence_without_an_end(world: World) -> None:
    """长期 is no date."""
    answer = await provider_of(world).find(COMPANY, BUSINESS_LICENCE, purpose())
    (licence,) = answer.licences
    assert licence.valid_from is not None
    assert licence.valid_to is None
    assert licence.may_replace_paper(beijing_day(world.clock.now()))


async def check_two_licences_of_one_type(world: World) -> None:
    """A holder may have several licences of one type."""
    answer = await provider_of(world).find(WANG, DEED, purpose())
    assert len({licence.identifier for licence in answer.licences}) == 2


async def check_a_wrong_check_character_is_only_a_warning(world: World) -> None:
    """The licence is handed on, and marked."""
    answer = await provider_of(world).find(ZHANG, DEED, purpose())
    (deed,) = answer.licences
    assert deed.identifier_check is CheckVerdict.MISMATCH
    assert deed.state is LicenceState.VALID


async def check_no_licence_is_an_answer(world: World) -> None:
    """NOT_FOUND is no error."""
    found = await provider_of(world).find(LI, DEED, purpose())
    assert found.status is AnswerStatus.NOT_FOUND
    assert not found.licences
    if world.can("fetch"):
        fetched = await provider_of(world).fetch(NO_LICENCE, purpose())
        assert fetched.status is AnswerStatus.NOT_FOUND
        assert not fetched.licences


async def check_states_are_shown(world: World) -> None:
    """Expired and suspended licences are told as such and cannot replace a paper."""
    for holder, licence_type, state in (
        (COMPANY, FOOD_LICENCE, LicenceState.EXPIRED),
        (WANG, TRANSPORT_LICENCE, LicenceState.SUSPENDED),
    ):
        answer = await provider_of(world).find(holder, licence_type, purpose())
        assert answer.status is AnswerStatus.FOUND
        shown = {answer.state, *(licence.state for licence in answer.licences)} - {None}
        assert shown == {state}
        assert not answer.usable(beijing_day(world.clock.now()))


async def check_a_type_without_right_is_denied(world: World) -> None:
    """DENIED is told apart from NOT_FOUND."""
    answer = await provider_of(world).find(ZHANG, NOT_GRANTED, purpose())
    assert answer.status is AnswerStatus.DENIED
    assert not answer.licences


async def check_a_licence_is_fetched_by_itsidentifier_of(world: World) -> None:
    """The same licence comes by both ways."""
    found = await provider_of(world).find(ZHANG, IDENTITY_CARD, purpose())
    fetched = await provider_of(world).fetch(found.licences[0].identifier, purpose())
    assert fetched.licences == found.licences


async def check_wrong_credentials_are_told(world: World) -> None:
    """A token that is not accepted is AuthFailed in every method."""
    identifier = await identifier_of(world, COMPANY, BUSINESS_LICENCE)
    wrong = {
        name: value[::-1] if name in _PASSWORDS else value
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
            *_direct(world, provider, identifier),
        ):
            try:
                answer: object = await question
            except UpstreamAuthFailed:
                continue
            raise AssertionError(f"a wrong token was answered with {answer}")
    finally:
        await connected.close()


def _direct(world: World, provider: LicenceProvider, identifier: str) -> list[Awaitable[object]]:
    asked: list[Awaitable[object]] = []
    if world.can("fetch"):
        asked.append(provider.fetch(identifier, purpose()))
        if world.can("document"):
            asked.append(provider.document(identifier, purpose()))
    return asked


async def check_the_file_is_handed_out(world: World) -> None:
    """The file has the form that it claims, right digests, and comes again when asked again."""
    if not world.can("document"):
        return
    for holder, licence_type in ((COMPANY, BUSINESS_LICENCE), (ZHANG, IDENTITY_CARD)):
        identifier = await identifier_of(world, holder, licence_type)
        document = await provider_of(world).document(identifier, purpose())
        assert document.content.startswith(MAGIC[document.media_type])
        assert document.sha256 == hashlib.sha256(document.content).hexdigest()
        assert document.sm3 == hashlib.new("sm3", document.content).hexdigest()
        again = await provider_of(world).document(identifier, purpose())
        assert again == document


async def check_no_file_without_a_licence(world: World) -> None:
    """Missing, expired and denied licences have no file, each for its own reason."""
    if not (world.can("document") and world.can("fetch")):
        return
    reasons: tuple[tuple[str, type[Failure]], ...] = (
        (NO_LICENCE, LicenceNotFound),
        (make_licence_identifier(FOOD_LICENCE, "370102", "JY13701020000016", 1), LicenceNotUsable),
        (make_licence_identifier(NOT_GRANTED, "370102", "202405060011", 1), LicenceDenied),
    )
    for identifier, reason in reasons:
        try:
            document: object = await provider_of(world).document(identifier, purpose())
        except reason:
            continue
        raise AssertionError(f"{reason.__name__} was expected, not {document}")


async def check_all_files_of_a_type(world: World) -> None:
    """Two deeds are two files."""
    if not world.can("documents"):
        return
    files = await provider_of(world).documents(WANG, DEED, purpose())
    assert len({one.sha256 for one in files}) == 2


async def check_a_copy_has_the_form_asked_for(world: World) -> None:
    """A copy comes as a file or as a picture."""
    if not world.can("copy"):
        return
    identifier = await identifier_of(world, COMPANY, BUSINESS_LICENCE)
    for media_type, magic in MAGIC.items():
        copy = await provider_of(world).copy(identifier, purpose(), media_type)
        assert copy.media_type == media_type
        assert copy.content.startswith(magic)


async def check_a_shown_code_opens_one_licence(world: World) -> None:
    """The licence behind a code is the one that its holder shows."""
    if not world.can("code"):
        return
    identifier = await identifier_of(world, ZHANG, IDENTITY_CARD)
    code = await code_of(world, identifier=identifier)
    answer = await provider_of(world).find_by_code(code, purpose())
    assert [one.identifier for one in answer.licences] == [identifier]
    nothing = await provider_of(world).find_by_code("nobody-shows-this", purpose())
    assert nothing.status is AnswerStatus.NOT_FOUND


async def check_a_consent_opens_its_types_once(world: World) -> None:
    """Before the citizen agrees nothing is handed out, afterwards each type once, for one case."""
    if not world.can("consent"):
        return
    provider = provider_of(world)
    code = await consent_code(world, ZHANG)
    begun = await provider.begin_consent(code, [IDENTITY_CARD], purpose())
    assert 0 < (begun.expires_at - world.clock.now()).total_seconds() <= 120
    assert len(begun.reference) <= MAX_CONSENT_REFERENCE
    assert ZHANG.code not in begun.reference
    assert await provider.consent(begun.reference) is ConsentStatus.PENDING
    early = await provider.find_by_consent(begun.reference, IDENTITY_CARD, purpose())
    assert early.status is AnswerStatus.DENIED
    await decide(world, code, "AUTHORISED")
    assert await provider.consent(begun.reference) is ConsentStatus.AUTHORISED
    try:
        await provider.find_by_consent(begun.reference, IDENTITY_CARD, purpose("another-case"))
    except InvalidPurpose:
        pass
    else:
        raise AssertionError("the consent opened another case")
    wider = await provider.find_by_consent(begun.reference, DEED, purpose())
    assert wider.status is AnswerStatus.DENIED
    answer = await provider.find_by_consent(begun.reference, IDENTITY_CARD, purpose())
    assert [one.holder_name for one in answer.licences] == ["张明轩"]
    again = await provider.find_by_consent(begun.reference, IDENTITY_CARD, purpose())
    assert again.status is AnswerStatus.DENIED


async def check_a_refused_consent_opens_nothing(world: World) -> None:
    """The citizen's no is DENIED; a code that nobody opened is rejected."""
    if not world.can("consent"):
        return
    provider = provider_of(world)
    code = await consent_code(world, LI)
    begun = await provider.begin_consent(code, [IDENTITY_CARD], purpose())
    repeated = await provider.begin_consent(code, [IDENTITY_CARD], purpose())
    await decide(world, code, "DENIED")
    for one in (begun, repeated):
        assert await provider.consent(one.reference) is ConsentStatus.DENIED
        answer = await provider.find_by_consent(one.reference, IDENTITY_CARD, purpose())
        assert answer.status is AnswerStatus.DENIED
    try:
        await provider.begin_consent("nobody-shows-this", [IDENTITY_CARD], purpose())
    except UpstreamRejected:
        return
    raise AssertionError("a code that nobody opened was accepted")


async def check_claimed_face_data_are_verified(world: World) -> None:
    """Right data agree, wrong ones do not, and a suspended licence is told as such."""
    if not world.can("verify"):
        return
    provider = provider_of(world)
    card = ClaimedFace(ZHANG, "张明轩", ZHANG.code)
    wrong = ClaimedFace(ZHANG, "张三", ZHANG.code)
    nobody = ClaimedFace(LI, "李静怡", "no such number")
    for claim, agreement in (
        (card, Agreement.VALID),
        (wrong, Agreement.WRONG),
        (nobody, Agreement.NO_RECORD),
    ):
        found = await provider.verify(IDENTITY_CARD, claim, purpose())
        assert found.agreement is agreement
    suspended = ClaimedFace(WANG, "王建国", "鲁交运管许可济字370112000007号")
    found = await provider.verify(TRANSPORT_LICENCE, suspended, purpose())
    assert found.agreement is Agreement.SUSPENDED


async def check_a_file_is_verified(world: World) -> None:
    """The source's own file agrees, another one does not."""
    if not world.can("verify_file"):
        return
    provider = provider_of(world)
    identifier = await identifier_of(world, COMPANY, BUSINESS_LICENCE)
    document = await provider.document(identifier, purpose())
    right = await provider.verify_file(BUSINESS_LICENCE, document.content, purpose())
    wrong = await provider.verify_file(BUSINESS_LICENCE, document.content + b"x", purpose())
    assert right.agreement in {Agreement.VALID, Agreement.NOT_OFFERED}
    assert wrong.agreement in {Agreement.NO_RECORD, Agreement.WRONG, Agreement.NOT_OFFERED}


async def check_a_viewing_pass_is_short_lived(world: World) -> None:
    """A pass ends within the day and its repr does not show it."""
    if not world.can("view"):
        return
    identifier = await identifier_of(world, COMPANY, BUSINESS_LICENCE)
    found = await provider_of(world).viewing_pass(identifier, purpose())
    assert 0 < (found.expires_at - world.clock.now()).total_seconds() <= 86_400
    assert found.token not in repr(found)


async def check_the_dictionary_names_face_data(world: World) -> None:
    """Labels are there for the keys that a licence of the type has."""
    if not world.can("dictionary"):
        return
    labels = await provider_of(world).dictionary(IDENTITY_CARD)
    answer = await provider_of(world).find(ZHANG, IDENTITY_CARD, purpose())
    assert set(labels) & set(answer.licences[0].face)
    assert all(labels.values())
