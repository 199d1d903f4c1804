"""What a case (办件) is: one application of one applicant for one service item."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from gateway.catalog.model import ApplicantType

CaseId = NewType("CaseId", str)
CaseNo = NewType("CaseNo", str)


class CaseState(StrEnum):
    """办件状态, the main path."""

    DRAFT = "DRAFT"
    """暂存"""
    DISCARDED = "DISCARDED"
    """已删除"""
    SUBMITTED = "SUBMITTED"
    """已申报"""
    RECEIVED = "RECEIVED"
    """已收件"""
    NOT_ACCEPTED = "NOT_ACCEPTED"
    """不予受理"""
    ACCEPTED = "ACCEPTED"
    """已受理"""
    REVIEWING = "REVIEWING"
    """审查中"""
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    """待缴费"""
    DECIDED = "DECIDED"
    """已决定"""
    CONCLUDED = "CONCLUDED"
    """已办结"""
    DELIVERING = "DELIVERING"
    """送达中"""
    DELIVERED = "DELIVERED"
    """已送达"""
    WITHDRAWN = "WITHDRAWN"
    """已撤回"""


class Outcome(StrEnum):
    """办结结果."""

    GRANTED = "GRANTED"
    """准予"""
    REFUSED = "REFUSED"
    """不予"""
    NOT_ACCEPTED = "NOT_ACCEPTED"
    """不予受理"""
    WITHDRAWN = "WITHDRAWN"
    """申请人撤回"""


class Channel(StrEnum):
    """申报来源."""

    PC_WEB = "PC_WEB"
    APP = "APP"
    WINDOW = "WINDOW"


class Opinion(StrEnum):
    """The department's opinion after its review (审查意见)."""

    PASSED = "PASSED"
    FAILED = "FAILED"


class MaterialSource(StrEnum):
    """How a material came in (材料来源)."""

    UPLOAD = "UPLOAD"
    LICENCE = "LICENCE"
    COMMITMENT = "COMMITMENT"
    """告知承诺"""
    DEFERRED = "DEFERRED"
    """容缺后补: still to come"""


class DocumentKind(StrEnum):
    """文书种类."""

    RECEIPT = "RECEIPT"
    """收件凭证"""
    ACCEPTANCE = "ACCEPTANCE"
    """受理通知书"""
    NON_ACCEPTANCE = "NON_ACCEPTANCE"
    """不予受理通知书"""
    CORRECTION = "CORRECTION"
    """申请材料补正告知书"""
    SPECIAL_PROCEDURE = "SPECIAL_PROCEDURE"
    """特别程序告知书"""
    EXTENSION = "EXTENSION"
    """延长办理期限告知书"""
    GRANT = "GRANT"
    """准予行政许可决定书, or the notice of a favourable result"""
    REFUSAL = "REFUSAL"
    """不予行政许可决定书, or the notice of an unfavourable result"""
    DELIVERY = "DELIVERY"
    """送达回证"""


class DocumentState(StrEnum):
    """How far a document is."""

    QUEUED = "QUEUED"
    COMPOSED = "COMPOSED"
    SEALED = "SEALED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who applies (申请人), as the identity provider proved it; personal data, stored encrypted."""

    type: ApplicantType
    name: str
    id_type: str
    """Code of GB/T 36903: 111 for a citizen's number, 001 for a social credit code."""
    id_number: str
    operator_name: str
    """The human at the keyboard; the applicant itself for a natural person."""
    operator_id_number: str
    mobile: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What the applicant declared; stored encrypted as one document."""

    applicant: Applicant
    form: dict[str, str]
    licensed: dict[str, str] = field(default_factory=dict)
    """What licences say about fields of the form; never written over what the applicant typed."""

    @property
    def conflicts(self) -> dict[str, tuple[str, str]]:
        """Return fields in which applicant and licence differ: what was typed, what it says."""
        return {
            name: (typed, told)
            for name, told in self.licensed.items()
            if (typed := self.form.get(name, "").strip()) and typed != told
        }


@dataclass(frozen=True, slots=True)
class CaseMaterial:
    """One material of one case: a stored file, or a licence that replaces it."""

    code: str
    source: MaterialSource
    at: datetime
    file_id: str = ""
    media_type: str = ""
    size: int = 0
    sha256: str = ""
    licence_identifier: str = ""
    licence_name: str = ""
    sm3: str = ""
    seal_verdict: str = ""
    """Our own verification of the licence file; NO_FILE or NO_SEAL where there was none."""


@dataclass(frozen=True, slots=True)
class Review:
    """The department's review (审查)."""

    opinion: Opinion
    remark: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """One case. ``version`` grows with every change and decides races."""

    case_id: CaseId
    item_code: str
    item_version: int
    item_name: str
    region: str
    department: str
    state: CaseState
    version: int
    owner: str
    """Subject id of the applicant's account; nobody else may see the case."""
    client_id: str
    """The portal through which it came."""
    channel: Channel
    content: Content
    created_at: datetime
    case_no: CaseNo | None = None
    """办件编号, given at submission."""
    receipt_no: str = ""
    """收件编号, what a person reads out over the telephone."""
    submitted_at: datetime | None = None
    accepted_at: datetime | None = None
    decided_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str = ""
    """Reason of a negative outcome, as told to the applicant."""
    review: Review | None = None
    fee_paid: bool = False
    materials: tuple[CaseMaterial, ...] = field(default=())

    def material(self, code: str) -> CaseMaterial | None:
        """Return what was brought in for a material."""
        return next((material for material in self.materials if material.code == code), None)


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One line of a list of cases: nothing encrypted, nothing personal."""

    case_id: CaseId
    case_no: CaseNo | None
    receipt_no: str
    item_code: str
    item_name: str
    region: str
    department: str
    state: CaseState
    channel: Channel
    created_at: datetime
    submitted_at: datetime | None
    reviewed: bool
    fee_paid: bool


@dataclass(frozen=True, slots=True)
class Document:
    """One document (文书) of a case, without its bytes."""

    document_id: str
    case_id: CaseId
    kind: DocumentKind
    version: int
    number: str
    """文书编号"""
    state: DocumentState
    created_at: datetime
    actor: str
    """Whose act called for the document: the person who uses the seal (用章人)."""
    template: str
    template_version: int
    check_code: str
    """校验码: printed on the document; whoever has it may check the document without signing in."""
    sealed_at: datetime | None = None
    sha256: str = ""
    sm3: str = ""
    size: int = 0
    verdict: str = ""
    """Verdict of our own verification: VALID, VALID_WITH_WARNINGS, INVALID or INDETERMINATE."""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What the public is told of a document whose number and code it has: nothing personal."""

    number: str
    kind: DocumentKind
    title: str
    department: str
    issued_at: datetime
    sealed_at: datetime | None
    sha256: str
    sm3: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A composed document that waits for its seal; the seal's centre in mm from the top left."""

    ofd: bytes
    page: int
    centre_x: float
    centre_y: float


@dataclass(frozen=True, slots=True)
class StaffScope:
    """What a member of staff may see: a region and what lies in it, or one department."""

    actor: str
    region: str
    department: str = ""


@dataclass(frozen=True, slots=True)
class Precheck:
    """预检: who asked about which item, nothing of what was found."""

    precheck_id: str
    item_code: str
    owner: str
    subject_hash: str
    opened_at: datetime
    expires_at: datetime
