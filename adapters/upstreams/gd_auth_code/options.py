"""The settings of this adapter: addresses, account, and the tables that the public facts leave
open.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.gd_auth_code.wire import PREFIX, Code
from e_license import LicenceState

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)*$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Meaning(StrEnum):
    """What an error code means for us."""

    AUTH_FAILED = "AUTH_FAILED"
    TOKEN_OVER = "TOKEN_OVER"
    DENIED = "DENIED"
    NOT_FOUND = "NOT_FOUND"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    CODE_OVER = "CODE_OVER"
    OUR_FAULT = "OUR_FAULT"
    FAILED = "FAILED"


CODES: Final[Mapping[str, Meaning]] = {
    Code.LOGIN_REFUSED: Meaning.AUTH_FAILED,
    Code.TOKEN_INVALID: Meaning.TOKEN_OVER,
    Code.ITEM_REFUSED: Meaning.DENIED,
    Code.TYPE_UNKNOWN: Meaning.NOT_SUPPORTED,
    Code.HOLDER_TYPE_WRONG: Meaning.OUR_FAULT,
    Code.FIELD_WRONG: Meaning.OUR_FAULT,
    Code.NO_LICENCE: Meaning.NOT_FOUND,
    Code.CODE_OVER: Meaning.CODE_OVER,
    Code.BUSY: Meaning.FAILED,
}
STATES: Final[Mapping[str, LicenceState]] = {
    "ISSUED": LicenceState.VALID,
    "EXPIRED": LicenceState.EXPIRED,
    "SUSPENDED": LicenceState.SUSPENDED,
    "CANCELLED": LicenceState.CANCELLED,
    "REVOKED": LicenceState.REVOKED,
}


class Options(BaseModel):
    """What differs between the stages and provinces on which this profile is spoken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    prefix: Path = PREFIX
    app_key: Word
    account: Word
    cas_no: str = ""
    """Number of the window's certificate, where the system wants one."""
    probe_item_code: str = ""
    token_seconds: Annotated[int, Field(ge=60, le=86_400)] = 1_800
    """How long an access token is believed to live when the login does not say (OURS)."""
    code_seconds: Annotated[int, Field(ge=60, le=86_400)] = 1_800
    """How long a 用证码 is kept for its case in this process (OURS)."""
    code_entries: Annotated[int, Field(ge=1)] = 10_000
    sign_method: Literal["none", "HMAC-SM3"] = "HMAC-SM3"
    """How the ``sign`` of answers is checked; the text that it covers is OURS (signature.py)."""
    licence_types: Mapping[str, str] = Field(default_factory=dict)
    """National type code to the code under which this system lists the type."""
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    states: Mapping[str, LicenceState] = Field(default_factory=lambda: dict(STATES))
    """Replaces the whole table when set; OURS."""
