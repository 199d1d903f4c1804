"""What webhooks and the gateway's keys need from a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from gateway.events.model import Delivery, DeliveryState, SigningKey, Webhook
from kernel.work import Work


class WebhookRepository(Protocol):
    """The rows of webhooks; every method works inside the unit of work that it is given."""

    async def add(self, work: Work, webhook: Webhook) -> None:
        """Store a subscription."""
        ...

    async def count(self, work: Work, client_id: str) -> int:
        """Return how many subscriptions a client has."""
        ...

    async def of_client(self, work: Work, client_id: str) -> Sequence[Webhook]:
        """Return a client's subscriptions, the oldest first."""
        ...

    async def active(self, work: Work) -> Sequence[Webhook]:
        """Return every subscription that is served."""
        ...

    async def get(self, work: Work, webhook_id: str) -> Webhook | None:
        """Return one subscription."""
        ...

    async def remove(self, work: Work, webhook_id: str) -> None:
        """Delete a subscription and what is known of its deliveries."""
        ...

    async def advance(self, work: Work, webhook: Webhook, position: int) -> bool:
        """Move a subscription's cursor; False when another process did it first."""
        ...

    async def add_delivery(self, work: Work, delivery: Delivery, body: bytes) -> bool:
        """Store a delivery; False when the event is on its way already."""
        ...

    async def delivery(self, work: Work, delivery_id: str) -> tuple[Delivery, bytes] | None:
        """Return a delivery and the body that is sent."""
        ...

    async def deliveries_of(
        self, work: Work, webhook_id: str, before: str, limit: int
    ) -> Sequence[Delivery]:
        """Return the newest deliveries of a subscription."""
        ...

    async def tried(self, work: Work, delivery_id: str, status: int | None, error: str) -> None:
        """Note an attempt."""
        ...

    async def move(
        self, work: Work, delivery: Delivery, new: DeliveryState, **changes: Any
    ) -> bool:
        """Change the state of a delivery that still has the old one, in the same round."""
        ...

    async def forget(self, work: Work, before: datetime, limit: int) -> int:
        """Delete deliveries that were taken long ago."""
        ...


class KeyRepository(Protocol):
    """The rows of the gateway's keys."""

    async def all(self, work: Work) -> Sequence[SigningKey]:
        """Return every key, the newest first."""
        ...

    async def add(self, work: Work, key: SigningKey, at: datetime) -> None:
        """Store a key unless its id is taken."""
        ...

    async def end(self, work: Work, at: datetime) -> None:
        """Let every key that would sign longer end at this moment."""
        ...
