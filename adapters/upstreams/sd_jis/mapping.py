"""Between the messages of JIS and the identity domain: pure functions and tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, TypeVar

from adapters.upstreams.sd_jis.options import Options
from adapters.upstreams.sd_jis.wire import TIME_FORMAT, CorporationUser, PersonUser
from identity.errors import ProfileIncomplete
from identity.model import (
    UNKNOWN_METHOD,
    Aal,
    ActingRole,
    Ial,
    IdType,
    Org,
    Person,
    Profile,
    UserType,
)
from kernel.clock import beijing
from kernel.gbcodes import InvalidCitizenId, InvalidUscc, parse_citizen_id, parse_uscc

MAX_DEPTH: Final = 3

ID_TYPES: Final[Mapping[str, IdType]] = {
    "1": IdType.RESIDENT_ID,
    "3": IdType.HK_MACAO_PERMIT,
    "4": IdType.TAIWAN_PERMIT,
    "5": IdType.FOREIGN_PERMANENT,
}
ROLES: Final[Mapping[str, ActingRole]] = {
    "0": ActingRole.OPERATOR,
    "1": ActingRole.ORG_ADMIN,
    "2": ActingRole.LEGAL_REP,
}
USER_TYPES: Final[Mapping[UserType, str]] = {
    UserType.NATURAL_PERSON: "1",
    UserType.LEGAL_PERSON: "2",
}

_V = TypeVar("_V")


class UnknownCode(ValueError):
    """JIS used a code that is in no table of ours."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a code that is not known")
        self.field = field
        self.code = code


class Malformed(ValueError):
    """An answer of another shape; the text names the field and never a value."""


def timestamp(at: datetime) -> str:
    """Return a moment as JIS writes it: fourteen digits of Beijing time."""
    return beijing(at).strftime(TIME_FORMAT)


def sign(appmark: str, appword: str, time: str) -> str:
    """Return the signature of a call: MD5 over application, its password and the time.

    It covers neither the service nor its parameters, so it protects nothing that TLS does not.
    """
    # MD5 is the dialect of JIS, not a choice of ours.
    text = f"{appmark}{appword}{time}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def unwrap(data: object) -> dict[str, Any]:
    """Return the object inside JSON that was encoded up to three times; raise
    Malformed otherwise.
    """
    for _ in range(MAX_DEPTH):
        if not isinstance(data, str):
            break
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise Malformed("data is not JSON") from None
    if not isinstance(data, dict):
        raise Malformed(f"data holds no object within {MAX_DEPTH} layers")
    return data


def ciphertext(data: object) -> str:
    """Return the hexadecimal text in ``data``, which some deployments quote once more."""
    if not isinstance(data, str):
        raise Malformed("encrypted data is not a text")
    return data.strip().strip('"')


def person_profile(user: PersonUser, options: Options, at: datetime) -> Profile:
    """Return the profile of a natural person who logged in at ``at``.

    Raise ProfileIncomplete, UnknownCode or Malformed.
    """
    _require(user, "uuid")
    person = _person(user, at)
    if user.isauth == "0":
        ial = Ial.SELF_ASSERTED
    else:
        _require(user, "authlevel")
        ial = _known("authlevel", user.authlevel, options.ial_of_authlevel)
    return Profile(
        upstream_sub=str(user.uuid),
        user_type=UserType.NATURAL_PERSON,
        person=person,
        ial=ial,
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def corporation_profile(user: CorporationUser, options: Options, at: datetime) -> Profile:
    """Return the profile of an organisation and of the human who acts for it.

    The level is the operator's own; where JIS does not tell it, nothing was proven and it is 0. A
    constant here would let every company's clerk sign as if identified face to face. Raise
    ProfileIncomplete, UnknownCode or Malformed.
    """
    _require(user, "uuid", "corname", "cornumber", "corporationid", "corrole")
    ial = Ial.SELF_ASSERTED
    if user.authlevel and user.isauth != "0":
        ial = _known("authlevel", user.authlevel, options.ial_of_authlevel)
    return Profile(
        # One account may act for several companies; each of them is a subject (OURS).
        upstream_sub=f"{user.corporationid}/{user.uuid}",
        user_type=UserType.LEGAL_PERSON,
        person=_person(user, at),
        org=_org(user),
        acting_role=_known("corrole", user.corrole, ROLES),
        ial=ial,
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def _person(user: PersonUser, at: datetime) -> Person:
    number = user.papersnumber or user.cardid
    missing = [
        field
        for field, value in (
            ("name", user.name),
            ("paperstype", user.paperstype),
            ("papersnumber", number),
        )
        if not value
    ]
    if missing:
        raise ProfileIncomplete(missing)
    id_type = _known("paperstype", user.paperstype, ID_TYPES)
    return Person(
        name=str(user.name),
        id_type=id_type,
        id_number=_id_number(str(number), id_type, beijing(at).date()),
        mobile=user.mobile or None,
    )


def _org(user: CorporationUser) -> Org:
    try:
        uscc = parse_uscc(str(user.cornumber)).code
    except InvalidUscc:
        raise Malformed("cornumber is not a social credit code") from None
    card_type = user.corusercardtype or None
    return Org(
        name=str(user.corname),
        uscc=uscc,
        org_type=user.cortype or None,
        legal_rep_name=user.corusername or None,
        legal_rep_id_type=_known("corusercardtype", card_type, ID_TYPES) if card_type else None,
        legal_rep_id=user.corusercardid or None,
    )


def _id_number(number: str, id_type: IdType, today: date) -> str:
    if id_type is not IdType.RESIDENT_ID:
        return number
    try:
        return parse_citizen_id(number, today=today).number
    except InvalidCitizenId:
        raise Malformed("papersnumber is not a citizen id number") from None


def _known(field: str, code: str | None, table: Mapping[str, _V]) -> _V:
    found = table.get(code or "")
    if found is None:
        raise UnknownCode(field, code or "")
    return found


def _require(user: PersonUser, *fields: str) -> None:
    missing = [field for field in fields if not getattr(user, field)]
    if missing:
        raise ProfileIncomplete(missing)
