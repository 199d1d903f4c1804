"""Webhooks of a client (事件推送订阅), and the keys that check what the gateway signs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once
from gateway.api.partners import Partner, signed
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import PageView, shown
from gateway.events.model import Delivery, Webhook
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1", tags=["webhooks 事件推送"])

Manager = Annotated[Partner, Depends(signed("webhook.manage", "event.read"))]
Topic = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,100}\*?$")]


class Subscribe(Posted):
    """Where to send events, and which; no topics mean all."""

    url: Annotated[str, Field(max_length=500)]
    topics: Annotated[list[Topic], Field(max_length=50, default_factory=list)]


class WebhookView(BaseModel):
    """A subscription."""

    webhook_id: str
    url: str
    topics: list[str]
    active: bool
    created_at: str | None

    @classmethod
    def of(cls, webhook: Webhook) -> WebhookView:
        return cls(
            webhook_id=webhook.webhook_id,
            url=webhook.url,
            topics=list(webhook.topics),
            active=webhook.active,
            created_at=shown(webhook.created_at),
        )


class DeliveryView(BaseModel):
    """One event on its way."""

    delivery_id: str
    event_id: str
    position: int
    type: str
    state: str
    attempts: int
    last_status: int | None
    last_error: str
    created_at: str | None
    delivered_at: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryView:
        return cls(
            delivery_id=delivery.delivery_id,
            event_id=delivery.event_id,
            position=delivery.position,
            type=delivery.topic,
            state=delivery.state,
            attempts=delivery.attempts,
            last_status=delivery.last_status,
            last_error=delivery.last_error,
            created_at=shown(delivery.created_at),
            delivered_at=shown(delivery.delivered_at),
        )


class Removed(BaseModel):
    """What was ended."""

    webhook_id: str


class GatewayKey(BaseModel):
    """A public key of the gateway."""

    key_id: str
    algorithm: str
    user_id: str
    public_key: str = Field(description="SubjectPublicKeyInfo, PEM")
    use_from: str | None
    use_until: str | None


class GatewayKeySet(BaseModel):
    """Every key with which the gateway signs, has signed lately, or will sign."""

    keys: list[GatewayKey]


@router.get("/.well-known/gw-keys")
async def read_keys(services: Services, response: Response) -> GatewayKeySet:
    """Read the gateway's public keys: they check the signature of callbacks."""
    response.headers["Cache-Control"] = "public, max-age=600"
    return GatewayKeySet(
        keys=[
            GatewayKey(
                key_id=key.key_id,
                algorithm="SM2-SM3",
                user_id="1234567812345678",
                public_key=key.public_key,
                use_from=shown(key.use_from),
                use_until=shown(key.use_until),
            )
            for key in await services.gateway_keys.published()
        ]
    )


@router.get("/clients/self/webhooks")
async def list_webhooks(services: Services, partner: Manager) -> list[WebhookView]:
    """List the calling program's subscriptions."""
    return [WebhookView.of(one) for one in await services.webhooks.of_client(partner.client)]


@router.post("/clients/self/webhooks", status_code=201, response_model=WebhookView)
async def subscribe(
    request: Request,
    services: Services,
    partner: Manager,
    body: Annotated[Subscribe, Depends(JsonBody(Subscribe))],
) -> Response:
    """Subscribe to events from now on; the host must be one that is registered for the program."""

    async def act() -> Answer:
        made = await services.webhooks.subscribe(partner.client, body.url, body.topics)
        return Answer(WebhookView.of(made), 201)

    return await once(request, services, partner.caller, act)


@router.post("/clients/self/webhooks/{webhook_id}/unsubscribe", response_model=Removed)
async def unsubscribe(
    request: Request, services: Services, partner: Manager, webhook_id: str
) -> Response:
    """End a subscription; what was not delivered is dropped."""

    async def act() -> Answer:
        await services.webhooks.unsubscribe(partner.client, webhook_id)
        return Answer(Removed(webhook_id=webhook_id))

    return await once(request, services, partner.caller, act)


@router.get("/clients/self/webhooks/{webhook_id}/deliveries")
async def list_deliveries(
    services: Services,
    partner: Manager,
    webhook_id: str,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> PageView[DeliveryView]:
    """List deliveries, newest first: what was taken, what waits, what was given up (DEAD)."""
    page = await services.webhooks.deliveries(partner.client, webhook_id, cursor, limit)
    return PageView(rows=[DeliveryView.of(row) for row in page.rows], next=page.next_cursor)


@router.post("/clients/self/deliveries/{delivery_id}/redeliver", response_model=DeliveryView)
async def redeliver(
    request: Request, services: Services, partner: Manager, delivery_id: str
) -> Response:
    """Send a delivery again, whether it was taken or given up."""

    async def act() -> Answer:
        return Answer(
            DeliveryView.of(await services.webhooks.redeliver(partner.client, delivery_id))
        )

    return await once(request, services, partner.caller, act)
