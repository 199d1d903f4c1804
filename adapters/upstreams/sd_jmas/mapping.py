"""Between the messages of JMAS and the identity domain: pure functions and tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from pydantic import ValidationError

from adapters.dialects.jis_cipher import encrypt_data
from adapters.dialects.nested import Malformed, unwrap, unwrap_list
from adapters.kit.people import UnknownCode, credit_code, known, person, require
from adapters.upstreams.sd_jmas.options import Interface, Options, Style
from adapters.upstreams.sd_jmas.wire import CorporationList, CorporationUser, Listed, User
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
from identity.upstream import OrgAccount, OrgPage
from kernel.clock import beijing
from kernel.gbcodes import InvalidCitizenId, parse_citizen_id

__all__ = ["Malformed", "UnknownCode", "encrypt_data", "unwrap"]

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
USER_TYPES: Final[Mapping[str, UserType]] = {
    "1": UserType.NATURAL_PERSON,
    "2": UserType.LEGAL_PERSON,
}
_RESIDENCE_PERMITS: Final = ("81", "82", "83")
"""First digits of 港澳台居民居住证, which have the form of a citizen id and are none."""
_CITIZEN: Final = "1"


def timestamp(at: datetime) -> str:
    """Return a moment as JMAS writes it: milliseconds since 1970."""
    return str(int(at.timestamp() * 1000))


def biz_content(interface: Interface, appmark: str, appword: str, params: Mapping[str, str]) -> str:
    """Return the business part of a call in the form that the interface wants."""
    text = _written(params)
    if interface.style is Style.APP_MARK:
        return _written({"appMark": appmark, "params": text})
    sealed = encrypt_data(text, appword) if interface.style is Style.SEALED else text
    return _written({"app_id": appmark, "servicename": interface.service, "params": sealed})


def person_profile(user: User, options: Options, at: datetime) -> Profile:
    """Return the profile of a natural person who logged in at ``at``.

    Raise ProfileIncomplete, UnknownCode or Malformed.
    """
    require(user, "uuid")
    human = _person(user, at)
    require(user, "authLevel")
    return Profile(
        upstream_sub=str(user.uuid),
        user_type=UserType.NATURAL_PERSON,
        person=human,
        ial=known("authLevel", user.authLevel, options.ial_of_authlevel),
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def corporation_profile(user: CorporationUser, options: Options, at: datetime) -> Profile:
    """Return the profile of an organisation and of the human who acts for it.

    The level is the operator's own; where JMAS does not tell it, nothing was proven and it is 0.
    Raise ProfileIncomplete, UnknownCode or Malformed.
    """
    require(user, "uuid", "corporationName", "creditCode", "corUserRole")
    ial = Ial.SELF_ASSERTED
    if user.authLevel:
        ial = known("authLevel", user.authLevel, options.ial_of_authlevel)
    uscc = credit_code("creditCode", user.creditCode)
    return Profile(
        # One account may act for several companies; each of them is a subject (OURS).
        upstream_sub=f"{uscc}/{user.uuid}",
        user_type=UserType.LEGAL_PERSON,
        person=_person(user, at),
        org=Org(
            name=str(user.corporationName),
            uscc=uscc,
            legal_rep_name=user.corUserName or None,
            legal_rep_id=user.corUserCertNo or None,
        ),
        acting_role=known("corUserRole", user.corUserRole, ROLES),
        ial=ial,
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def org_page(data: CorporationList, page: int, page_size: int) -> OrgPage:
    """Return a page of companies; raise ProfileIncomplete, UnknownCode or Malformed.

    A company that lacks something fails the whole page: to leave it out would say that the person
    may not act for it.
    """
    try:
        entries = [Listed.model_validate(entry) for entry in unwrap_list(data.list)]
    except ValidationError:
        raise Malformed("a company of the list has another shape") from None
    rows = tuple(_listed(entry) for entry in entries)
    return OrgPage(rows, page, more=page * page_size < data.count)


def _listed(entry: Listed) -> OrgAccount:
    require(entry, "corname", "cornumber", "corporationid", "corrole")
    org = Org(
        name=str(entry.corname),
        uscc=credit_code("cornumber", entry.cornumber),
        legal_rep_name=entry.corusername or None,
        legal_rep_id=entry.corusercardid or None,
    )
    return OrgAccount(str(entry.corporationid), org, known("corrole", entry.corrole, ROLES))


def _person(user: User, at: datetime) -> Person:
    cert_type = user.certType or _papers_of(user.certNo or "", beijing(at).date())
    return person(
        name=("name", user.name),
        id_type=("certType", cert_type),
        id_number=("certNo", user.certNo),
        mobile=user.mobile,
        id_types=ID_TYPES,
        at=at,
    )


def _papers_of(number: str, today: date) -> str | None:
    """Return the code of 居民身份证 for a number that can be nothing else, None otherwise.

    JMAS names no kind of papers in public code. A right check digit decides (GB 11643); what is
    left open makes the profile incomplete.
    """
    if number.startswith(_RESIDENCE_PERMITS):
        return None
    try:
        parse_citizen_id(number, today=today)
    except InvalidCitizenId:
        return None
    return _CITIZEN


def user_type_of(usertype: str | None) -> UserType:
    """Return whom a ticket stands for; raise ProfileIncomplete or UnknownCode."""
    if not usertype:
        raise ProfileIncomplete(["usertype"])
    return known("usertype", usertype, USER_TYPES)


def _written(content: Mapping[str, str]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
