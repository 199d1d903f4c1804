"""Grants, lists, revokes and checks mandates; the check runs in the unit of work of the act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from identity import errors
from identity.mandates.model import (
    EVERY_ITEM,
    Mandate,
    MandateSource,
    MandateState,
    Operator,
    Wish,
    is_operator,
    principal_key,
)
from identity.mandates.ports import MandateRepository
from identity.mandates.states import GRANTED, MANDATE, USED
from identity.model import ActingRole, IdType, Principal
from identity.policy.model import MandateAction
from kernel.clock import Clock, beijing_day
from kernel.gbcodes import InvalidCitizenId, parse_citizen_id
from kernel.ids import IdSource
from kernel.work import JsonMap, Move, Work, WorkSource

_MANY: Final = 200
_SWEEP_ROWS: Final = 200
_MAY_GRANT: Final = frozenset({ActingRole.LEGAL_REP, ActingRole.ORG_ADMIN})


class MandateService:
    """委托授权. ``longest_days`` bounds how long a mandate may last."""

    def __init__(
        self,
        repository: MandateRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        *,
        longest_days: int,
    ) -> None:
        self._rows = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._longest = timedelta(days=longest_days)

    async def grant(self, principal: Principal, wish: Wish) -> Mandate:
        """Grant a mandate for the caller's organisation, or for the caller (代办).

        Raises MandateGrantRefused when the caller acts in no role that may, MandateInvalid.
        """
        _require_granting(principal)
        self._require_sensible(principal, wish)
        now = self._clock.now()
        mandate = Mandate(
            id=self._ids.new("mdt"),
            principal_key=principal_key(principal),
            person=principal.person,
            org=principal.org,
            operator=wish.operator,
            items=wish.items,
            actions=wish.actions,
            valid_from=wish.valid_from,
            valid_to=wish.valid_to,
            granted_by=principal.sub,
            granted_as=str(principal.acting_role or "SELF"),
            source=MandateSource.GATEWAY,
            state=MANDATE.initial,
            created_at=now,
        )
        async with self._works.begin() as work:
            await self._rows.add(work, mandate)
            await work.moved(_move(mandate, None, GRANTED, f"citizen:{principal.sub}"))
        return mandate

    async def given(self, principal: Principal) -> Sequence[Mandate]:
        """Return what the caller, or its organisation, has granted; newest first."""
        async with self._works.read() as work:
            return await self._rows.given(work, principal_key(principal), _MANY)

    async def held(self, principal: Principal) -> Sequence[Mandate]:
        """Return what the person at the keyboard was granted; newest first."""
        async with self._works.read() as work:
            found = await self._rows.held(work, principal.person, _MANY)
        return [mandate for mandate in found if is_operator(mandate, principal.person)]

    async def revoke(self, principal: Principal, mandate_id: str) -> Mandate:
        """Revoke a mandate of the caller's, at once. Raises MandateNotFound, IllegalTransition."""
        _require_granting(principal)
        async with self._works.begin() as work:
            mandate = await self._rows.get(work, mandate_id, lock=True)
            if mandate is None or mandate.principal_key != principal_key(principal):
                raise errors.MandateNotFound
            event = MANDATE.event(mandate.state, MandateState.REVOKED)
            revoked = replace(mandate, state=MandateState.REVOKED, revoked_at=self._clock.now())
            await self._rows.change(work, revoked, mandate.state)
            await work.moved(_move(revoked, mandate.state, event, f"citizen:{principal.sub}"))
        return revoked

    async def require(
        self,
        work: Work,
        principal: Principal,
        of: str,
        action: MandateAction,
        item_code: str | None,
        reference: str,
    ) -> Mandate:
        """Return the mandate by which the caller may act for ``of`` (a principal key), now.

        Runs in the unit of work of the act: a revocation either came before and counts, or waits
        for the act to end. The use is an event of ``reference``. Raises MandateRequired.
        """
        mandate = await self._find(work, principal, of, action, item_code, lock=True)
        if mandate is None:
            raise errors.MandateRequired(mandate=action)
        data: JsonMap = {"mandate_id": mandate.id, "action": action, "by": principal.sub}
        await work.emit(USED, reference, data)
        return mandate

    async def allows(
        self, principal: Principal, of: str, action: MandateAction, item_code: str | None
    ) -> bool:
        """Return whether the caller may look at what belongs to ``of``; leaves no trace."""
        async with self._works.read() as work:
            found = await self._find(work, principal, of, action, item_code, lock=False)
        return found is not None

    async def get_held(self, work: Work, principal: Principal, mandate_id: str) -> Mandate:
        """Return a mandate that the person at the keyboard holds. Raises MandateNotFound."""
        mandate = await self._rows.get(work, mandate_id)
        if mandate is None or not is_operator(mandate, principal.person):
            raise errors.MandateNotFound
        return mandate

    async def sweep(self) -> int:
        """Note mandates whose time is over; return how many. Call again until it returns 0."""
        now = self._clock.now()
        async with self._works.begin() as work:
            overdue = await self._rows.overdue(work, now, _SWEEP_ROWS)
            for mandate in overdue:
                event = MANDATE.event(mandate.state, MandateState.EXPIRED)
                over = replace(mandate, state=MandateState.EXPIRED)
                await self._rows.change(work, over, mandate.state)
                await work.moved(_move(over, mandate.state, event, "system"))
        return len(overdue)

    async def _find(
        self,
        work: Work,
        principal: Principal,
        of: str,
        action: MandateAction,
        item_code: str | None,
        *,
        lock: bool,
    ) -> Mandate | None:
        now = self._clock.now()
        for mandate in await self._rows.between(work, of, principal.person, lock=lock):
            if is_operator(mandate, principal.person) and mandate.covers(action, item_code, now):
                return mandate
        return None

    def _require_sensible(self, principal: Principal, wish: Wish) -> None:
        now = self._clock.now()
        operator, person = wish.operator, principal.person
        faults = [
            {"field": name, "fault": fault}
            for name, fault, is_wrong in (
                ("items", "star_not_alone", EVERY_ITEM in wish.items and len(wish.items) > 1),
                ("items", "missing", not wish.items),
                ("actions", "missing", not wish.actions),
                ("valid_to", "not_after_valid_from", wish.valid_to <= wish.valid_from),
                ("valid_to", "over_already", wish.valid_to <= now),
                ("valid_to", "too_long", wish.valid_to - wish.valid_from > self._longest),
                ("operator_id_number", "invalid", not _is_number(operator, beijing_day(now))),
                ("operator_id_number", "oneself", operator.id_number == person.id_number),
            )
            if is_wrong
        ]
        if faults:
            raise errors.MandateInvalid("the mandate cannot be granted so", fields=faults)


def _require_granting(principal: Principal) -> None:
    if principal.org is not None and principal.acting_role not in _MAY_GRANT:
        raise errors.MandateGrantRefused(roles=sorted(_MAY_GRANT))


def _is_number(operator: Operator, today: date) -> bool:
    if operator.id_type is not IdType.RESIDENT_ID:
        return bool(operator.id_number)
    try:
        return parse_citizen_id(operator.id_number, today=today).number == operator.id_number
    except InvalidCitizenId:
        return False


def _move(mandate: Mandate, old: MandateState | None, event: str, actor: str) -> Move:
    data: JsonMap = {
        "source": mandate.source,
        "granted_as": mandate.granted_as,
        "items": [*sorted(mandate.items)],
        "actions": [*sorted(mandate.actions)],
    }
    return Move(MANDATE.name, mandate.id, old, mandate.state, event, mandate.id, actor, data=data)
