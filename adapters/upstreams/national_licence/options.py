"""The settings of this adapter: addresses, account, tables, and how long each source may take."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.national_licence.wire import FETCH_PATH, FILE_PATH, INDEX_PATH, Code
from e_license import LicenceState

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Seconds = Annotated[float, Field(ge=0.05, le=30)]
AreaPrefix = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,12}$")]


class Meaning(StrEnum):
    """What ``code`` means for us."""

    OK = "OK"
    AUTH_FAILED = "AUTH_FAILED"
    DENIED = "DENIED"
    NOT_FOUND = "NOT_FOUND"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    OUR_FAULT = "OUR_FAULT"
    FAILED = "FAILED"


CODES: Final[Mapping[str, Meaning]] = {
    Code.OK: Meaning.OK,
    Code.TOKEN_WRONG: Meaning.AUTH_FAILED,
    Code.FIELD_WRONG: Meaning.OUR_FAULT,
    Code.NOT_GRANTED: Meaning.DENIED,
    Code.NO_LICENCE: Meaning.NOT_FOUND,
    Code.TYPE_UNKNOWN: Meaning.NOT_SUPPORTED,
    Code.SOURCE_DOWN: Meaning.FAILED,
}
STATES: Final[Mapping[str, LicenceState]] = {
    "10": LicenceState.VALID,
    "01": LicenceState.SUPERSEDED,
    "02": LicenceState.EXPIRED,
    "03": LicenceState.CANCELLED,
    "04": LicenceState.WITHDRAWN,
    "05": LicenceState.REVOKED,
    "06": LicenceState.SUSPENDED,
    "09": LicenceState.INVALID_OTHER,
}
"""The transport ministry's codes; 06 is OURS. Other ministries differ: replace per deployment."""


class Options(BaseModel):
    """What the national platform's contract fixes and the public facts leave open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    system_code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    index_path: Path = INDEX_PATH
    fetch_path: Path = FETCH_PATH
    file_path: Path = FILE_PATH
    probe_type: str = "11100000MB0143028R001"
    probe_uscc: str = "113700000045030270"
    """A public body: the self-check looks its licences up, which is nobody's personal data."""
    source_seconds: Seconds = 5.0
    """How long one issuing source may take."""
    source_seconds_by_area: Mapping[AreaPrefix, Seconds] = Field(default_factory=dict)
    """The same for areas, by the beginning of their code; the longest beginning counts."""
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Replaces the whole table when set."""
    states: Mapping[str, LicenceState] = Field(default_factory=lambda: dict(STATES))
    """Replaces the whole table when set."""
