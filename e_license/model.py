"""What a licence, its holder, a question for it and an answer are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from e_license.errors import InvalidHolder, InvalidPurpose
from kernel.crypto import sm3
from kernel.gbcodes import CheckVerdict, InvalidLicenceIdentifier, parse_licence_identifier
from kernel.work import MAX_REFERENCE

MAX_CAUSE: Final = 200
_MAX_CODE: Final = 64
_MAX_ITEM_CODE: Final = 50
_JOINT: Final = re.compile(r"[、,，;；^]")
"""No name of a person or organisation holds these; the · of minority names is none of them."""


class IdDocType(StrEnum):
    """持证主体代码类型; the values are the codes of GB/T 36903 and, from 551 on, of GA/T
    2000.156.
    """

    UNIFIED_SOCIAL_CREDIT_CODE = "001"
    OTHER_ORGANISATION = "099"
    CITIZEN_ID = "111"
    PLA_OFFICER = "114"
    ARMED_POLICE_OFFICER = "115"
    PLA_SOLDIER = "118"
    ARMED_POLICE_SOLDIER = "119"
    PLA_CIVILIAN = "120"
    ARMED_POLICE_CIVILIAN = "122"
    DIPLOMATIC_PASSPORT = "411"
    SERVICE_PASSPORT = "412"
    PUBLIC_AFFAIRS_PASSPORT = "413"
    PASSPORT = "414"
    TAIWAN_TRAVEL_PERMIT = "511"
    HONG_KONG_MACAO_TRAVEL_PERMIT = "516"
    HONG_KONG_MACAO_RESIDENCE_PERMIT = "551"
    TAIWAN_RESIDENCE_PERMIT = "552"
    FOREIGN_PERMANENT_RESIDENT = "553"
    OTHER_PERSON = "999"


class AuthBasis(StrEnum):
    """用证依据: what entitles the caller to read somebody's licence."""

    HOLDER_PRESENT = "HOLDER_PRESENT"
    HOLDER_ONLINE_CONSENT = "HOLDER_ONLINE_CONSENT"
    ENTRUSTED = "ENTRUSTED"
    BY_DUTY = "BY_DUTY"


class LicenceState(StrEnum):
    """证照状态. Systems agree on no code list: adapters map their own codes to these and keep the
    raw one.
    """

    VALID = "VALID"
    NOT_ACTIVE = "NOT_ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    TRANSFERRED_OUT = "TRANSFERRED_OUT"
    CANCELLED = "CANCELLED"
    WITHDRAWN = "WITHDRAWN"
    REVOKED = "REVOKED"
    INVALID_OTHER = "INVALID_OTHER"


class AnswerStatus(StrEnum):
    """What came of a question for a licence (查询结果)."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    PENDING = "PENDING"
    DENIED = "DENIED"
    UNAVAILABLE = "UNAVAILABLE"


class Provenance(StrEnum):
    """The platform that a licence came through (证照来源); whether it is valid its issuer says."""

    LOCAL = "LOCAL"
    PROVINCE = "PROVINCE"
    NATIONAL = "NATIONAL"


@dataclass(frozen=True, slots=True)
class Holder:
    """持证主体: whose licence is asked for; its repr does not show the code. Raises
    InvalidHolder.
    """

    kind: IdDocType
    code: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.code.isalnum() or not self.code.isascii() or len(self.code) > _MAX_CODE:
            raise InvalidHolder("a holder code has 1 to 64 letters and digits")


@dataclass(frozen=True, slots=True)
class Purpose:
    """用证事由: for which item and case a licence is read. Rights of use are per item and case, so
    every question carries one. Raises InvalidPurpose.
    """

    item_code: str
    item_name: str
    reference: str
    cause: str = field(repr=False)
    """At most 200 characters, as upstreams allow."""
    auth_basis: AuthBasis

    def __post_init__(self) -> None:
        if not 1 <= len(self.cause.strip()) <= MAX_CAUSE or len(self.cause) > MAX_CAUSE:
            raise InvalidPurpose("the cause has 1 to 200 characters")
        if not 1 <= len(self.reference) <= MAX_REFERENCE:
            raise InvalidPurpose("the reference has 1 to 64 characters")
        if len(self.item_code) > _MAX_ITEM_CODE or len(self.item_name) > MAX_CAUSE:
            raise InvalidPurpose("item code or item name is too long")


def _replaces_paper(state: LicenceState, start: date | None, end: date | None, on: date) -> bool:
    in_term = (start is None or start <= on) and (end is None or on <= end)
    return state is LicenceState.VALID and in_term


@dataclass(frozen=True, slots=True)
class Licence:
    """电子证照 as one source described it at one moment; its repr shows nothing of its holder."""

    identifier: str
    """电子证照标识 (GB/T 36904), as the source wrote it."""
    identifier_check: CheckVerdict
    """A wrong check character is a warning about the source's data, not a forgery."""
    type_code: str
    licence_no: str = field(repr=False)
    name: str
    holder_name: str = field(repr=False)
    issuer: str
    valid_from: date | None
    valid_to: date | None
    """None is 长期, without an end."""
    face: Mapping[str, str] = field(repr=False)
    """照面信息 with the source's own keys and texts, dates as they were written."""
    raw_state: str
    state: LicenceState
    holder_code: str = field(default="", repr=False)
    """持证主体代码 as the source wrote it, several for joint holders; empty when it did not say."""
    provenance: Provenance = Provenance.PROVINCE

    @property
    def holders(self) -> tuple[str, ...]:
        """Return the names of all holders: joint holders (共有) are told as one text."""
        return tuple(name for part in _JOINT.split(self.holder_name) if (name := part.strip()))

    @property
    def version(self) -> int | None:
        """Return the version of its identifier, which grows with every re-issue; None when it
        cannot be read.
        """
        try:
            return int(parse_licence_identifier(self.identifier).version)
        except InvalidLicenceIdentifier:
            return None

    def may_replace_paper(self, on: date) -> bool:
        """Tell whether this licence may stand for a paper material on a day in Beijing: only a
        VALID one in its term may.
        """
        return _replaces_paper(self.state, self.valid_from, self.valid_to, on)


