"""One rule of the action policy (动作策略), in the product's file or a deployment's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from identity.model import Aal, ActingRole, Ial, UserType
from identity.policy.model import Action, MandateAction


class Rule(BaseModel):
    """What one action asks of one type of user. ``max_auth_age_s`` is in seconds, None for no
    limit.

    ``roles`` act for an organisation by their office; whoever has none of them, and whoever acts
    for another natural person, needs a mandate for ``mandate``. Without ``mandate`` nobody else
    may. ``from_fen`` limits the rule to amounts of at least so many 分.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    user_type: UserType
    min_ial: Ial
    min_aal: Aal
    max_auth_age_s: Annotated[int, Field(ge=60, le=86_400)] | None = None
    roles: tuple[ActingRole, ...] = ()
    mandate: MandateAction | None = None
    from_fen: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _roles_are_for_organisations(self) -> Rule:
        if self.roles and self.user_type is UserType.NATURAL_PERSON:
            raise ValueError("only organisations have acting roles")
        return self

    @property
    def key(self) -> tuple[Action, UserType, int]:
        """Return what the rule is for."""
        return self.action, self.user_type, self.from_fen
