"""The settings of this adapter: address, account, catalogue numbers, and the rules nobody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.national_seal_status.wire import PATH, Catalogue, Code, SealStatus
from e_seal import SealState


class Meaning(StrEnum):
    """What a ``code`` means for us."""

    TOKEN_OVER = "TOKEN_OVER"
    """The token is no longer taken: fetch another one, once."""
    AUTH_FAILED = "AUTH_FAILED"
    REFUSED = "REFUSED"
    NO_SEAL = "NO_SEAL"
    UNAVAILABLE = "UNAVAILABLE"


CODES: Final[Mapping[str, Meaning]] = {
    Code.TOKEN_INVALID: Meaning.TOKEN_OVER,
    Code.ACCOUNT_WRONG: Meaning.AUTH_FAILED,
    Code.SIGN_WRONG: Meaning.AUTH_FAILED,
    Code.PARAMETER: Meaning.REFUSED,
    Code.SEAL_UNKNOWN: Meaning.NO_SEAL,
    Code.BUSY: Meaning.UNAVAILABLE,
}

STATES: Final[Mapping[str, SealState]] = {
    SealStatus.VALID: SealState.ACTIVE,
    SealStatus.INVALID: SealState.REVOKED,
}

Number = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@\-]{1,64}$")]
Point = Annotated[str, StringConstraints(pattern=r"^04[0-9a-fA-F]{128}$")]


class Options(BaseModel):
    """How the exchange platform of this installation reaches the system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """Address of the exchange platform up to the port."""
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_./{}\-]*\{catalogue\}.*$")] = PATH
    username: Word
    app_key: Word
    user_salt: Word
    """Goes into the password's digest; it comes with the account."""
    token_catalogue: Number = Catalogue.TOKEN
    status_catalogue: Number = Catalogue.STATUS
    """IK1012 for a caller that is not registered."""
    revocation_catalogue: Number = Catalogue.REVOCATIONS
    sign_rule: Literal["sm3_fields", "none"] = "sm3_fields"
    """How ``sign`` is made: SM3 over names and values of the question's own fields, or not sent."""
    list_public_key: Point | None = None
    """The key that the list must be signed with, as an uncompressed point in hex. Without one a
    list is refused, unless ``list_signature`` says that it is not checked.
    """
    list_signature: Literal["sm2", "unchecked"] = "sm2"
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    states: Mapping[str, SealState] = Field(default_factory=lambda: dict(STATES))
    """Replaces the whole table when set."""
