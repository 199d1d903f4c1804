"""Faults of payments, set below ``/sim/knobs``: what the general fault knobs do not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Action(StrEnum):
    """What goes wrong with a payment or with the news of it."""

    DUPLICATE = "duplicate"
    """The push is delivered ``value`` times more."""
    WRONG_AMOUNT = "wrong_amount"
    """The pushed amount is off by ``value`` 分."""
    WRONG_MAC = "wrong_mac"
    WRONG_ACCOUNT = "wrong_account"
    STRANGER = "stranger"
    """The push names another division's node as its sender."""
    NO_PUSH = "no_push"
    """The payment is never pushed."""
    DELAY = "delay"
    """The push waits ``value`` milliseconds."""
    PUSH_BEFORE_RESPONSE = "push_before_response"
    """The bill is paid and pushed before its issue is answered."""
    STALE_STATUS = "stale_status"
    """A query is answered by a replica that has not seen the payment."""


class Knob(BaseModel):
    """One fault, so many times; 0 for ever."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    times: int = Field(default=1, ge=0)
    value: int = 1
    used: int = Field(default=0, ge=0)


@dataclass
class Knobs:
    """The payment faults that are set."""

    rules: list[Knob] = field(default_factory=list)

    def take(self, action: Action) -> Knob | None:
        """Return the first knob of this action that is not used up, and count its use."""
        for knob in self.rules:
            if knob.action is action and (not knob.times or knob.used < knob.times):
                knob.used += 1
                return knob
        return None
