"""Electronic licences (电子证照): the only door to this domain."""

from e_license.errors import (
    InvalidHolder,
    InvalidPurpose,
    LicenceDenied,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceNotUsable,
)
from e_license.model import (
    AnswerStatus,
    AuthBasis,
    FetchRequest,
    Holder,
    IdDocType,
    Licence,
    LicenceAnswer,
    LicenceDocument,
    LicenceState,
    LicenceUse,
    LookupRequest,
    Provenance,
    Purpose,
)
from e_license.options import LicenceOptions
from e_license.ports import PORT_VERSION, LicenceProvider, LicenceRepository, SubjectHash
from e_license.service import RECORDED, LicenceService
from e_license.states import ADVICE, ADVICE_NOT_USABLE, STATE_TEXTS, advice
from e_license.upstream import (
    Agreement,
    Capability,
    ClaimedFace,
    ConsentStarted,
    ConsentStatus,
    Verification,
)

__all__ = [
    "ADVICE",
    "ADVICE_NOT_USABLE",
    "PORT_VERSION",
    "RECORDED",
    "STATE_TEXTS",
    "Agreement",
    "AnswerStatus",
    "AuthBasis",
    "Capability",
    "ClaimedFace",
    "ConsentStarted",
    "ConsentStatus",
    "FetchRequest",
    "Holder",
    "IdDocType",
    "InvalidHolder",
    "InvalidPurpose",
    "Licence",
    "LicenceAnswer",
    "LicenceDenied",
    "LicenceDocument",
    "LicenceNotFound",
    "LicenceNotSupported",
    "LicenceNotUsable",
    "LicenceOptions",
    "LicenceProvider",
    "LicenceRepository",
    "LicenceService",
    "LicenceState",
    "LicenceUse",
    "LookupRequest",
    "Provenance",
    "Purpose",
    "SubjectHash",
    "Verification",
    "advice",
]
