"""Electronic licences (电子证照): the only door to this domain."""

from e_license import issuing
from e_license.asking import TOO_LATE
from e_license.catalogue import FaceField, LicenceType, TypeCatalogue, bundled
from e_license.errors import (
    InvalidHolder,
    InvalidPurpose,
    LicenceDenied,
    LicenceGrantInvalid,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceNotUsable,
    LicencePurposeMissing,
)
from e_license.grants.model import GrantRequest, Matter
from e_license.grants.service import Grants, hash_of
from e_license.model import (
    Access,
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
    Operation,
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
    ViewingPass,
)

__all__ = [
    "ADVICE",
    "ADVICE_NOT_USABLE",
    "PORT_VERSION",
    "RECORDED",
    "STATE_TEXTS",
    "TOO_LATE",
    "Access",
    "Agreement",
    "AnswerStatus",
    "AuthBasis",
    "Capability",
    "ClaimedFace",
    "ConsentStarted",
    "ConsentStatus",
    "FaceField",
    "FetchRequest",
    "GrantRequest",
    "Grants",
    "Holder",
    "IdDocType",
    "InvalidHolder",
    "InvalidPurpose",
    "Licence",
    "LicenceAnswer",
    "LicenceDenied",
    "LicenceDocument",
    "LicenceGrantInvalid",
    "LicenceNotFound",
    "LicenceNotSupported",
    "LicenceNotUsable",
    "LicenceOptions",
    "LicenceProvider",
    "LicencePurposeMissing",
    "LicenceRepository",
    "LicenceService",
    "LicenceState",
    "LicenceType",
    "LicenceUse",
    "LookupRequest",
    "Matter",
    "Operation",
    "Provenance",
    "Purpose",
    "SubjectHash",
    "TypeCatalogue",
    "Verification",
    "ViewingPass",
    "advice",
    "bundled",
    "hash_of",
    "issuing",
]
