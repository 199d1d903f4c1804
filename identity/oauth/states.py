"""The machine of a grant: it works until it is revoked; running out is not a state."""

from __future__ import annotations

from typing import Final

from identity.oauth.model import GrantState
from kernel.states import StateTable

GRANT: Final = StateTable(
    "identity.grant",
    initial=GrantState.ACTIVE,
    edges={(GrantState.ACTIVE, GrantState.REVOKED): "identity.grant_revoked"},
    terminal=frozenset({GrantState.REVOKED}),
)
