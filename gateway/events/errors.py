"""What can go wrong with subscriptions."""

from __future__ import annotations

from kernel.errors import Conflict, InvalidInput, NotFound, Text


class WebhookNotFound(NotFound):
    """The client has no such subscription or delivery."""

    code = "webhook_not_found"
    title = Text("推送订阅不存在", "No such webhook")


class WebhookRefused(InvalidInput):
    """The address cannot be subscribed; ``detail`` says why."""

    code = "webhook_refused"
    title = Text("推送地址不可用", "The address cannot be used")


class TooManyWebhooks(Conflict):
    """The client has as many subscriptions as it may have."""

    code = "webhooks_full"
    title = Text("推送订阅已达上限", "The client has too many webhooks")
