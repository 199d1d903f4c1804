"""One step-up (加强认证): a second factor on its way to raise a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class StepUpState(StrEnum):
    """Where one step-up stands."""

    STARTING = "STARTING"
    """Sent to the provider; no answer has been seen yet."""
    STARTED = "STARTED"
    PASSED = "PASSED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, kw_only=True)
class StepUp:
    """加强认证. ``reference`` is ours and what the provider is asked by; ``evidence`` is the
    provider's own number of what it proved; ``reason`` says why it failed and is never personal.
    """

    id: str
    session_id: str
    sub: str
    factor: str
    reference: str
    acr: str
    state: StepUpState
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None = None
    evidence: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class StepUpStarted:
    """Where the person proves to be there: a page, or a text to be shown as a QR code, or both."""

    step_up: StepUp
    url: str | None = field(repr=False)
    qr_text: str | None = field(repr=False)


@dataclass(frozen=True)
class StepUpAnswer:
    """How a step-up stands. ``token`` is the session's new token, there exactly once: when this
    answer raised a session that has a token of its own.
    """

    step_up: StepUp
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
