"""What the registry needs from a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from identity.clients.model import Client, ClientKey, ClientStatus, KeyStatus
from kernel.work import Work


class ClientRows(Protocol):
    """The rows of clients. Every method works inside the unit of work that it is given."""

    async def add(self, work: Work, client: Client, at: datetime) -> bool:
        """Store a new client; False when its id is taken."""
        ...

    async def change(self, work: Work, client: Client, at: datetime) -> None:
        """Replace what is registered of a client, except its status."""
        ...

    async def move(self, work: Work, client_id: str, old: ClientStatus, new: ClientStatus) -> bool:
        """Change the status of a client that still has the old one."""
        ...

    async def get(self, work: Work, client_id: str) -> Client | None:
        """Return a client with its keys, secrets decrypted."""
        ...

    async def owner(self, work: Work, key_id: str) -> str | None:
        """Return whose key this is."""
        ...

    async def all(self, work: Work) -> Sequence[Client]:
        """Return every client by its id, with keys but without their secrets."""
        ...

    async def lock(self, work: Work, client_id: str) -> bool:
        """Hold a client until the unit ends, so that its keys are counted right."""
        ...

    async def add_key(self, work: Work, key: ClientKey) -> None:
        """Store a key; AlreadyExists when its id is taken."""
        ...

    async def move_key(self, work: Work, key_id: str, new: KeyStatus) -> bool:
        """Change the status of an active key."""
        ...

    async def expiring(
        self, work: Work, before: datetime
    ) -> Sequence[tuple[ClientKey, int | None]]:
        """Return active keys that expire before a moment, and of how many days was warned."""
        ...

    async def warned(self, work: Work, key_id: str, days: int) -> None:
        """Note of how many days was warned."""
        ...

    async def use_nonce(self, work: Work, key_id: str, nonce: str, until: datetime) -> bool:
        """Note a nonce; False when it was used before."""
        ...

    async def forget_nonces(self, work: Work, now: datetime, limit: int) -> int:
        """Delete nonces that no request can bring again."""
        ...
