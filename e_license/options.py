"""The settings of the licence domain."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LicenceOptions(BaseModel):
    """How long a miss is remembered and how big a licence file may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    miss_seconds: int = Field(default=60, ge=0, le=60)
    """How long NOT_FOUND is remembered in this process; a licence issued meanwhile is seen a minute
    later.
    """
    miss_entries: int = Field(default=10_000, ge=1)
    max_document_bytes: int = Field(default=20_000_000, ge=1)
