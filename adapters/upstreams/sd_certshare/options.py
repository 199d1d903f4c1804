"""The settings of this adapter: addresses, account, dialect and code tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.sd_certshare.wire import CONSENT_SECONDS
from e_license import LicenceState, Provenance

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)*$")]


class FaceKeys(BaseModel):
    """Keys of the face data that carry the common fields; OURS after the pinyin pattern."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "zzmc"
    licence_no: str = "zzbh"
    holder_name: str = "czzt"
    holder_code: str = "czztdm"
    """Compared with the holder that was asked for, where the source fills it."""
    issuer: str = "zzbfjg"
    type_code: str = "zzlxdm"
    valid_from: str = "zzyxqqsrq"
    valid_to: str = "zzyxqjzrq"
    state: str = "zzzt"
    """May be absent: the service answers status 0 for valid licences only."""


class Options(BaseModel):
    """What differs between the cities and stages on which this specification is spoken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """Address up to the host and port."""
    service_path: Path = "/CertShare"
    consent_path: Path = "/ChannelVerify"
    download_path: Path = ""
    """What stands before the relative address of a file; the specification leaves it open."""
    access_id: Annotated[str, StringConstraints(min_length=1)]
    system_name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """调用系统, as registered with the licence platform."""
    probe_identifier: str = ""
    """A test licence of no citizen, if the platform gives one: the self-check reads it."""
    ciphertext_order: Literal["C1C2C3", "C1C3C2"] = "C1C2C3"
    use_cause: Literal["object", "json", "text"] = "object"
    licence_types: Mapping[str, str] = Field(default_factory=dict)
    """National type code to the code under which this platform lists the type, where they
    differ.
    """
    raw_states: Mapping[str, LicenceState] = Field(
        default_factory=lambda: {
            "5": LicenceState.VALID,
            "11": LicenceState.VALID,
            "-8": LicenceState.CANCELLED,
            "-5": LicenceState.CANCELLED,
            "-3": LicenceState.CANCELLED,
            "-2": LicenceState.CANCELLED,
            "-4": LicenceState.EXPIRED,
            "12": LicenceState.SUSPENDED,
            "13": LicenceState.SUSPENDED,
        }
    )
    """Internal codes seen on a city's side; they are in no standard."""
    provenance: Provenance = Provenance.PROVINCE
    """LOCAL for a city's platform."""
    consent_seconds: Annotated[int, Field(ge=10, le=CONSENT_SECONDS)] = CONSENT_SECONDS
    copy_days: Annotated[int, Field(ge=1, le=366)] = 30
    """How long a copy (加注件) says that it may be used (OURS)."""
    face_keys: FaceKeys = FaceKeys()
