"""The settings of this adapter: address, account, which additions are spoken, code tables."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.sd_seal.wire import SERVICE_PATH, ErrorCode, SealStatus
from e_seal import SealState


class Meaning(StrEnum):
    """What an ``errorCode`` means for us."""

    AUTH_FAILED = "AUTH_FAILED"
    """Our application, its secret or its clock is not accepted."""
    REFUSED = "REFUSED"
    NO_SEAL = "NO_SEAL"
    NO_REQUEST = "NO_REQUEST"
    UNAVAILABLE = "UNAVAILABLE"
    """Nothing was done; asking again may help."""
    UNCLEAR = "UNCLEAR"
    """Nobody knows what was done."""


ERROR_CODES: Final[Mapping[str, Meaning]] = {
    ErrorCode.APP_UNKNOWN: Meaning.AUTH_FAILED,
    ErrorCode.SIGN_WRONG: Meaning.AUTH_FAILED,
    ErrorCode.TIME_STALE: Meaning.AUTH_FAILED,
    ErrorCode.PARAMETER_WRONG: Meaning.REFUSED,
    ErrorCode.DATA_TYPE_UNKNOWN: Meaning.REFUSED,
    ErrorCode.DIGEST_WRONG: Meaning.REFUSED,
    ErrorCode.SEAL_UNKNOWN: Meaning.NO_SEAL,
    ErrorCode.USER_NOT_ENTITLED: Meaning.REFUSED,
    ErrorCode.SEAL_FROZEN: Meaning.REFUSED,
    ErrorCode.SEAL_REVOKED: Meaning.REFUSED,
    ErrorCode.SEAL_EXPIRED: Meaning.REFUSED,
    ErrorCode.SEAL_CANCELLED: Meaning.REFUSED,
    ErrorCode.REQUEST_DIFFERS: Meaning.REFUSED,
    ErrorCode.REQUEST_UNKNOWN: Meaning.NO_REQUEST,
    ErrorCode.BUSY: Meaning.UNAVAILABLE,
    ErrorCode.INTERNAL: Meaning.UNCLEAR,
}

SEAL_STATES: Final[Mapping[str, SealState]] = {
    SealStatus.ACTIVE: SealState.ACTIVE,
    SealStatus.EXPIRED: SealState.EXPIRED,
    SealStatus.FROZEN: SealState.FROZEN,
    SealStatus.CANCELLED: SealState.CANCELLED,
    SealStatus.REVOKED: SealState.REVOKED,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Account = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
SealCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$")]


class Options(BaseModel):
    """What differs between the seal systems on which this dialect is spoken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """Address up to the host and port."""
    service_path: Path = SERVICE_PATH
    out_user_id: Account
    """The account to which the seals are granted."""
    app_id: Account = "onewindow"
    """OURS: names the application in the authentication header."""
    own_fields: bool = True
    """OURS: whether the service knows ``requestId``, ``propertyInfo``, ``sealStatus`` and the data
    types 901 and 902. Without them a lost answer stays unknown until a person looks.
    """
    authentication: Literal["hmac_sm3", "none"] = "hmac_sm3"
    """OURS: ``none`` where the network alone decides who may call."""
    trust_anchors_pem: tuple[str, ...] = ()
    """Root certificates that the province hands out with the connection. The gateway takes them
    for its trust store; this adapter judges no signature.
    """
    probe_seal_code: SealCode | None = None
    """A seal that the self-check reads, if the province names one for that."""
    error_codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(ERROR_CODES))
    """Replaces the whole table when set: the province hands out its own with the connection."""
    seal_states: Mapping[str, SealState] = Field(default_factory=lambda: dict(SEAL_STATES))
    """Replaces the whole table when set."""
