"""Between the messages of the share service and the licence domain: pure functions and tables."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, assert_never

from adapters.kit.licences import UnknownCode, day, identifier_of
from adapters.upstreams.sd_certshare.options import Options
from adapters.upstreams.sd_certshare.wire import IDENTIFIER_KEY, Status, UseCause
from e_license import Agreement, Licence, LicenceState
from kernel.gbcodes import InvalidLicenceIdentifier, licence_verdict, parse_licence_identifier

_LONGEST_TYPE: Final = 64
_FOR_AN_ITEM: Final = "0"
_NOT_FOR_AN_ITEM: Final = "1"
AGREEMENT_OF: Final[Mapping[int, Agreement]] = {
    Status.ABOLISHED: Agreement.NO_LONGER_VALID,
    Status.EXPIRED: Agreement.NO_LONGER_VALID,
    Status.RESTRICTED: Agreement.SUSPENDED,
}
"""The same for verifyCertInfo, should it use them instead of ``result``."""
VERIFIED: Final[Mapping[int, Agreement]] = {
    0: Agreement.VALID,
    1: Agreement.NOT_ACTIVE,
    2: Agreement.SUSPENDED,
    3: Agreement.NO_LONGER_VALID,
    4: Agreement.TOO_LITTLE,
    5: Agreement.NO_RECORD,
    6: Agreement.TOO_LITTLE,
    7: Agreement.WRONG,
}
"""``result`` of verifyCertInfo and verifyFile."""


class Verdict(Enum):
    """What a status means for us."""

    OK = "OK"
    NOT_FOUND = "NOT_FOUND"
    STATE = "STATE"
    """The licence exists in a state in which it is not handed out."""
    AUTH_FAILED = "AUTH_FAILED"
    DENIED = "DENIED"
    OUR_FAULT = "OUR_FAULT"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    FAILED = "FAILED"
    """Their fault; asking again may help."""


def verdict(raw: int) -> Verdict:
    """Return what ``head.status`` means; raise UnknownCode for a number outside the table."""
    try:
        status = Status(raw)
    except ValueError:
        raise UnknownCode("head.status", str(raw)) from None
    match status:
        case Status.OK:
            return Verdict.OK
        case Status.NO_LICENCE:
            return Verdict.NOT_FOUND
        case Status.ABOLISHED | Status.EXPIRED | Status.RESTRICTED:
            return Verdict.STATE
        case Status.AUTHENTICATION_FAILED:
            return Verdict.AUTH_FAILED
        case Status.TYPE_NOT_GRANTED:
            return Verdict.DENIED
        case (
            Status.REQUIRED_EMPTY
            | Status.BAD_VALUE
            | Status.HOLDER_TYPE_REFUSED
            | Status.CERT_NO_MISSING
            | Status.HOLDER_CODE_MISSING
            | Status.HOLDER_MISSING
            | Status.WRONG_TYPE
        ):
            return Verdict.OUR_FAULT
        case (
            Status.NOT_OFFERED
            | Status.TYPE_UNKNOWN
            | Status.CATALOGUE_MISSING
            | Status.CATALOGUE_AMBIGUOUS
            | Status.TEMPLATE_MISSING
            | Status.TEMPLATE_AMBIGUOUS
        ):
            return Verdict.NOT_SUPPORTED
        case Status.OTHER | Status.STATE_CONFIGURATION:
            return Verdict.FAILED
        case _:
            assert_never(status)


STATE_OF: Final[Mapping[int, LicenceState]] = {
    Status.ABOLISHED: LicenceState.CANCELLED,
    Status.EXPIRED: LicenceState.EXPIRED,
    Status.RESTRICTED: LicenceState.SUSPENDED,
}
"""States that the service tells through ``head.status`` instead of handing the licence out."""


def use_cause(
    *, form: str, system_name: str, cause: str, item_code: str, item_name: str
) -> UseCause | str:
    """Return 用证事由 in the form that this platform wants: ``object``, ``json`` (its JSON text) or
    ``text``.
    """
    if form == "text":
        return cause
    made = UseCause(
        certificateSystemName=system_name,
        certificateCopyCause=cause,
        certificateCallCategory=_FOR_AN_ITEM if item_code else _NOT_FOR_AN_ITEM,
        certificateMatterName=item_name,
        certificateEventCode=item_code,
    )
    return made if form == "object" else made.model_dump_json()


def agreement(result: int) -> Agreement:
    """Return what a result of a verification means; raise UnknownCode outside the table."""
    found = VERIFIED.get(result)
    if found is None:
        raise UnknownCode("result", str(result))
    return found


def state(raw: str, options: Options) -> LicenceState:
    """Return the state of a raw code; nothing means VALID. Raise UnknownCode for an unlisted code.

    The service answers status 0 only for licences that its own table counts as valid.
    """
    if not raw:
        return LicenceState.VALID
    found = options.raw_states.get(raw)
    if found is None:
        raise UnknownCode(options.face_keys.state, raw)
    return found


def local_type(licence_type: str, options: Options) -> str:
    """Return the code under which this platform lists a national type code."""
    return options.licence_types.get(licence_type, licence_type)


def licence(face: Mapping[str, str], asked_type: str, options: Options) -> Licence:
    """Return the licence of one face map; ``asked_type`` is empty when it was asked by identifier.

    Raise UnknownCode for a state or a date that cannot be read, and for an identifier that is
    missing or too long.
    """
    keys = options.face_keys
    identifier = identifier_of(IDENTIFIER_KEY, face.get(IDENTIFIER_KEY, ""))
    raw_state = face.get(keys.state, "")
    return Licence(
        identifier=identifier,
        identifier_check=licence_verdict(identifier),
        type_code=asked_type or _type_code(identifier, face, options),
        licence_no=face.get(keys.licence_no, ""),
        name=face.get(keys.name, ""),
        holder_name=face.get(keys.holder_name, ""),
        issuer=face.get(keys.issuer, ""),
        valid_from=day(keys.valid_from, face.get(keys.valid_from, "")),
        valid_to=day(keys.valid_to, face.get(keys.valid_to, "")),
        face=dict(face),
        raw_state=raw_state,
        state=state(raw_state, options),
        holder_code=face.get(keys.holder_code, ""),
        provenance=options.provenance,
    )


def _type_code(identifier: str, face: Mapping[str, str], options: Options) -> str:
    try:
        return parse_licence_identifier(identifier).type_code
    except InvalidLicenceIdentifier:
        local = face.get(options.face_keys.type_code, "")
        national = {theirs: ours for ours, theirs in options.licence_types.items()}
        return national.get(local, local)[:_LONGEST_TYPE]
