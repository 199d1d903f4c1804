"""The machine of a mandate: in force until it is revoked or its time is over."""

from __future__ import annotations

from typing import Final

from identity.mandates.model import MandateState
from kernel.states import StateTable

MANDATE: Final = StateTable(
    "identity.mandate",
    initial=MandateState.ACTIVE,
    edges={
        (MandateState.ACTIVE, MandateState.REVOKED): "identity.mandate_revoked",
        (MandateState.ACTIVE, MandateState.EXPIRED): "identity.mandate_expired",
    },
    terminal=frozenset({MandateState.REVOKED, MandateState.EXPIRED}),
)
GRANTED: Final = "identity.mandate_granted"
USED: Final = "identity.mandate_used"
