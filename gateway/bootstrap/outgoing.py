"""Builds what sends to clients: webhooks, the gateway's keys, the guarded way out."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from adapters.kit.callbacks import AddressRefused, CallbackClient, Guard
from gateway.bootstrap.ground import Ground
from gateway.cases.client_cases import ClientCases
from gateway.cases.client_repository import SqlClientCases
from gateway.events.key_repository import SqlSigningKeys
from gateway.events.signing import GatewayKeys
from gateway.events.webhook_repository import WebhookRows
from gateway.events.webhooks import AddressNotAllowed, Outgoing, WebhookService
from identity.clients.service import ClientRegistry
from kernel.db.events import EventLog


def outgoing_of(ground: Ground, clients: ClientRegistry) -> dict[str, Any]:
    """Return the services that send, by their names in the container."""
    networks = ground.settings.partners.callback_networks
    guard = Guard(tuple(ipaddress.ip_network(network) for network in networks))
    client = CallbackClient(guard)

    def check(url: str) -> None:
        try:
            guard.check_url(url)
        except AddressRefused as exc:
            raise AddressNotAllowed(str(exc)) from exc

    async def post(url: str, headers: dict[str, str], body: bytes) -> int:
        try:
            return await client.post(url, headers, body)
        except AddressRefused as exc:
            raise AddressNotAllowed(str(exc)) from exc

    async def tell(url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            return await client.post(url, headers, body)
        except AddressRefused as exc:
            raise OSError(str(exc)) from exc

    rows = SqlSigningKeys(ground.cipher)
    keys = GatewayKeys(rows, ground.works, ground.clock, ground.ids)
    cases = ClientCases(SqlClientCases(), ground.works)
    webhooks = WebhookService(
        rows=WebhookRows(),
        works=ground.works,
        events=EventLog(ground.works),
        clients=clients,
        cases=cases,
        keys=keys,
        outgoing=Outgoing(check, post),
        clock=ground.clock,
        ids=ground.ids,
    )
    return {"gateway_keys": keys, "webhooks": webhooks, "client_cases": cases, "post": tell}