@dataclass(frozen=True, slots=True)
class LicenceAnswer:
    """The answer to one question for licences (用证应答)."""

    status: AnswerStatus
    licences: tuple[Licence, ...] = ()
    state: LicenceState | None = None
    """Set when the source says that the licence exists in this state but does not hand it out."""
    upstream_status: str = ""
    """The source's own status code."""
    reason: str = ""
    """For UNAVAILABLE: a stable code of the cause, ``not_supported`` or the code of an upstream
    error.
    """
    source: str = ""
    """Name of the provider that answered."""
    fetched_at: datetime | None = None
    since: datetime | None = None
    """For UNAVAILABLE: since when this source has not been answering this process."""
    retry_at: datetime | None = None
    """When asking again may help; None when it will not."""

    def usable(self, on: date) -> tuple[Licence, ...]:
        """Return the licences that may replace a paper material on a day in Beijing."""
        return tuple(licence for licence in self.licences if licence.may_replace_paper(on))


@dataclass(frozen=True, slots=True)
class LicenceDocument:
    """证照文件: the bytes of a licence file and their two digests in lower-case hex."""

    content: bytes = field(repr=False)
    media_type: str
    sha256: str
    sm3: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> LicenceDocument:
        """Return a document with both digests computed."""
        return cls(
            content, media_type, hashlib.sha256(content).hexdigest(), sm3.digest(content).hex()
        )


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """A question for the licences of one type that a holder has, for one material of one case."""

    actor: str
    """``citizen:<sub>``, ``staff:<id>`` or ``system``."""
    holder: Holder
    licence_type: str
    """证照类型代码, 21 characters in the national catalogue."""
    purpose: Purpose
    material_code: str
    channel: str = ""
    trace_id: str = ""
    grant: str = ""
    """Id of the grant that this question uses up."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """A question about one licence that was already found for a case."""

    actor: str
    identifier: str
    purpose: Purpose
    channel: str = ""
    trace_id: str = ""
    grant: str = ""


class Operation(StrEnum):
    """Which question was put to a source."""

    FIND = "FIND"
    FETCH = "FETCH"
    DOCUMENT = "DOCUMENT"


@dataclass(frozen=True, slots=True)
class Access:
    """One row of the access log (用证日志): who read what for which case; no face data, no plain id
    number.
    """

    at: datetime
    reference: str
    item_code: str
    actor: str
    channel: str
    trace_id: str
    subject_hash: str
    """HMAC-SM3 of the holder code; empty when the question did not carry one."""
    licence_type: str
    identifier: str
    operation: Operation
    cause: str
    auth_basis: AuthBasis
    source: str
    outcome: str
    upstream_status: str
    elapsed_ms: int
    fields: tuple[str, ...] = ()
    """Keys of the face data that were handed over; never their contents."""


@dataclass(frozen=True, slots=True)
class LicenceUse:
    """用证记录: a licence that stands for a material of a case, so that it need not be submitted
    (免提交).
    """

    id: str
    reference: str
    material_code: str
    identifier: str
    identifier_check: CheckVerdict
    licence_type: str
    subject_hash: str
    source: str
    state: LicenceState
    raw_state: str
    valid_from: date | None
    valid_to: date | None
    fetched_at: datetime
    media_type: str = ""
    sha256: str = ""
    sm3: str = ""
    document_at: datetime | None = None

    def may_replace_paper(self, on: date) -> bool:
        """Like Licence.may_replace_paper, from what was recorded."""
        return _replaces_paper(self.state, self.valid_from, self.valid_to, on)
