"""What an outgoing webhook is (事件推送订阅), one delivery of it, and the machine of deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kernel.crypto.sm2 import PrivateKey


class DeliveryState(StrEnum):
    """Where one delivery stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"
    """Given up; it can be sent again on request."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """推送订阅: where a client wants to be told, and of what. No topics mean all."""

    webhook_id: str
    client_id: str
    url: str
    topics: tuple[str, ...]
    active: bool
    position: int
    """Of the last event that was looked at."""
    created_at: datetime

    def wants(self, topic: str) -> bool:
        """Whether an event is of interest; a topic may end with ``*``."""
        return not self.topics or any(
            topic.startswith(wanted[:-1]) if wanted.endswith("*") else topic == wanted
            for wanted in self.topics
        )


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    delivery_id: str
    webhook_id: str
    event_id: str
    position: int
    topic: str
    state: DeliveryState
    round: int
    """How many times it was asked for: 1, and one more for every redelivery."""
    attempts: int
    last_status: int | None
    last_error: str
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True)
class SigningKey:
    """One of the gateway's own SM2 key pairs (网关签名密钥)."""

    key_id: str
    private: PrivateKey = field(repr=False)
    public_key: str
    """PEM."""
    use_from: datetime
    use_until: datetime
