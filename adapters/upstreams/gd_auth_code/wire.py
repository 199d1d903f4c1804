"""The messages of the licence system, with its own names; the error codes are OURS."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PREFIX: Final = "/license-app/v1"
LOGIN_PATH: Final = "/security/login"
HOLDER_PATH: Final = "/license/holder"
GET_PATH: Final = "/license/get_license"
TOKEN_PATH: Final = "/license/token"
ARCHIVE_PATH: Final = "/license/archive"
SUCCESS: Final = "SUCCESS"


class Operation:
    """Names of the manifest's operations."""

    LOGIN: Final = "login"
    HOLDER: Final = "holder"
    GET: Final = "getLicense"
    TOKEN: Final = "licenseToken"
    ARCHIVE: Final = "archive"


class Code:
    """Values of ``errors[].code`` (OURS)."""

    LOGIN_REFUSED: Final = "LOGIN_REFUSED"
    TOKEN_INVALID: Final = "TOKEN_INVALID"
    ITEM_REFUSED: Final = "ITEM_REFUSED"
    """The service item has no right to this type."""
    TYPE_UNKNOWN: Final = "TYPE_UNKNOWN"
    HOLDER_TYPE_WRONG: Final = "HOLDER_TYPE_WRONG"
    FIELD_WRONG: Final = "FIELD_WRONG"
    NO_LICENCE: Final = "NO_LICENCE"
    CODE_OVER: Final = "CODE_OVER"
    """The 用证码 is unknown or over."""
    BUSY: Final = "BUSY"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
AuthCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{17}[A-Za-z0-9]{1,64}$")]
"""用证码: begins with a time of 17 digits."""


class Fault(_Message):
    """One of ``errors``."""

    code: Short
    message: str = Field(default="", repr=False)


class Answer(_Message):
    """The envelope of every answer."""

    ack_code: Literal["SUCCESS", "FAILURE"]
    errors: list[Fault] = []
    sign: str = ""
    sign_method: str = ""
    timestamp: str = ""
    correlation_id: str = ""
    response_id: str = ""
    data: Any = None


class LoginData(_Message):
    """``data`` of login."""

    access_token: Annotated[str, StringConstraints(min_length=8, max_length=2_000)] = Field(
        repr=False
    )
    expires_in: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Seconds."""


class Found(_Message):
    """One licence of a holder; ``auth_code`` is there for those that may be used."""

    license_item_code: Short
    license_code: Short
    license_number: Short = ""
    name: Short = ""
    holder_name: Short = ""
    holder_identity_num: Short = ""
    issue_org_name: Short = ""
    valid_from: Short = ""
    valid_to: Short = ""
    license_status: Short
    auth_code: AuthCode | None = Field(default=None, repr=False)


class Opened(Found):
    """``data`` of get_license."""

    data_fields: dict[str, str | int | None] = Field(repr=False)


class Viewing(_Message):
    """``data`` of token."""

    license_access_token: Annotated[str, StringConstraints(min_length=8, max_length=2_000)] = Field(
        repr=False
    )
    expires_in: Annotated[int, Field(ge=1, le=86_400)] | None = None


class Archive(_Message):
    """``data`` of archive."""

    file_name: Short = ""
    file_data: str = Field(repr=False)
    """Base64."""
