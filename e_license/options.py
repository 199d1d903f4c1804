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
    grant_seconds: int = Field(default=300, ge=1, le=300)
    """How long a granted look-up may wait; features N28 allows five minutes."""
    precheck_ms: int = Field(default=800, ge=50, le=20_000)
    """Within this time a pre-check answers; who has not answered by then is unavailable."""
    pending_seconds: int = Field(default=30, ge=1, le=3600)
    """When to ask again about an answer that is PENDING."""
