"""The settings of this adapter: addresses, account, and the code tables that deployments vary."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.data_share.wire import Code, Result
from e_license.check_ports import CheckStatus

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)*$")]


class Meaning(StrEnum):
    """What a platform's ``code`` means for us."""

    OK = "OK"
    AUTH_FAILED = "AUTH_FAILED"
    NOT_APPROVED = "NOT_APPROVED"
    OUR_FAULT = "OUR_FAULT"
    FAILED = "FAILED"


CODES: Final[Mapping[str, Meaning]] = {
    Code.OK: Meaning.OK,
    Code.APP_UNKNOWN: Meaning.AUTH_FAILED,
    Code.SIGN_WRONG: Meaning.AUTH_FAILED,
    Code.TIME_STALE: Meaning.AUTH_FAILED,
    Code.NOT_APPROVED: Meaning.NOT_APPROVED,
    Code.FIELD_WRONG: Meaning.OUR_FAULT,
    Code.SOURCE_DOWN: Meaning.FAILED,
}
RESULTS: Final[Mapping[str, CheckStatus]] = {
    Result.MATCH: CheckStatus.MATCH,
    Result.MISMATCH: CheckStatus.MISMATCH,
    Result.NOT_FOUND: CheckStatus.NOT_FOUND,
}


class Options(BaseModel):
    """What differs between the platforms of the provinces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    population_path: Path = "/check/population"
    """Empty where the platform does not offer the register; so are the next two."""
    legal_person_path: Path = "/check/legal-person"
    credit_path: Path = "/check/credit"
    probe_uscc: str = "113700000045030270"
    """A public body: the self-check asks for its credit, which is nobody's personal data."""
    probe_name: str = "接口自检"
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    results: Mapping[str, CheckStatus] = Field(default_factory=lambda: dict(RESULTS))
    """Replaces the whole table when set."""
