"""The messages of the Shandong e-licence share service, with the vendor's own field names."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

MAX_CAUSE: Final = 200
URL_SECONDS: Final = 600
"""How long the address of a licence file lives."""


class Operation:
    """Names of the operations, which are also the last part of their address."""

    BY_HOLDER: Final = "queryCertInfoByHolderCode"
    BY_IDENTIFIER: Final = "queryCertInfo"
    BY_QRCODE: Final = "queryCertInfoByQRcode"
    DOWNLOAD_URL: Final = "downloadUrl"
    DOWNLOAD_URLS: Final = "downloadUrlsByHolderCode"
    DOWNLOAD_FILE: Final = "downloadFile"
    VERIFY: Final = "verifyCertInfo"
    VERIFY_FILE: Final = "verifyFile"
    REMARKS: Final = "getCertRemarkInfo"
    BY_CONSENT: Final = "queryCertInfosByVerifyTrx"


class Consent:
    """Operations of the consent in the province's app, with addresses below ``ChannelVerify``."""

    BEGIN: Final = "beginVerify"
    BEGIN_PATH: Final = "begin/verify"
    STATUS: Final = "currentStatus"
    STATUS_PATH: Final = "current/status"


FILE_BY_ID: Final = "zzgxpt/download"
FILE_BY_ID_OPERATION: Final = "zzgxptDownload"
"""The GET of a file by its id."""

BEGUN: Final = frozenset({0, 60001})
"""Statuses of begin/verify that both mean success."""
AUTHORISING: Final = "1"
AUTHORISED: Final = "2"
"""Values of ``verifyStatus``; every other one means refused or failed."""
CONSENT_SECONDS: Final = 120


class Status(IntEnum):
    """Every ``head.status`` of the specification's table."""

    OK = 0
    NOT_OFFERED = 2
    NO_LICENCE = 10
    AUTHENTICATION_FAILED = 11
    REQUIRED_EMPTY = 12
    TYPE_UNKNOWN = 13
    ABOLISHED = 21
    EXPIRED = 22
    RESTRICTED = 23
    OTHER = 99
    TYPE_NOT_GRANTED = 100
    STATE_CONFIGURATION = 101
    BAD_VALUE = 102
    HOLDER_TYPE_REFUSED = 103
    CATALOGUE_MISSING = 105
    CATALOGUE_AMBIGUOUS = 106
    TEMPLATE_MISSING = 107
    TEMPLATE_AMBIGUOUS = 108
    CERT_NO_MISSING = 109
    HOLDER_CODE_MISSING = 110
    HOLDER_MISSING = 111
    WRONG_TYPE = 113


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Caller(_Message):
    """Who calls."""

    accessId: str  # noqa: N815 - the vendor's spelling, here and below
    accessToken: str  # noqa: N815


class UseCause(_Message):
    """用证事由 in its form as an object, or as the JSON text of one."""

    certificateSystemName: str  # noqa: N815
    certificateCopyCause: str  # noqa: N815
    certificateCallCategory: Literal["0", "1"]  # noqa: N815
    """``0`` for a service item, ``1`` for anything else."""
    certificateMatterName: str  # noqa: N815
    certificateEventCode: str  # noqa: N815


class ByHolder(_Message):
    """``data`` of queryCertInfoByHolderCode."""

    holderCode: str  # noqa: N815
    holderTypeCode: str  # noqa: N815
    certTypeCode: str  # noqa: N815
    certNo: str = ""  # noqa: N815
    useCause: UseCause | str  # noqa: N815


class ByIdentifier(_Message):
    """``data`` of queryCertInfo and downloadUrl."""

    certIdentifier: str  # noqa: N815
    useCause: UseCause | str  # noqa: N815


class ByQRCode(_Message):
    """``data`` of queryCertInfoByQRcode."""

    qrcode: str
    useCause: UseCause | str  # noqa: N815


class FileCopy(_Message):
    """``data`` of downloadFile, whose names differ from those of the other operations."""

    certificateIdentifier: str  # noqa: N815
    fileType: Literal["ofd", "png"]  # noqa: N815
    certificateCopyCause: UseCause | str  # noqa: N815
    certificateCopyExpiringTime: str = ""  # noqa: N815


class Claimed(_Message):
    """``data`` of verifyCertInfo; ``certData`` holds holderCode, holder, certNo and face fields."""

    certTypeCode: str  # noqa: N815
    certData: dict[str, str]  # noqa: N815
    useCause: UseCause | str  # noqa: N815


class ClaimedFile(_Message):
    """``data`` of verifyFile."""

    certTypeCode: str  # noqa: N815
    contentType: Literal["base64"] = "base64"  # noqa: N815
    content: str
    useCause: UseCause | str  # noqa: N815


class TypeAsked(_Message):
    """``data`` of getCertRemarkInfo."""

    certName: str = ""  # noqa: N815
    certTypeCode: str  # noqa: N815


class BeginVerify(_Message):
    """``data`` of ChannelVerify/begin/verify."""

    qrcode: str
    certCodes: list[str]  # noqa: N815


class Trx(_Message):
    """``data`` of ChannelVerify/current/status."""

    trxId: str  # noqa: N815


class ByTrx(_Message):
    """``data`` of queryCertInfosByVerifyTrx."""

    trxId: str  # noqa: N815
    certTypeCode: str  # noqa: N815
    useCause: UseCause | str  # noqa: N815


class Request(_Message):
    """The envelope of every request."""

    head: Caller
    data: (
        ByHolder
        | ByIdentifier
        | ByQRCode
        | FileCopy
        | Claimed
        | ClaimedFile
        | TypeAsked
        | BeginVerify
        | Trx
        | ByTrx
    )


class AnswerHead(BaseModel):
    """``head`` of every answer; business errors come with HTTP status 200 too."""

    status: int
    message: str = ""


class Answer(BaseModel):
    """The envelope of every answer. ``data`` is an empty plain object unless the status is 0."""

    head: AnswerHead
    data: Any = None


class CertData(BaseModel):
    """``data`` of the query operations: only this value is encrypted."""

    certData: str  # noqa: N815


class Content(BaseModel):
    """Decrypted ``data`` of downloadUrl: a relative address that lives 600 seconds."""

    content: str


class Begun(BaseModel):
    """Decrypted ``data`` of begin/verify."""

    trxId: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]  # noqa: N815


class Progress(BaseModel):
    """Decrypted ``data`` of current/status."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    verifyStatus: str  # noqa: N815


class Verified(BaseModel):
    """Decrypted ``data`` of verifyCertInfo and verifyFile."""

    result: int
    message: str = ""


IDENTIFIER_KEY: Final = "cert_identifier"
"""The one face key that the specification fixes; the others are the type's own, in pinyin."""
