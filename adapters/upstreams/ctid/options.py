"""The settings of this adapter: addresses, account, keys, mode, and what becomes of the 网号."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.kit.signed_factors import Meaning
from adapters.upstreams.ctid.wire import APPLY_PATH, AUTH_PATH, AuthResult, Code
from identity.factor_ports import FactorState


class Mode(BaseModel):
    """One mode of authentication: what the app is asked for, and what a pass is worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Annotated[int, Field(ge=0, le=9)]
    """0: credential; 1: credential and PIN."""
    amr: tuple[str, ...]


class Pseudonym(StrEnum):
    """What becomes of the 网号."""

    KEEP = "KEEP"
    """It is asked for and handed on, and stands for the id number from then on."""
    IGNORE = "IGNORE"


MODES: Final[Mapping[str, Mode]] = {
    # R01 and R03 ask for the credential, R02 and R04 for a PIN too; what else tells them apart
    # comes with the contract, so that nothing more is claimed for R03 and R04 (OURS).
    "R01": Mode(type=0, amr=("sd_ctid",)),
    "R02": Mode(type=1, amr=("sd_ctid", "pin")),
    "R03": Mode(type=0, amr=("sd_ctid",)),
    "R04": Mode(type=1, amr=("sd_ctid", "pin")),
}

CODES: Final[Mapping[str, Meaning]] = {
    Code.OK: Meaning.OK,
    Code.SIGN_WRONG: Meaning.AUTH_FAILED,
    Code.ORG_UNKNOWN: Meaning.AUTH_FAILED,
    Code.TIME_STALE: Meaning.AUTH_FAILED,
    Code.FIELD_WRONG: Meaning.OUR_FAULT,
    Code.SEQ_TAKEN: Meaning.OUR_FAULT,
    Code.SEQ_UNKNOWN: Meaning.NOT_STARTED,
    Code.BUSY: Meaning.UNAVAILABLE,
}

RESULTS: Final[Mapping[str, FactorState]] = {
    AuthResult.PENDING: FactorState.PENDING,
    AuthResult.PASSED: FactorState.PASSED,
    AuthResult.NOT_SAME: FactorState.FAILED,
    AuthResult.REFUSED: FactorState.FAILED,
    AuthResult.EXPIRED: FactorState.EXPIRED,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
Point = Annotated[str, StringConstraints(pattern=r"^04[0-9a-f]{128}$")]


class Options(BaseModel):
    """What the contract fixes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    org_id: Id
    app_id: Id
    customer_number: Id
    app_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "一窗受理"
    vender_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "OneWindow"
    business_type: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "政务服务"
    service_public_key: Point
    """The service's SM2 key: its packages are signed with it, and ``reserved`` is encrypted to it.
    """
    mode: Annotated[str, StringConstraints(pattern=r"^R0\d$")] = "R01"
    modes: Mapping[str, Mode] = Field(default_factory=lambda: dict(MODES))
    pseudonym: Pseudonym = Pseudonym.KEEP
    apply_path: Path = APPLY_PATH
    auth_path: Path = AUTH_PATH
    longest_seconds: Annotated[int, Field(ge=30, le=3_600)] = 300
    """How long an application is believed to live, whatever the service says."""
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    results: Mapping[str, FactorState] = Field(default_factory=lambda: dict(RESULTS))
    """Replaces the whole table when set."""
