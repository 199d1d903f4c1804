"""What a mandate (委托) is: one person's leave to act for an organisation or another person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from identity.model import IdType, Org, Person, Principal
from identity.policy.model import MandateAction

EVERY_ITEM: Final = "*"


class MandateState(StrEnum):
    """Where a mandate stands. Its end in time counts by the clock, not by the sweep that notes
    it.
    """

    ACTIVE = "ACTIVE"
    """有效."""
    REVOKED = "REVOKED"
    """已撤销."""
    EXPIRED = "EXPIRED"
    """已到期."""


class MandateSource(StrEnum):
    """委托来源."""

    GATEWAY = "GATEWAY"
    IDP = "IDP"
    E_BIZ_LICENCE = "E_BIZ_LICENCE"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """受托人: whom the mandate is given to, recognised by its proven identity at every act."""

    name: str = field(repr=False)
    id_type: IdType
    id_number: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a principal wants to permit. Moments are aware UTC."""

    operator: Operator
    items: tuple[str, ...]
    """Item codes, or ``*`` alone."""
    actions: frozenset[MandateAction]
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True)
class Mandate:
    """委托.

    ``principal_key`` is ``org:<credit code>`` or ``sub:<subject>``; ``person`` and ``org`` are who
    is represented. ``granted_by`` is the subject at the keyboard, ``granted_as`` its role.
    """

    id: str
    principal_key: str
    person: Person
    """The natural person who is represented; for an organisation, who granted."""
    org: Org | None
    operator: Operator
    items: tuple[str, ...]
    actions: frozenset[MandateAction]
    valid_from: datetime
    valid_to: datetime
    granted_by: str
    granted_as: str
    source: MandateSource
    state: MandateState
    created_at: datetime
    revoked_at: datetime | None = None

    def covers(self, action: MandateAction, item_code: str | None, now: datetime) -> bool:
        """Return whether the mandate permits an action on an item (None: on no item in
        particular).
        """
        in_force = self.state is MandateState.ACTIVE and self.valid_from <= now < self.valid_to
        matter = item_code is None or EVERY_ITEM in self.items or item_code in self.items
        return in_force and matter and action in self.actions


def principal_key(principal: Principal) -> str:
    """Return under which key a principal's mandates stand: organisation's or person's own."""
    org = principal.org
    return f"sub:{principal.sub}" if org is None else f"org:{org.uscc}"


def is_operator(mandate: Mandate, person: Person) -> bool:
    """Return whether a proven person is the one whom the mandate names: type, number and name."""
    named = mandate.operator
    return (named.id_type, named.id_number, named.name) == (
        person.id_type,
        person.id_number,
        person.name,
    )
