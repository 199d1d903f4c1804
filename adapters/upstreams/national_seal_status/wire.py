"""The messages of the national seal status system over the data exchange platform.

One POST of JSON per question to ``/resource/rest/v1/shared/{catalogue}/1``; names are the system's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

PATH: Final = "/resource/rest/v1/shared/{catalogue}/1"
STAMP_FORMAT: Final = "%Y%m%d%H%M%S"
TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
"""Both in Beijing time; OURS where the system does not say."""
VERSION: Final = "1.0"
OK: Final = "0"


class Method(StrEnum):
    """What is asked."""

    TOKEN = "DB.oauth.token"
    STATUS = "DB.seal.status.query"
    REVOCATIONS = "DB.seal.deactive.list.query"


class Catalogue(StrEnum):
    """Catalogue numbers as a client of 2019 used them; whether they are current is unknown."""

    TOKEN = "IK1010"
    STATUS = "IK1011"
    STATUS_UNREGISTERED = "IK1012"
    REVOCATIONS = "IK1013"


class Code(StrEnum):
    """OURS but for "0": the system's own table is not known."""

    TOKEN_INVALID = "10001"
    ACCOUNT_WRONG = "10002"
    SIGN_WRONG = "10003"
    PARAMETER = "20001"
    SEAL_UNKNOWN = "30001"
    BUSY = "90001"


class SealStatus(StrEnum):
    """``sealStatus``."""

    VALID = "0"
    INVALID = "1"


class Answer(BaseModel):
    """The envelope of every answer."""

    model_config = ConfigDict(extra="ignore")

    method: str | None = None
    requestId: str | None = None  # noqa: N815 - the system's spelling, here and below
    code: str | int
    message: str | None = None
    data: list[dict[str, Any]] | None = None


class TokenData(BaseModel):
    """``data[0]`` of the token."""

    access_token: str = Field(min_length=1, repr=False)
    expires_in: int = Field(gt=0)
    """Seconds."""


class StatusData(BaseModel):
    """``data[0]`` of the status query."""

    sealName: str  # noqa: N815
    sealStatus: str  # noqa: N815


class RevokedSeal(BaseModel):
    """One line of the list."""

    sealCode: str = Field(min_length=1, max_length=64)  # noqa: N815
    sealName: str = Field(max_length=200)  # noqa: N815
    revocationTime: str  # noqa: N815


class RevocationData(BaseModel):
    """``data[0]`` of the list: one page, signed."""

    version: str
    invalidEffectTime: str  # noqa: N815
    nextUpdateTime: str  # noqa: N815
    signature: str
    """Base64; OURS: DER over the text of ``mapping.list_text``."""
    signAlgorithm: str  # noqa: N815
    signHashAlgorithm: str  # noqa: N815
    secretKey: str  # noqa: N815
    """The public key that the list says it was signed with, in hex; never a reason to trust it."""
    awardCompany: str  # noqa: N815
    revocationList: list[RevokedSeal]  # noqa: N815
