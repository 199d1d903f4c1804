"""Tells clients what happened (事件推送): subscriptions, fan-out of events, signed deliveries."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from gateway.cases.client_cases import ClientCases
from gateway.events.errors import TooManyWebhooks, WebhookNotFound, WebhookRefused
from gateway.events.model import Delivery, DeliveryState, Webhook
from gateway.events.ports import WebhookRepository
from gateway.events.signing import GatewayKeys
from gateway.events.states import DELIVERY
from identity import Client, ClientRegistry
from kernel.clock import Clock, beijing
from kernel.db.events import Event, EventLog
from kernel.db.work import SqlWorks
from kernel.ids import IdSource
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import Move, Work

DELIVER_TASK: Final = "webhooks.deliver"
MOST_ATTEMPTS: Final = 12
"""With the waits of the task, about a day (OURS)."""
_MOST_WEBHOOKS: Final = 10
_AT_ONCE: Final = 200
_KEEP: Final = timedelta(days=30)
_TAKEN: Final = range(200, 300)
_FORGOTTEN_AT_ONCE: Final = 1000

Post = Callable[[str, dict[str, str], bytes], Awaitable[int]]
"""Sends a callback and returns the status. Raises OSError, TimeoutError, AddressNotAllowed."""


class AddressNotAllowed(Exception):
    """The address is one that nothing is sent to; the text says why."""


@dataclass(frozen=True)
class Outgoing:
    """How callbacks leave: a check of addresses that were just given, and the way out."""

    check: Callable[[str], None]
    """Raises AddressNotAllowed."""
    post: Post


class WebhookService:
    """推送订阅 of clients, and what is sent for them."""

    def __init__(
        self,
        *,
        rows: WebhookRepository,
        works: SqlWorks,
        events: EventLog,
        clients: ClientRegistry,
        cases: ClientCases,
        keys: GatewayKeys,
        outgoing: Outgoing,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._rows = rows
        self._works = works
        self._events = events
        self._clients = clients
        self._cases = cases
        self._keys = keys
        self._outgoing = outgoing
        self._clock = clock
        self._ids = ids

    async def subscribe(self, client: Client, url: str, topics: Sequence[str]) -> Webhook:
        """Subscribe from now on. Raises WebhookRefused, TooManyWebhooks."""
        if urlsplit(url).hostname not in client.callback_hosts:
            raise WebhookRefused("the host is not registered for this client")
        try:
            self._outgoing.check(url)
        except AddressNotAllowed as exc:
            raise WebhookRefused(str(exc)) from exc
        webhook = Webhook(
            webhook_id=self._ids.new("hook"),
            client_id=client.client_id,
            url=url,
            topics=tuple(topics),
            active=True,
            position=await self._events.newest(),
            created_at=self._clock.now(),
        )
        async with self._works.begin() as work:
            if await self._rows.count(work, client.client_id) >= _MOST_WEBHOOKS:
                raise TooManyWebhooks
            await self._rows.add(work, webhook)
            await work.emit(
                "webhook.subscribed", webhook.webhook_id, {"client_id": client.client_id}
            )
        return webhook

    async def of_client(self, client: Client) -> Sequence[Webhook]:
        """Return a client's subscriptions."""
        async with self._works.read() as work:
            return await self._rows.of_client(work, client.client_id)

    async def unsubscribe(self, client: Client, webhook_id: str) -> None:
        """End a subscription. Raises WebhookNotFound."""
        async with self._works.begin() as work:
            await self._own(work, client, webhook_id)
            await self._rows.remove(work, webhook_id)
            await work.emit("webhook.unsubscribed", webhook_id, {"client_id": client.client_id})

    async def deliveries(
        self, client: Client, webhook_id: str, cursor: str | None, limit: int
    ) -> Page[Delivery]:
        """Return deliveries of a subscription, newest first. Raises WebhookNotFound."""
        before = str(decode_cursor(cursor, (str,))[0]) if cursor else ""
        async with self._works.read() as work:
            await self._own(work, client, webhook_id)
            rows = await self._rows.deliveries_of(work, webhook_id, before, limit + 1)
        return page_of(rows, limit, lambda row: (row.delivery_id,))

    async def redeliver(self, client: Client, delivery_id: str) -> Delivery:
        """Send a delivery again, taken or given up. Raises WebhookNotFound, IllegalTransition."""
        async with self._works.begin() as work:
            found = await self._rows.delivery(work, delivery_id)
            if found is None:
                raise WebhookNotFound
            delivery = found[0]
            await self._own(work, client, delivery.webhook_id)
            new, turn = DeliveryState.PENDING, delivery.round + 1
            event = DELIVERY.event(delivery.state, new)
            if await self._rows.move(work, delivery, new, round=turn, attempts=0):
                await work.moved(_move(delivery, new, event, f"client:{client.client_id}"))
                await _enqueue(work, delivery_id, turn)
            found = await self._rows.delivery(work, delivery_id)
        return delivery if found is None else found[0]

    async def fan_out(self) -> int:
        """Look at the events since the last time for every subscription; return how many were."""
        async with self._works.read() as work:
            served = await self._rows.active(work)
        if not served:
            return 0
        end = await self._events.newest()
        return sum([await self._fan_out(webhook, end) for webhook in served])

    async def deliver(self, delivery_id: str, turn: int) -> bool:
        """Send one delivery; False when it was not taken and should be tried again.

        ``turn`` is the round that asked for it; another one is answered as done.
        """
        async with self._works.read() as work:
            found = await self._rows.delivery(work, delivery_id)
            webhook = None if found is None else await self._rows.get(work, found[0].webhook_id)
        if found is None or webhook is None:
            return True
        delivery, body = found
        if delivery.state is not DeliveryState.PENDING or delivery.round != turn:
            return True
        client = await self._clients.find(webhook.client_id)
        status, error = None, "client_not_active"
        if client is not None and client.active(self._clock.now()):
            status, error = await self._send(client, webhook, delivery, body)
        taken = status in _TAKEN
        async with self._works.begin() as work:
            await self._rows.tried(work, delivery_id, status, error)
            if taken:
                await self._finish(work, delivery, DeliveryState.DELIVERED)
        return taken

    async def give_up(self, delivery_id: str, turn: int) -> None:
        """Stop trying (死信); it stays to be looked at and sent again."""
        async with self._works.begin() as work:
            found = await self._rows.delivery(work, delivery_id)
            if found is not None and found[0].round == turn:
                await self._finish(work, found[0], DeliveryState.DEAD)

    async def forget(self) -> int:
        """Delete some deliveries that were taken a month ago; call again until it returns 0."""
        async with self._works.begin() as work:
            before = self._clock.now() - _KEEP
            return await self._rows.forget(work, before, _FORGOTTEN_AT_ONCE)

    async def _send(
        self, client: Client, webhook: Webhook, delivery: Delivery, body: bytes
    ) -> tuple[int | None, str]:
        if urlsplit(webhook.url).hostname not in client.callback_hosts:
            return None, "host_not_registered"
        headers = await self._keys.headers(webhook.url, body)
        headers["X-Gw-Delivery"] = delivery.delivery_id
        try:
            status = await self._outgoing.post(webhook.url, headers, body)
        except AddressNotAllowed:
            return None, "address_refused"
        except (OSError, TimeoutError) as exc:
            return None, type(exc).__name__
        return status, "" if status in _TAKEN else "not_taken"

    async def _fan_out(self, webhook: Webhook, end: int) -> int:
        client = await self._clients.find(webhook.client_id)
        if client is None or not client.active(self._clock.now()):
            return 0
        # What lies behind the end is looked at next time; before it, nothing can appear.
        events = await self._events.read_after(
            webhook.position, _AT_ONCE, references=self._cases.references(client)
        )
        full = len(events) == _AT_ONCE
        end = (events[-1].position or end) if full else max(end, webhook.position)
        if end == webhook.position:
            return 0
        wanted = [
            event for event in events if (event.position or 0) <= end and webhook.wants(event.topic)
        ]
        async with self._works.begin() as work:
            if not await self._rows.advance(work, webhook, end):
                return 0
            for event in wanted:
                delivery = self._delivery(webhook, event)
                if await self._rows.add_delivery(work, delivery, body_of(event)):
                    await _enqueue(work, delivery.delivery_id, delivery.round)
        return len(events)

    def _delivery(self, webhook: Webhook, event: Event) -> Delivery:
        return Delivery(
            delivery_id=self._ids.new("dlv"),
            webhook_id=webhook.webhook_id,
            event_id=event.event_id,
            position=event.position or 0,
            topic=event.topic,
            state=DELIVERY.initial,
            round=1,
            attempts=0,
            last_status=None,
            last_error="",
            created_at=self._clock.now(),
            delivered_at=None,
        )

    async def _finish(self, work: Work, delivery: Delivery, new: DeliveryState) -> None:
        event = DELIVERY.event(delivery.state, new)
        at = self._clock.now() if new is DeliveryState.DELIVERED else None
        if await self._rows.move(work, delivery, new, delivered_at=at):
            await work.moved(_move(delivery, new, event, "system"))

    async def _own(self, work: Work, client: Client, webhook_id: str) -> Webhook:
        webhook = await self._rows.get(work, webhook_id)
        if webhook is None or webhook.client_id != client.client_id:
            raise WebhookNotFound
        return webhook


def body_of(event: Event) -> bytes:
    """Return what a receiver is sent: the event as ``GET /v1/events`` shows it."""
    content = {
        "id": event.event_id,
        "position": event.position,
        "subject": event.reference,
        "sequence": event.sequence,
        "type": event.topic,
        "time": beijing(event.at).isoformat(),
        "data": dict(event.data),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


async def _enqueue(work: Work, delivery_id: str, turn: int) -> None:
    payload: dict[str, str | int | bool | None] = {"delivery_id": delivery_id, "round": turn}
    await work.enqueue(DELIVER_TASK, f"{delivery_id}:{turn}", {**payload})


def _move(delivery: Delivery, new: DeliveryState, event: str, actor: str) -> Move:
    name = delivery.delivery_id
    data = {"delivery_id": name, "topic": delivery.topic}
    return Move(
        DELIVERY.name, name, delivery.state, new, event, delivery.webhook_id, actor, data={**data}
    )
