"""What a licence (电子证照) that a department of this gateway issued is, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from e_license.issuing.errors import AwardInvalid
from e_license.model import IdDocType, LicenceState

HOLDER_NAME: Final = "CZZT"


class IssuedState(StrEnum):
    """发证状态; every value is a LicenceState. EXPIRED is computed from the term, never stored."""

    NOT_ACTIVE = "NOT_ACTIVE"
    """Minted and not sealed yet: nobody is shown it."""
    VALID = "VALID"
    SUSPENDED = "SUSPENDED"
    """暂扣"""
    SUPERSEDED = "SUPERSEDED"
    """变更: a newer version took its place"""
    CANCELLED = "CANCELLED"
    """注销"""
    WITHDRAWN = "WITHDRAWN"
    """撤销: it should never have been granted"""
    REVOKED = "REVOKED"
    """吊销: taken away as a penalty"""


@dataclass(frozen=True, slots=True)
class IssuableField:
    """One field of a type's face (照面项): pinyin key, label, and whence its value comes."""

    key: str
    label: str
    source: str
    """Name of the value that the issuer hands over, for cases a field of the form."""


@dataclass(frozen=True, slots=True)
class IssuableType:
    """证照类型 that this gateway may issue; ``code`` has 21 characters (GB/T 36904)."""

    code: str
    name: str
    until: str
    """Name of the value that is the last day of the term (ISO date); empty for ``years``."""
    years: int
    """Length of the term; 0 is 长期 where ``until`` is empty too."""
    fields: tuple[IssuableField, ...]


@dataclass(frozen=True, slots=True)
class LicenceHolder:
    """One holder (持证主体); its repr does not show who."""

    name: str = field(repr=False)
    kind: IdDocType
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issuer:
    """颁发机构 with its credit code and the six digits of its division."""

    uscc: str
    name: str
    area: str


@dataclass(frozen=True, slots=True)
class Award:
    """What a favourable decision grants: to whom, by whom, with which values."""

    reference: str
    type_code: str
    issuer: Issuer
    holders: tuple[LicenceHolder, ...]
    values: Mapping[str, str] = field(repr=False)
    actor: str


@dataclass(frozen=True, slots=True)
class Content:
    """What stands on a licence about people; stored encrypted as one document."""

    holders: tuple[LicenceHolder, ...] = field(repr=False)
    face: Mapping[str, str] = field(repr=False)
    """照面信息 by the pinyin keys of the type."""

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """Kind and code of every holder."""
        return tuple((one.kind.value, one.code) for one in self.holders)

    def changed(self, changes: Mapping[str, str]) -> Content:
        """Return the content with other face data; ``CZZT`` is the name of a sole holder.

        Raises AwardInvalid for a key that the face does not have, or a value of nothing.
        """
        wrong = sorted(
            key
            for key, value in changes.items()
            if not value.strip()
            or (key != HOLDER_NAME and key not in self.face)
            or (key == HOLDER_NAME and len(self.holders) != 1)
        )
        if wrong or not changes:
            raise AwardInvalid("the face cannot be changed so", lacks=wrong)
        people = self.holders
        if HOLDER_NAME in changes:
            people = (replace(people[0], name=changes[HOLDER_NAME]),)
        face = {key: changes.get(key, value) for key, value in self.face.items()}
        return Content(people, face)


@dataclass(frozen=True, slots=True)
class IssuedLicence:
    """One version of one issued licence, without the bytes of its file."""

    licence_id: str
    identifier: str
    """电子证照标识 (GB/T 36904)"""
    type_code: str
    type_name: str
    issuer: Issuer
    serial: str
    edition: int
    """版本号: 1 at first, one more with every re-issue."""
    number: str
    """证照编号"""
    reference: str
    state: IssuedState
    version: int
    """Grows with every change and decides races."""
    check_code: str
    """校验码: whoever has it may check the licence without signing in."""
    valid_from: date
    valid_to: date | None
    """None is 长期."""
    created_at: datetime
    actor: str
    content: Content
    previous: str = ""
    """Id of the version that this one replaces."""
    issued_at: datetime | None = None
    sha256: str = ""
    sm3: str = ""
    size: int = 0
    verdict: str = ""

    def state_on(self, day: date) -> LicenceState:
        """Return the state on a day in Beijing: a valid one past its term is EXPIRED."""
        over = self.valid_to is not None and self.valid_to < day
        if over and self.state in {IssuedState.VALID, IssuedState.SUSPENDED}:
            return LicenceState.EXPIRED
        return LicenceState(self.state.value)


@dataclass(frozen=True, slots=True)
class SealedFile:
    """The file of a licence as it was sealed, with what our verifier said about it."""

    content: bytes = field(repr=False)
    sha256: str
    sm3: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Composed:
    """A licence's file that waits for its seal; ``stamp`` is page, x and y of the seal's middle."""

    content: bytes = field(repr=False)
    stamp: tuple[int, float, float]


class ProposalState(StrEnum):
    """What became of a proposal that needs a second person."""

    OPEN = "OPEN"
    CONFIRMED = "CONFIRMED"
    DECLINED = "DECLINED"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A 吊销 or 撤销 that one person proposed and another must confirm."""

    proposal_id: str
    licence_id: str
    to: IssuedState
    reason: str
    proposed_by: str
    proposed_at: datetime
    state: ProposalState = ProposalState.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One record for the national catalogue (证照目录), in the order in which it must be sent."""

    sequence: int
    licence_id: str
    operation: str
    """I for a new licence, U for a changed state (``cd_operation``; the letters are OURS)."""
    at: datetime
    lacks: tuple[str, ...]
    """Columns that must not be empty and are; the row is ready when there are none."""
    record: Mapping[str, str] = field(repr=False)
