"""The machines of a client and of its keys."""

from __future__ import annotations

from typing import Final

from identity.clients.model import ClientStatus, KeyStatus
from kernel.states import StateTable

CLIENT: Final = StateTable(
    "identity.client",
    initial=ClientStatus.ACTIVE,
    edges={
        (ClientStatus.ACTIVE, ClientStatus.SUSPENDED): "identity.client_suspended",
        (ClientStatus.SUSPENDED, ClientStatus.ACTIVE): "identity.client_resumed",
        (ClientStatus.ACTIVE, ClientStatus.CLOSED): "identity.client_closed",
        (ClientStatus.SUSPENDED, ClientStatus.CLOSED): "identity.client_closed",
    },
    terminal=frozenset({ClientStatus.CLOSED}),
)

KEY: Final = StateTable(
    "identity.client_key",
    initial=KeyStatus.ACTIVE,
    edges={
        (KeyStatus.ACTIVE, KeyStatus.RETIRED): "identity.client_key_retired",
        (KeyStatus.ACTIVE, KeyStatus.EXPIRED): "identity.client_key_expired",
    },
    terminal=frozenset({KeyStatus.RETIRED, KeyStatus.EXPIRED}),
)
