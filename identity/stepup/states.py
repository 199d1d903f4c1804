"""The machine of a step-up."""

from __future__ import annotations

from typing import Final

from identity.stepup.model import StepUpState
from kernel.states import StateTable

_S: Final = StepUpState

STEP_UP: Final = StateTable(
    "identity.step_up",
    initial=_S.STARTING,
    edges={
        (_S.STARTING, _S.STARTED): "identity.step_up_started",
        (_S.STARTING, _S.PASSED): "identity.step_up_passed",
        (_S.STARTING, _S.FAILED): "identity.step_up_failed",
        (_S.STARTING, _S.EXPIRED): "identity.step_up_expired",
        (_S.STARTED, _S.PASSED): "identity.step_up_passed",
        (_S.STARTED, _S.FAILED): "identity.step_up_failed",
        (_S.STARTED, _S.EXPIRED): "identity.step_up_expired",
    },
    terminal=frozenset({_S.PASSED, _S.FAILED, _S.EXPIRED}),
)
