"""The settings of this adapter: address, user, and the tables of codes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.oes_http.wire import BASE_PATH, Code, Status
from e_seal import SealState


class Meaning(StrEnum):
    """What a return code means for us."""

    AUTH_FAILED = "AUTH_FAILED"
    REFUSED = "REFUSED"
    NO_SEAL = "NO_SEAL"
    NO_REQUEST = "NO_REQUEST"
    UNAVAILABLE = "UNAVAILABLE"
    UNCLEAR = "UNCLEAR"
    NOT_VALID = "NOT_VALID"


CODES: Final[Mapping[int, Meaning]] = {
    Code.CANCEL: Meaning.REFUSED,
    Code.KEY_WRONG: Meaning.AUTH_FAILED,
    Code.PARAMETER: Meaning.REFUSED,
    Code.SEAL_UNKNOWN: Meaning.NO_SEAL,
    Code.NOT_ENTITLED: Meaning.REFUSED,
    Code.SEAL_FROZEN: Meaning.REFUSED,
    Code.SEAL_REVOKED: Meaning.REFUSED,
    Code.SEAL_EXPIRED: Meaning.REFUSED,
    Code.SEAL_CANCELLED: Meaning.REFUSED,
    Code.REQUEST_DIFFERS: Meaning.REFUSED,
    Code.REQUEST_UNKNOWN: Meaning.NO_REQUEST,
    Code.BUSY: Meaning.UNAVAILABLE,
    Code.INTERNAL: Meaning.UNCLEAR,
    Code.NOT_VALID: Meaning.NOT_VALID,
}

STATES: Final[Mapping[str, SealState]] = {
    Status.ACTIVE: SealState.ACTIVE,
    Status.EXPIRED: SealState.EXPIRED,
    Status.FROZEN: SealState.FROZEN,
    Status.CANCELLED: SealState.CANCELLED,
    Status.REVOKED: SealState.REVOKED,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
User = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]


class Options(BaseModel):
    """What differs between the services that speak this interface."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """Address up to the host and port."""
    base_path: Path = BASE_PATH
    user: User
    """The account to which the seals are granted; it goes with every question."""
    trust_anchors_pem: tuple[str, ...] = ()
    """Root certificates that come with the connection, for the gateway's trust store."""
    codes: Mapping[int, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table of return codes when set."""
    states: Mapping[str, SealState] = Field(default_factory=lambda: dict(STATES))
    """Replaces the whole table of states when set."""
