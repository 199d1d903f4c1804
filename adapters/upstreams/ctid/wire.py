"""The messages of 网证 with the fields that are known; addresses and most codes are OURS, see
README.md.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

APPLY_PATH: Final = "/ctid/app/apply"
AUTH_PATH: Final = "/ctid/server/auth"
STAMP_DIGITS: Final = 17
"""``timeStamp`` is yyyyMMddHHmmssSSS, Beijing time."""


class Operation:
    """Names of the manifest's operations."""

    APPLY: Final = "apply"
    AUTH: Final = "authenticate"


class Code:
    """Values of ``resultCode``. Only that of success is known; the others are OURS."""

    OK: Final = "C0000000"
    SIGN_WRONG: Final = "C0401001"
    ORG_UNKNOWN: Final = "C0401002"
    TIME_STALE: Final = "C0401003"
    FIELD_WRONG: Final = "C0400001"
    SEQ_TAKEN: Final = "C0409001"
    SEQ_UNKNOWN: Final = "C0404001"
    BUSY: Final = "C0503001"


class AuthResult:
    """Values of ``authResult`` (OURS)."""

    PENDING: Final = "P"
    PASSED: Final = "0"
    NOT_SAME: Final = "1"
    """人证不符: another person than was named."""
    REFUSED: Final = "2"
    EXPIRED: Final = "3"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Envelope(_Message):
    """What both sides send: a package as JSON text, and base64 of an SM2 signature over it."""

    bizPackage: Annotated[str, StringConstraints(min_length=2, max_length=16_384)]  # noqa: N815
    sign: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ApplyData(_Message):
    """The package that answers an application: where the 网证 app is opened."""

    resultCode: Short  # noqa: N815 - the service's name
    bizSeq: Short | None = None  # noqa: N815
    link: Annotated[str, StringConstraints(pattern=r"^https?://", max_length=1_000)] | None = Field(
        default=None, repr=False
    )
    expireTime: Short | None = None  # noqa: N815


class AuthData(_Message):
    """The package that answers an authentication."""

    resultCode: Short  # noqa: N815
    businessSerialNumber: Short | None = None  # noqa: N815
    authResult: Short | None = None  # noqa: N815
    authMode: Short | None = None  # noqa: N815
    authNo: Short | None = None  # noqa: N815
    """认证流水号 (OURS)."""
    authTime: Short | None = None  # noqa: N815
    pid: Short | None = Field(default=None, repr=False)
    """网号: opaque letters and digits."""
