"""What the e-seal domain talks about: seals at the province, orders to seal, and seal acts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from kernel.crypto import sm3

MAX_DETAIL: Final = 200
MAX_REFERENCE: Final = 64
MAX_NAME: Final = 200
MAX_PROOF: Final = 4000


class SealState(StrEnum):
    """What the status system says about a seal (印章状态)."""

    ACTIVE = "active"
    EXPIRED = "expired"
    FROZEN = "frozen"
    REVOKED = "revoked"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    REVOKED_LATER = "revoked_later"
    """Dead now and alive when it was used; told only by comparing with the published list."""


class ActState(StrEnum):
    """Where the sealing of one document version stands (用章状态)."""

    DRAFT = "draft"
    SEAL_FETCHED = "seal_fetched"
    DIGEST_READY = "digest_ready"
    SIGNING = "signing"
    UNKNOWN = "unknown"
    SIGNED = "signed"
    VERIFIED = "verified"
    FAILED = "failed"


class ActKind(StrEnum):
    """What an act puts on the document: a seal, or a lock after which nothing more can be added."""

    SEAL = "seal"
    LOCK = "lock"


class SignatureForm(StrEnum):
    """What is asked of the province: SES_Signature (GB/T 38540) or CMS signed data (GB/T 35275)."""

    SES = "ses"
    CMS = "cms"


class MediaType(StrEnum):
    """What kind of file is sealed."""

    OFD = "application/ofd"
    PDF = "application/pdf"


class PublicStatus(StrEnum):
    """What portals show of a seal act."""

    SEALING = "sealing"
    CONFIRMING = "confirming"
    SEALED = "sealed"
    FAILED = "failed"


class FailureReason(StrEnum):
    """Why an act ended without a sealed document; a new version is needed to try again."""

    SEAL_NOT_USABLE = "seal_not_usable"
    SEAL_UNTRUSTED = "seal_untrusted"
    DOCUMENT_INVALID = "document_invalid"
    AUTHORISATION_EXPIRED = "authorisation_expired"
    REFUSED = "refused"
    RESPONSE_INVALID = "response_invalid"
    VERIFICATION_FAILED = "verification_failed"


@dataclass(frozen=True)
class SealRecord:
    """A seal as the province hands it out: the SESeal bytes and its present state."""

    code: str
    data: bytes
    state: SealState


@dataclass(frozen=True)
class SealSummary:
    """One seal of a list: enough for a person to choose by."""

    code: str
    name: str
    state: SealState


@dataclass(frozen=True)
class Revocation:
    """One line of the published list of dead seals (印章失效列表); ``revoked_at`` is aware."""

    code: str
    name: str
    revoked_at: datetime


@dataclass(frozen=True)
class Signer:
    """The member of staff who uses the seal (签章人), by the number of the unit's directory."""

    uid: str
    certificate_serial: str = ""


@dataclass(frozen=True)
class Authorisation:
    """Leave to use one seal for one item (用章授权); ``proof`` is the approver's JWS or empty."""

    grant_id: str
    approver: str
    expires_at: datetime
    proof: str = field(default="", repr=False)


@dataclass(frozen=True)
class StampPosition:
    """Where the centre of the seal's picture lies: page index from 0, millimetres from top left."""

    page: int
    centre_x: float
    centre_y: float


@dataclass(frozen=True)
class SealOrder:
    """What to seal: one version of one document, with one seal, under one authorisation.

    ``reference`` is the case as its owner knows it; ``(document_id, version)`` is the business key.
    A sealed document that is to carry one more seal is ordered as the next version, with the sealed
    bytes as its content. ``riding_y`` (mm from the top) adds a riding seal (骑缝章) over all
    pages. A ``LOCK`` shows no picture: it signs the list of signatures itself. A PDF takes neither.
    """

    reference: str
    item_code: str
    document_id: str
    version: int
    name: str
    content: bytes = field(repr=False)
    seal_code: str
    stamp: StampPosition
    signer: Signer
    authorisation: Authorisation
    actor: str = "system"
    kind: ActKind = ActKind.SEAL
    riding_y: float | None = None
    media_type: MediaType = MediaType.OFD


@dataclass(frozen=True)
class SignRequest:
    """One call to the province: sign this digest; a repetition carries the same bytes throughout.

    ``digest`` is SM3 of Signature.xml (32 octets), ``property_info`` its absolute path; for a PDF,
    SM3 of all but the value and the name of the signature field.
    """

    request_id: str
    reference: str
    item_code: str
    seal_code: str
    digest: bytes
    property_info: str
    sign_time: datetime
    signer: Signer
    authorisation: Authorisation
    document_id: str
    document_name: str
    page_count: int
    form: SignatureForm = SignatureForm.SES


@dataclass(frozen=True)
class FirstUse:
    """The request that a re-issued seal made void: it stays in the log, signed or refused."""

    request_id: str
    digest: bytes
    is_signed: bool


@dataclass(frozen=True)
class SealAct:
    """One use of a seal (用章记录): who, what for, which digest, and what came of it."""

    act_id: str
    request_id: str
    reference: str
    item_code: str
    document_id: str
    document_version: int
    name: str
    page_count: int
    content_digest: bytes
    seal_code: str
    stamp: StampPosition
    signer: Signer
    authorisation: Authorisation
    state: ActState
    created_at: datetime
    updated_at: datetime
    digest: bytes | None = None
    signing_at: datetime | None = None
    failure: FailureReason | None = None
    failure_detail: str = ""
    version: int = 1
    kind: ActKind = ActKind.SEAL
    riding_y: float | None = None
    media_type: MediaType = MediaType.OFD
    signed_at: datetime | None = None
    first_use: FirstUse | None = None

    @property
    def is_sealed(self) -> bool:
        """Whether the sealed document may be handed out."""
        return self.state is ActState.VERIFIED

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in {ActState.VERIFIED, ActState.FAILED}


@dataclass(frozen=True)
class Papers:
    """The bytes of one act; what is no longer needed once the document is sealed becomes None.

    ``signature_path`` is the entry of Signature.xml, or the name of the signature field of a PDF,
    which has no ``signature_xml``.
    """

    unsigned: bytes | None
    seal: bytes | None = None
    prepared: bytes | None = None
    prepared_at: datetime | None = None
    signature_path: str = ""
    signature_xml: bytes | None = None
    ses_signature: bytes | None = None
    sealed: bytes | None = None
    first_signature: bytes | None = None
    """What came for a seal that was re-issued meanwhile: evidence, never delivered."""


def content_digest(content: bytes) -> bytes:
    """SM3 of an unsigned document, by which a repeated order is recognised."""
    return sm3.digest(content)
