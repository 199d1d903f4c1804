"""The payment section of the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class PaymentOptions(BaseModel):
    """How this installation collects payments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upstream: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,39}$")]
    """Name of the adapter that serves the payments port."""
    deadline_days: Annotated[int, Field(ge=1, le=365)] = 15
    """Days to pay when the order names no deadline (缴款期限)."""
    attempt_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """After how many minutes an opened attempt without money is closed, if the upstream agrees."""
    issue_grace_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """How long the worker leaves a fresh bill to the caller who raised it."""
    sweep_page: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many open bills one step of the daily sweep asks about."""
