"""The messages of the remote digest signing service, with the vendor's own field names.

Seen in public code: the four fields of the request, the data types 101 and 108, the envelope of the
answer and the fields ``sealData``, ``index``, ``sealType``, ``puchSignValue``, ``signValue``.
Everything marked OURS is this project's, because the dialect shows no way to say it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

SERVICE_PATH: Final = "/seal/api"
"""OURS: the address of the live service is not known."""
DEFAULT_PROPERTY_INFO: Final = "/Doc_0/Signs/Sign_0/Signature.xml"
"""OURS: what a service signs as the path when the request names none."""
STALE_SECONDS: Final = 300
"""OURS: how far the time of a message may lie from the service's own."""


class Header:
    """OURS: who calls, and the proof. The dialect shows no authentication at all."""

    APP_ID: Final = "X-App-Id"
    TIMESTAMP: Final = "X-Timestamp"
    """Milliseconds since 1970 in UTC."""
    NONCE: Final = "X-Nonce"
    SIGN: Final = "X-Sign"
    """HMAC-SM3 in hex; what it covers is written at ``mapping.signing_text``."""


class DataType(StrEnum):
    """What is asked."""

    GET_SEAL = "101"
    SIGN = "108"
    QUERY_SIGNATURE = "901"
    """OURS: the signature that was made for a ``requestId``."""
    SEAL_STATUS = "902"
    """OURS: the present state of a seal."""
    LIST_SEALS = "903"
    """OURS: the seals of a unit that the account may use."""


class SealStatus(StrEnum):
    """OURS: values of ``sealStatus``."""

    ACTIVE = "0"
    EXPIRED = "1"
    FROZEN = "2"
    CANCELLED = "3"
    REVOKED = "4"


class ErrorCode(StrEnum):
    """OURS: the live service's own table is not known."""

    OK = "0"
    APP_UNKNOWN = "E1001"
    SIGN_WRONG = "E1002"
    TIME_STALE = "E1003"
    PARAMETER_WRONG = "E2001"
    DATA_TYPE_UNKNOWN = "E2002"
    DIGEST_WRONG = "E2003"
    SEAL_UNKNOWN = "E3001"
    USER_NOT_ENTITLED = "E3002"
    SEAL_FROZEN = "E3003"
    SEAL_REVOKED = "E3004"
    SEAL_EXPIRED = "E3005"
    SEAL_CANCELLED = "E3006"
    REQUEST_DIFFERS = "E4001"
    REQUEST_UNKNOWN = "E4002"
    BUSY = "E9001"
    """Not taken: nothing was done."""
    INTERNAL = "E9999"
    """Nobody knows what was done."""


class Request(BaseModel):
    """Every request; the dialect always sends its four fields, empty where they say nothing."""

    model_config = ConfigDict(extra="forbid")

    outUserId: str  # noqa: N815 - the vendor's spelling, here and below
    """The account to which seals are granted."""
    dataType: DataType  # noqa: N815
    sealId: str = ""  # noqa: N815
    digest: str = ""
    """Base64 of the 32 octets of SM3(Signature.xml)."""
    requestId: str | None = None  # noqa: N815
    """OURS: the same id is the same use of the seal; with another digest it is refused."""
    signForm: str | None = None  # noqa: N815
    """OURS: ``cms`` asks for signed data of GB/T 35275 instead of SES_Signature."""
    unitCode: str | None = None  # noqa: N815
    """OURS: credit code of the unit whose seals are listed."""
    signerId: str | None = None  # noqa: N815
    """OURS: whose seals are listed, by the number of the unit's directory."""
    propertyInfo: str | None = None  # noqa: N815
    """OURS: what goes into TBS_Sign: the path of Signature.xml, or a PDF's signature field."""

    def fields(self) -> dict[str, str]:
        """Return what is sent."""
        return self.model_dump(mode="json", exclude_none=True)


class Answer(BaseModel):
    """The envelope of every answer; refusals come with HTTP status 200 too."""

    success: bool
    message: str | None = None
    errorCode: str | int | None = None  # noqa: N815
    errorMsg: str | None = None  # noqa: N815
    total: int | None = None
    data: list[dict[str, Any]] | None = None


class SealData(BaseModel):
    """``data[0]`` of 101."""

    sealData: str  # noqa: N815
    """Base64 of SESeal in DER."""
    index: int | str | None = None
    sealType: int | str | None = None  # noqa: N815
    sealStatus: str | None = None  # noqa: N815
    """OURS."""


class SignData(BaseModel):
    """``data[0]`` of 108 and of 901."""

    puchSignValue: str  # noqa: N815
    """Base64 of SES_Signature in DER."""
    signValue: str | None = None  # noqa: N815
    """Base64 of the bare SM2 signature inside."""


class StatusData(BaseModel):
    """``data[0]`` of 902; OURS."""

    sealStatus: str  # noqa: N815


class ListedSeal(BaseModel):
    """One of ``data`` of 903; OURS."""

    sealId: str  # noqa: N815
    sealName: str  # noqa: N815
    sealStatus: str  # noqa: N815
