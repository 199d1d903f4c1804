"""Between the messages of JIS and the identity domain: pure functions and tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from adapters.dialects.jis_cipher import decrypt_data, encrypt_data
from adapters.dialects.nested import Malformed, unwrap, unwrap_list
from adapters.kit.people import UnknownCode, credit_code, known, person, require
from adapters.upstreams.sd_jis.options import Options
from adapters.upstreams.sd_jis.wire import (
    TIME_FORMAT,
    Corporation,
    CorporationList,
    CorporationUser,
    PersonUser,
)
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
from identity.upstream import OrgAccount, OrgPage
from kernel.clock import beijing

__all__ = ["Malformed", "UnknownCode", "decrypt_data", "encrypt_data", "unwrap"]

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


def ciphertext(data: object) -> str:
    """Return the hexadecimal text in ``data``, which some deployments quote once more."""
    if not isinstance(data, str):
        raise Malformed("encrypted data is not a text")
    return data.strip().strip('"')


def person_profile(user: PersonUser, options: Options, at: datetime) -> Profile:
    """Return the profile of a natural person who logged in at ``at``.

    Raise ProfileIncomplete, UnknownCode or Malformed.
    """
    require(user, "uuid")
    human = _person(user, at)
    if user.isauth == "0":
        ial = Ial.SELF_ASSERTED
    else:
        require(user, "authlevel")
        ial = known("authlevel", user.authlevel, options.ial_of_authlevel)
    return Profile(
        upstream_sub=str(user.uuid),
        user_type=UserType.NATURAL_PERSON,
        person=human,
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
    require(user, "uuid", "corname", "cornumber", "corporationid", "corrole")
    ial = Ial.SELF_ASSERTED
    if user.authlevel and user.isauth != "0":
        ial = known("authlevel", user.authlevel, options.ial_of_authlevel)
    return Profile(
        # One account may act for several companies; each of them is a subject (OURS).
        upstream_sub=f"{user.corporationid}/{user.uuid}",
        user_type=UserType.LEGAL_PERSON,
        person=_person(user, at),
        org=_org(user),
        acting_role=known("corrole", user.corrole, ROLES),
        ial=ial,
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def org_account(entry: Corporation) -> OrgAccount:
    """Return one company of the list; raise ProfileIncomplete, UnknownCode or Malformed."""
    require(entry, "corname", "cornumber", "corporationid", "corrole")
    return OrgAccount(str(entry.corporationid), _org(entry), known("corrole", entry.corrole, ROLES))


def org_page(data: CorporationList, page: int, page_size: int) -> OrgPage:
    """Return a page of companies; raise ProfileIncomplete, UnknownCode or Malformed.

    A company that lacks something fails the whole page: to leave it out would say that the person
    may not act for it.
    """
    try:
        entries = [Corporation.model_validate(entry) for entry in unwrap_list(data.list)]
    except ValidationError:
        raise Malformed("a company of the list has another shape") from None
    rows = tuple(org_account(entry) for entry in entries)
    return OrgPage(rows, page, more=page * page_size < data.count)


def _person(user: PersonUser, at: datetime) -> Person:
    return person(
        name=("name", user.name),
        id_type=("paperstype", user.paperstype),
        id_number=("papersnumber", user.papersnumber or user.cardid),
        mobile=user.mobile,
        id_types=ID_TYPES,
        at=at,
    )


def _org(entry: Corporation) -> Org:
    card_type = entry.corusercardtype or None
    return Org(
        name=str(entry.corname),
        uscc=credit_code("cornumber", entry.cornumber),
        org_type=entry.cortype or None,
        legal_rep_name=entry.corusername or None,
        legal_rep_id_type=known("corusercardtype", card_type, ID_TYPES) if card_type else None,
        legal_rep_id=entry.corusercardid or None,
    )
