"""The machine of a stored raise: it counts until a clerk revokes it."""

from __future__ import annotations

from typing import Final

from identity.proofing.model import ProofingState
from kernel.states import StateTable

PROOFING: Final = StateTable(
    "identity.proofing",
    initial=ProofingState.ACTIVE,
    edges={(ProofingState.ACTIVE, ProofingState.REVOKED): "identity.proofing_revoked"},
    terminal=frozenset({ProofingState.REVOKED}),
)
PROVEN: Final = "identity.proofing_proven"
