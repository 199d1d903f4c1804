"""Holds a sign-in against a rule: what is missing becomes a step-up challenge (RFC 9470)."""

from __future__ import annotations

from datetime import datetime, timedelta

from identity.errors import InsufficientAuthentication
from identity.model import Principal
from identity.policy.acr import acr_of
from identity.policy.options import Rule


def require_levels(principal: Principal, rule: Rule, now: datetime) -> None:
    """Raise InsufficientAuthentication when the sign-in is too weak or too old for the rule."""
    age = rule.max_auth_age_s
    fresh = age is None or now - principal.auth_time <= timedelta(seconds=age)
    if fresh and principal.ial >= rule.min_ial and principal.aal >= rule.min_aal:
        return
    raise InsufficientAuthentication(
        acr=acr_of(rule.min_ial, rule.min_aal),
        max_age=age,
        missing=[
            name
            for name, lacks in (
                ("ial", principal.ial < rule.min_ial),
                ("aal", principal.aal < rule.min_aal),
                ("auth_time", not fresh),
            )
            if lacks
        ],
    )


def acts_by_office(principal: Principal, rule: Rule) -> bool:
    """Return whether somebody may act without a mandate: for oneself, or by office for an
    organisation.
    """
    return principal.org is None or principal.acting_role in rule.roles
