"""The machine of a delivery."""

from __future__ import annotations

from typing import Final

from gateway.events.model import DeliveryState
from kernel.states import StateTable

DELIVERY: Final = StateTable(
    "gateway.delivery",
    initial=DeliveryState.PENDING,
    edges={
        (DeliveryState.PENDING, DeliveryState.DELIVERED): "webhook.delivered",
        (DeliveryState.PENDING, DeliveryState.DEAD): "webhook.given_up",
        (DeliveryState.DELIVERED, DeliveryState.PENDING): "webhook.redelivery",
        (DeliveryState.DEAD, DeliveryState.PENDING): "webhook.redelivery",
    },
    terminal=frozenset(),
)
