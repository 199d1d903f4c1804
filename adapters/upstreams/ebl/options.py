"""The settings of this adapter: addresses, account, the service's key, our matter, and the code
tables that deployments vary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.kit.signed_factors import Meaning
from adapters.upstreams.ebl.wire import (
    CREATE_PATH,
    QR_SECONDS,
    RESULT_PATH,
    Code,
    Licence,
    Role,
    State,
)
from identity.factor_ports import FactorState
from identity.model import ActingRole

CODES: Final[Mapping[str, Meaning]] = {
    Code.OK: Meaning.OK,
    Code.APP_UNKNOWN: Meaning.AUTH_FAILED,
    Code.SIGN_WRONG: Meaning.AUTH_FAILED,
    Code.TIME_STALE: Meaning.AUTH_FAILED,
    Code.FIELD_WRONG: Meaning.OUR_FAULT,
    Code.REFERENCE_TAKEN: Meaning.OUR_FAULT,
    Code.REFERENCE_UNKNOWN: Meaning.NOT_STARTED,
    Code.NO_LICENCE: Meaning.REFUSED,
    Code.BUSY: Meaning.UNAVAILABLE,
}

STATES: Final[Mapping[str, FactorState]] = {
    State.WAITING: FactorState.PENDING,
    State.SCANNED: FactorState.PENDING,
    State.CONFIRMED: FactorState.PASSED,
    State.REJECTED: FactorState.FAILED,
    State.EXPIRED: FactorState.EXPIRED,
}

ROLES: Final[Mapping[str, ActingRole]] = {
    Role.LEGAL_REP: ActingRole.LEGAL_REP,
    Role.MANAGER: ActingRole.ORG_ADMIN,
    Role.OPERATOR: ActingRole.OPERATOR,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]


class Options(BaseModel):
    """What differs between deployments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    service_public_key: Annotated[str, StringConstraints(pattern=r"^04[0-9a-f]{128}$")]
    """The service's SM2 key, an uncompressed point in hexadecimal: results are signed with it."""
    matter: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")] = "one-window"
    """What an operator must be authorised for by name, where not for all business."""
    create_path: Path = CREATE_PATH
    result_path: Path = RESULT_PATH
    longest_seconds: Annotated[int, Field(ge=30, le=QR_SECONDS)] = QR_SECONDS
    """How long a code is believed to live, whatever the service says."""
    amr: tuple[str, ...] = ("sd_ebl",)
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    states: Mapping[str, FactorState] = Field(default_factory=lambda: dict(STATES))
    """Replaces the whole table when set."""
    roles: Mapping[str, ActingRole] = Field(default_factory=lambda: dict(ROLES))
    """Replaces the whole table when set."""
    licence_states: Mapping[str, bool] = Field(
        default_factory=lambda: {
            Licence.VALID: True,
            Licence.REVOKED: False,
            Licence.CANCELLED: False,
        }
    )
    """Whether a licence in this state may be used."""
