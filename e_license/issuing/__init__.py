"""Licences that departments of this gateway issue (证照签发)."""

from e_license.issuing.errors import AwardInvalid, IssuedNotFound, LicenceNotReady
from e_license.issuing.local import LOCAL, LocalLicences
from e_license.issuing.metadata import (
    COLUMNS,
    NAMESPACE,
    attachment,
    common,
    holder_data,
    index_record,
    lacking,
    type_of,
    types,
)
from e_license.issuing.model import (
    Award,
    Composed,
    Content,
    IndexRow,
    IssuableType,
    IssuedLicence,
    IssuedState,
    Issuer,
    LicenceHolder,
    Proposal,
    SealedFile,
)
from e_license.issuing.ports import IssuedRepository
from e_license.issuing.service import IssuingService
from e_license.issuing.states import ALONE, TWO_PEOPLE

__all__ = [
    "ALONE",
    "COLUMNS",
    "LOCAL",
    "NAMESPACE",
    "TWO_PEOPLE",
    "Award",
    "AwardInvalid",
    "Composed",
    "Content",
    "IndexRow",
    "IssuableType",
    "IssuedLicence",
    "IssuedNotFound",
    "IssuedRepository",
    "IssuedState",
    "Issuer",
    "IssuingService",
    "LicenceHolder",
    "LicenceNotReady",
    "LocalLicences",
    "Proposal",
    "SealedFile",
    "attachment",
    "common",
    "holder_data",
    "index_record",
    "lacking",
    "type_of",
    "types",
]
