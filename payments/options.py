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
    late_fee_per_million: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Daily late fee in millionths of the amount (滞纳金日率; 500 is 0.05 %); 0 charges none."""
    refund_four_eyes: bool = True
    """Whether a refund on request waits until a second person has approved it."""
    recon_days: Annotated[int, Field(ge=1, le=31)] = 3
    """How many past days are compared every day: late files and new revisions are found so."""
    recon_page: Annotated[int, Field(ge=100, le=20_000)] = 5000
    """How many lines of a reconciliation file one transaction takes."""
    recon_owner: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "finance"
    """Who owns a new difference until somebody takes it over."""
