"""The messages of the business licence service; names and codes are OURS, see README.md."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

CREATE_PATH: Final = "/ebl/qr/create"
RESULT_PATH: Final = "/ebl/qr/result"
QR_SECONDS: Final = 300
"""A code is valid for about five minutes."""
MANAGERS_AT_MOST: Final = 5
"""证照管理员 that a legal representative may appoint."""
EVERYTHING: Final = "*"
"""An operator's authority for all business, in place of named matters."""


class Operation:
    """Names of the manifest's operations."""

    CREATE: Final = "createQr"
    RESULT: Final = "result"


class Code:
    """Values of ``code`` in every answer."""

    OK: Final = "0000"
    APP_UNKNOWN: Final = "E101"
    SIGN_WRONG: Final = "E102"
    TIME_STALE: Final = "E103"
    FIELD_WRONG: Final = "E201"
    REFERENCE_TAKEN: Final = "E202"
    REFERENCE_UNKNOWN: Final = "E203"
    NO_LICENCE: Final = "E301"
    """No electronic licence was issued for this credit code."""
    BUSY: Final = "E901"


class State:
    """Values of ``state`` in a result."""

    WAITING: Final = "WAITING"
    SCANNED: Final = "SCANNED"
    CONFIRMED: Final = "CONFIRMED"
    REJECTED: Final = "REJECTED"
    EXPIRED: Final = "EXPIRED"


class Role:
    """Values of ``role``."""

    LEGAL_REP: Final = "1"
    """法定代表人."""
    MANAGER: Final = "2"
    """证照管理员."""
    OPERATOR: Final = "3"
    """办事人."""


class Licence:
    """Values of ``licenceState``."""

    VALID: Final = "1"
    REVOKED: Final = "2"
    """吊销."""
    CANCELLED: Final = "3"
    """注销."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class QrData(_Message):
    """``data`` of createQr."""

    bizSeq: Short  # noqa: N815 - the service's name
    qrText: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] = Field(  # noqa: N815
        repr=False
    )
    expireTime: Short  # noqa: N815


class ResultData(_Message):
    """``data`` of result. ``holderDigest`` is hexadecimal SM3 over bizSeq, name and number, one a
    line: of the person who scanned.
    """

    bizSeq: Short  # noqa: N815
    state: Short
    reason: Short | None = None
    uscc: Short | None = None
    licenceState: Short | None = None  # noqa: N815
    role: Short | None = None
    holderDigest: Short | None = None  # noqa: N815
    matters: tuple[Short, ...] = ()
    """What an operator was authorised for; ``*`` for all business."""
    serialNo: Short | None = None  # noqa: N815
    confirmTime: Short | None = None  # noqa: N815
