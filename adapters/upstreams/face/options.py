"""The settings of this adapter: addresses, account, the service's key, and the code tables that
deployments vary.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.kit.signed_factors import Meaning
from adapters.upstreams.face.wire import APPLY_PATH, RESULT_PATH, Code, State
from identity.factor_ports import FactorState

CODES: Final[Mapping[str, Meaning]] = {
    Code.OK: Meaning.OK,
    Code.SIGN_WRONG: Meaning.AUTH_FAILED,
    Code.APP_UNKNOWN: Meaning.AUTH_FAILED,
    Code.TIME_STALE: Meaning.AUTH_FAILED,
    Code.FIELD_WRONG: Meaning.OUR_FAULT,
    Code.REFERENCE_TAKEN: Meaning.OUR_FAULT,
    Code.REFERENCE_UNKNOWN: Meaning.NOT_STARTED,
    Code.SUBJECT_NOT_FOUND: Meaning.REFUSED,
    Code.BUSY: Meaning.UNAVAILABLE,
}

STATES: Final[Mapping[str, FactorState]] = {
    State.PENDING: FactorState.PENDING,
    State.PASSED: FactorState.PASSED,
    State.FAILED: FactorState.FAILED,
    State.EXPIRED: FactorState.EXPIRED,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]


class Options(BaseModel):
    """What differs between the provinces and stages on which such a service runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    service_public_key: Annotated[str, StringConstraints(pattern=r"^04[0-9a-f]{128}$")]
    """The service's SM2 key, an uncompressed point in hexadecimal: results are signed with it."""
    apply_path: Path = APPLY_PATH
    result_path: Path = RESULT_PATH
    least_similarity: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(70)
    """Below this a pass of the service is none for us (OURS)."""
    longest_seconds: Annotated[int, Field(ge=30, le=3_600)] = 600
    """How long a page is believed to live, whatever the service says."""
    amr: tuple[str, ...] = ("face",)
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    states: Mapping[str, FactorState] = Field(default_factory=lambda: dict(STATES))
    """Replaces the whole table when set."""
