"""The vocabulary of seal verification: what was found, how grave it is, what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """What one finding does to the result."""

    ERROR = "error"
    """The result is INVALID."""
    UNDECIDED = "undecided"
    """Something could not be checked here: the result is at best INDETERMINATE."""
    WARNING = "warning"
    """The result stands in spite of it."""


class Code(StrEnum):
    """What a check found; codes are stable, ``W_`` marks a warning. Texts: e_seal/texts.py."""

    OFD_MALFORMED = "OFD_MALFORMED"
    OFD_UNSAFE = "OFD_UNSAFE"
    PDF_MALFORMED = "PDF_MALFORMED"
    BYTE_RANGE_INVALID = "BYTE_RANGE_INVALID"
    NOT_SIGNED = "NOT_SIGNED"
    SES_FORMAT_INVALID = "SES_FORMAT_INVALID"
    SIGNED_DATA_INVALID = "SIGNED_DATA_INVALID"
    ALG_UNSUPPORTED = "ALG_UNSUPPORTED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    SIGNER_UNKNOWN = "SIGNER_UNKNOWN"
    SIGNER_NOT_IN_SEAL = "SIGNER_NOT_IN_SEAL"
    SEAL_FORMAT_INVALID = "SEAL_FORMAT_INVALID"
    SEAL_SIGNATURE_INVALID = "SEAL_SIGNATURE_INVALID"
    SEAL_MAKER_UNTRUSTED = "SEAL_MAKER_UNTRUSTED"
    SEAL_EXPIRED = "SEAL_EXPIRED"
    SEAL_CREATE_DATE_IMPLAUSIBLE = "SEAL_CREATE_DATE_IMPLAUSIBLE"
    SEAL_TIMESTAMP_INVALID = "SEAL_TIMESTAMP_INVALID"
    SIGNER_CHAIN_UNTRUSTED = "SIGNER_CHAIN_UNTRUSTED"
    SIGNER_KEY_USAGE = "SIGNER_KEY_USAGE"
    CHAIN_UNCHECKED = "CHAIN_UNCHECKED"
    SIGN_TIME_OUTSIDE_CERT = "SIGN_TIME_OUTSIDE_CERT"
    SIGNER_REVOKED = "SIGNER_REVOKED"
    REVOCATION_UNCHECKED = "REVOCATION_UNCHECKED"
    SIGN_TIME_OUTSIDE_SEAL = "SIGN_TIME_OUTSIDE_SEAL"
    SIGN_TIME_IMPLAUSIBLE = "SIGN_TIME_IMPLAUSIBLE"
    DATA_HASH_MISMATCH = "DATA_HASH_MISMATCH"
    PROPERTY_PATH_MISMATCH = "PROPERTY_PATH_MISMATCH"
    REF_MISSING = "REF_MISSING"
    REF_MODIFIED = "REF_MODIFIED"
    SEAL_FILE_MISMATCH = "SEAL_FILE_MISMATCH"
    SEAL_CODE_MISMATCH = "SEAL_CODE_MISMATCH"
    TIMESTAMP_INVALID = "TIMESTAMP_INVALID"
    STAMP_ANNOT_INVALID = "STAMP_ANNOT_INVALID"
    SIGNATURE_LIST_INVALID = "SIGNATURE_LIST_INVALID"
    COVERAGE_PARTIAL = "COVERAGE_PARTIAL"
    SEAL_REVOKED = "SEAL_REVOKED"
    W_RAW_RS = "W_RAW_RS"
    W_SEAL_CREATE_DATE = "W_SEAL_CREATE_DATE"
    W_SEAL_MAKER_EXPIRED_NOW = "W_SEAL_MAKER_EXPIRED_NOW"
    W_SEAL_MAKER_REVOKED_LATER = "W_SEAL_MAKER_REVOKED_LATER"
    W_TIME_SKEW = "W_TIME_SKEW"
    W_SIGNER_EXPIRED_NOW = "W_SIGNER_EXPIRED_NOW"
    W_SIGNER_REVOKED_LATER = "W_SIGNER_REVOKED_LATER"
    W_PROPERTY_PATH = "W_PROPERTY_PATH"
    W_UNKNOWN_CRITICAL_EXT = "W_UNKNOWN_CRITICAL_EXT"
    W_SEAL_REVOKED_LATER = "W_SEAL_REVOKED_LATER"
    W_SIGNER_OTHER_CODE = "W_SIGNER_OTHER_CODE"
    W_TIMESTAMP_UNCHECKED = "W_TIMESTAMP_UNCHECKED"
    W_SIGNATURE_TYPE = "W_SIGNATURE_TYPE"
    W_LATER_REVISION = "W_LATER_REVISION"
    W_ENTRY_UNSIGNED = "W_ENTRY_UNSIGNED"
    W_STATUS_UNKNOWN = "W_STATUS_UNKNOWN"

    @property
    def is_warning(self) -> bool:
        """Whether the result stands in spite of it."""
        return self.value.startswith("W_")

    @property
    def is_undecided(self) -> bool:
        """Whether it says that something could not be checked here."""
        return self in _UNDECIDED

    @property
    def is_failure(self) -> bool:
        """Whether it alone makes the result INVALID."""
        return not self.is_warning and not self.is_undecided

    @property
    def severity(self) -> Severity:
        """What it does to the result."""
        if self.is_warning:
            return Severity.WARNING
        return Severity.UNDECIDED if self.is_undecided else Severity.ERROR


_UNDECIDED: Final = frozenset(
    {Code.CHAIN_UNCHECKED, Code.REVOCATION_UNCHECKED, Code.SIGNER_UNKNOWN}
)


class Verdict(StrEnum):
    """The result of a verification (验章结果)."""

    VALID = "VALID"
    VALID_WITH_WARNINGS = "VALID_WITH_WARNINGS"
    INVALID = "INVALID"
    INDETERMINATE = "INDETERMINATE"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact found; ``paths`` are package entries that it concerns."""

    code: Code
    detail: str = ""
    paths: tuple[str, ...] = ()


def verdict(findings: Iterable[Finding]) -> Verdict:
    """A failure makes INVALID, else a gap makes INDETERMINATE, else a warning is told."""
    codes = {finding.code for finding in findings}
    if any(code.is_failure for code in codes):
        return Verdict.INVALID
    if any(code.is_undecided for code in codes):
        return Verdict.INDETERMINATE
    return Verdict.VALID_WITH_WARNINGS if codes else Verdict.VALID
