"""The messages of the OES component interface over HTTP: one POST of JSON per function.

The functions and their arguments are those that seal vendors' libraries export; how they travel
(paths, JSON, base64, the bearer key), every error code but OES_OK and OES_CANCEL, and the fields
marked OURS are this project's.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

BASE_PATH: Final = "/oes"
"""OURS: a function is called at ``/oes/<name>``."""
SIGN_METHOD: Final = "1.2.156.10197.1.501"
TIME_FORMAT: Final = "%Y%m%d%H%M%SZ"


class Function(StrEnum):
    """The functions that are spoken here."""

    GET_SEAL_LIST = "GetSealList"
    GET_SEAL = "GetSeal"
    GET_SEAL_INFO = "GetSealInfo"
    GET_SEAL_IMAGE = "GetSealImage"
    SIGN = "Sign"
    FIND_SIGN_VALUE = "FindSignValue"
    """OURS: what ``Sign`` returned for a ``requestId``."""
    VERIFY = "Verify"
    GET_ERR_MESSAGE = "GetErrMessage"


class Code(IntEnum):
    """Return codes; OES_OK and OES_CANCEL are the interface's, the rest OURS."""

    OK = 0x00
    CANCEL = 0x10
    """A person declined at the signing service."""
    KEY_WRONG = 0x20
    PARAMETER = 0x21
    SEAL_UNKNOWN = 0x30
    NOT_ENTITLED = 0x31
    SEAL_FROZEN = 0x32
    SEAL_REVOKED = 0x33
    SEAL_EXPIRED = 0x34
    SEAL_CANCELLED = 0x35
    REQUEST_DIFFERS = 0x40
    REQUEST_UNKNOWN = 0x41
    BUSY = 0x50
    """Nothing was done."""
    INTERNAL = 0x5F
    """Nobody knows what was done."""
    NOT_VALID = 0x60
    """``Verify``: the value does not hold."""


class Status(StrEnum):
    """OURS: values of ``status`` in lists and infos."""

    ACTIVE = "0"
    EXPIRED = "1"
    FROZEN = "2"
    CANCELLED = "3"
    REVOKED = "4"


class Answer(BaseModel):
    """The envelope of every answer; an error comes with HTTP status 200 too."""

    model_config = ConfigDict(extra="ignore")

    code: int
    data: dict[str, Any] | None = None


class Listed(BaseModel):
    """One seal of ``GetSealList``: id and name as the component gives them, and OURS, its state."""

    id: str
    name: str
    status: str


class SealList(BaseModel):
    """``GetSealList``."""

    seals: list[Listed]


class SealData(BaseModel):
    """``GetSeal``: base64 of SESeal in DER."""

    seal: str


class SealInfo(BaseModel):
    """``GetSealInfo``."""

    id: str
    name: str
    status: str


class SealImage(BaseModel):
    """``GetSealImage``: base64 of the picture, its format, and millimetres."""

    image: str
    format: str
    width: int
    height: int


class SignValue(BaseModel):
    """``Sign`` and ``FindSignValue``: base64 of SES_Signature in DER."""

    signValue: str  # noqa: N815 - the interface's spelling


class ErrMessage(BaseModel):
    """``GetErrMessage``."""

    message: str


class Nothing(BaseModel):
    """``Verify``: the return code says it all."""
