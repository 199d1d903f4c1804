"""All SQL of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update

from gateway.events.model import Delivery, DeliveryState, Webhook
from gateway.events.tables import deliveries, webhooks
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.work import Work

_DELIVERY: Final = [column for column in deliveries.c if column.name != "body"]


class WebhookRows:
    """The rows of webhooks on PostgreSQL and SQLite."""

    async def add(self, work: Work, webhook: Webhook) -> None:
        """Store a subscription."""
        values = {**vars(webhook), "topics": list(webhook.topics)}
        await connection(work).execute(insert(webhooks).values(**values))

    async def of_client(self, work: Work, client_id: str) -> Sequence[Webhook]:
        """Return a client's subscriptions, the oldest first."""
        query = select(webhooks).where(webhooks.c.client_id == client_id)
        rows = await connection(work).execute(query.order_by(webhooks.c.webhook_id))
        return [_webhook(row) for row in rows]

    async def active(self, work: Work) -> Sequence[Webhook]:
        """Return every subscription that is served."""
        query = select(webhooks).where(webhooks.c.active.is_(True))
        rows = await connection(work).execute(query.order_by(webhooks.c.webhook_id))
        return [_webhook(row) for row in rows]

    async def get(self, work: Work, webhook_id: str) -> Webhook | None:
        """Return one subscription."""
        query = select(webhooks).where(webhooks.c.webhook_id == webhook_id)
        row = (await connection(work).execute(query)).first()
        return None if row is None else _webhook(row)

    async def remove(self, work: Work, webhook_id: str) -> None:
        """Delete a subscription and what is known of its deliveries."""
        conn = connection(work)
        await conn.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook_id))
        await conn.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id))

    async def advance(self, work: Work, webhook: Webhook, position: int) -> bool:
        """Move a subscription's cursor; False when another process did it first."""
        moved = await connection(work).execute(
            update(webhooks)
            .where(
                webhooks.c.webhook_id == webhook.webhook_id,
                webhooks.c.position == webhook.position,
            )
            .values(position=position)
        )
        return moved.rowcount == 1

    async def add_delivery(self, work: Work, delivery: Delivery, body: bytes) -> bool:
        """Store a delivery; False when the event is on its way already."""
        conn = connection(work)
        added = await conn.execute(
            upsert(conn, deliveries)
            .values(**vars(delivery), body=body)
            .on_conflict_do_nothing(index_elements=["webhook_id", "event_id"])
            .returning(deliveries.c.delivery_id)
        )
        return added.first() is not None

    async def delivery(self, work: Work, delivery_id: str) -> tuple[Delivery, bytes] | None:
        """Return a delivery and the body that is sent."""
        query = select(deliveries).where(deliveries.c.delivery_id == delivery_id)
        row = (await connection(work).execute(query)).first()
        return None if row is None else (_delivery(row), row.body)

    async def deliveries_of(
        self, work: Work, webhook_id: str, before: str, limit: int
    ) -> Sequence[Delivery]:
        """Return the newest deliveries of a subscription."""
        query = select(*_DELIVERY).where(deliveries.c.webhook_id == webhook_id)
        if before:
            query = query.where(deliveries.c.delivery_id < before)
        newest = query.order_by(deliveries.c.delivery_id.desc()).limit(limit)
        return [_delivery(row) for row in await connection(work).execute(newest)]

    async def tried(self, work: Work, delivery_id: str, status: int | None, error: str) -> None:
        """Note an attempt that was not taken."""
        await connection(work).execute(
            update(deliveries)
            .where(deliveries.c.delivery_id == delivery_id)
            .values(attempts=deliveries.c.attempts + 1, last_status=status, last_error=error)
        )

    async def move(
        self, work: Work, delivery: Delivery, new: DeliveryState, **changes: Any
    ) -> bool:
        """Change the state of a delivery that still has the old one, in the same round."""
        moved = await connection(work).execute(
            update(deliveries)
            .where(
                deliveries.c.delivery_id == delivery.delivery_id,
                deliveries.c.state == delivery.state,
                deliveries.c.round == delivery.round,
            )
            .values(state=new, **changes)
        )
        return moved.rowcount == 1

    async def forget(self, work: Work, before: datetime, limit: int) -> int:
        """Delete deliveries that were taken long ago."""
        old = (
            select(deliveries.c.delivery_id).where(deliveries.c.delivered_at < before).limit(limit)
        )
        gone = await connection(work).execute(
            delete(deliveries).where(deliveries.c.delivery_id.in_(old))
        )
        return gone.rowcount

    async def count(self, work: Work, client_id: str) -> int:
        """Return how many subscriptions a client has."""
        query = select(func.count()).where(webhooks.c.client_id == client_id)
        number: int = (await connection(work).execute(query)).scalar_one()
        return number


def _webhook(row: Row[*tuple[Any, ...]]) -> Webhook:
    values = row._asdict()
    return Webhook(**{**values, "topics": tuple(values["topics"])})


def _delivery(row: Row[*tuple[Any, ...]]) -> Delivery:
    values = row._asdict()
    values.pop("body", None)
    return Delivery(**{**values, "state": DeliveryState(values["state"])})
