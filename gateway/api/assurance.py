"""The one door between who somebody is and what it may do: levels, roles and mandates of an act.

A route says what it is by its parameter, ``acting: Declares``; the sign-in is held against the
policy before the route runs, and ``on_case`` against roles and mandates inside the act's own unit
of work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends

from gateway.api.callers import Citizen, Services
from gateway.cases.errors import CaseNotFound
from gateway.cases.model import Case
from gateway.catalog.model import ApplicantType
from gateway.container import Container
from identity import (
    Action,
    Mandate,
    MandateAction,
    MandateRequired,
    Principal,
    Rule,
    acts_by_office,
    require_levels,
)
from kernel.work import Work, operated_by

_NO_CASE: Final = "account"


@dataclass(frozen=True)
class Acting:
    """Somebody who wants to do something, with the rule that applies."""

    services: Container
    principal: Principal
    rule: Rule

    @property
    def sub(self) -> str:
        """Return the subject at the keyboard, whoever is acted for."""
        return self.principal.sub

    async def on_case(self, case_id: str) -> str:
        """Return the owner of a case on which the caller may do this now.

        Call it inside the act, so that a mandate is checked in its unit of work. Raises
        CaseNotFound for strangers, MandateRequired for operators of the case's organisation.
        """
        async with self.services.works.begin() as work:
            case = await self.services.cases.look(case_id)
            of = self._represents(case)
            if of is not None:
                await self._require(work, of, case.item_code, case.case_id, hidden=self._far(case))
            return case.owner

    async def reading(self, case_id: str) -> str:
        """Return the owner of a case that the caller may read. Raises as ``on_case`` does."""
        case = await self.services.cases.look(case_id)
        of, wanted = self._represents(case), self.rule.mandate
        if of is None:
            return case.owner
        mandates = self.services.mandates
        if wanted is None or not await mandates.allows(self.principal, of, wanted, case.item_code):
            raise self._refusal(wanted, hidden=self._far(case))
        return case.owner

    async def on_item(self, item_code: str, mandate_id: str | None = None) -> Mandate | None:
        """Require that the caller may do this for an item, for itself or by a mandate it holds.

        Call it inside the act. Raises MandateRequired, MandateNotFound.
        """
        async with self.services.works.begin() as work:
            if mandate_id is None:
                if not acts_by_office(self.principal, self.rule):
                    await self._require(work, self._own_key(), item_code, self._reference())
                return None
            held = await self.services.mandates.get_held(work, self.principal, mandate_id)
            await self._require(work, held.principal_key, item_code, self._reference())
            return held

    def on_amount(self, amount_fen: int) -> None:
        """Hold the sign-in against the rule for an amount. Raises InsufficientAuthentication."""
        policy = self.services.policy
        rule = policy.rule(self.rule.action, self.principal.user_type, amount_fen)
        require_levels(self.principal, rule, self.services.clock.now())

    def _own_key(self) -> str:
        org = self.principal.org
        return f"sub:{self.sub}" if org is None else f"org:{org.uscc}"

    def _reference(self) -> str:
        return f"{_NO_CASE}:{self.sub}"[:64]

    def _represents(self, case: Case) -> str | None:
        """Return whose mandate is needed for a case; None for one's own and by office."""
        applicant = case.content.applicant
        if applicant.type is ApplicantType.LEGAL_PERSON:
            key = f"org:{applicant.id_number}"
            by_office = key == self._own_key() and acts_by_office(self.principal, self.rule)
            return None if by_office else key
        return None if case.owner == self.sub else f"sub:{case.owner}"

    def _far(self, case: Case) -> bool:
        """Whether the caller may not even know that the case exists."""
        applicant = case.content.applicant
        ours = applicant.type is ApplicantType.LEGAL_PERSON and (
            self._own_key() == f"org:{applicant.id_number}"
        )
        return not ours and case.owner != self.sub

    async def _require(
        self, work: Work, of: str, item_code: str, reference: str, *, hidden: bool = False
    ) -> None:
        wanted = self.rule.mandate
        if wanted is None:
            raise self._refusal(wanted, hidden=hidden)
        mandates = self.services.mandates
        try:
            await mandates.require(work, self.principal, of, wanted, item_code, reference)
            # What is written from here on in this request was done by the one at the keyboard.
            operated_by.set(self.sub)
        except MandateRequired as exc:
            raise self._refusal(wanted, hidden=hidden) from exc

    @staticmethod
    def _refusal(wanted: MandateAction | None, *, hidden: bool) -> CaseNotFound | MandateRequired:
        if hidden:
            return CaseNotFound("no such case")
        return MandateRequired(mandate=str(wanted or ""))


class Permit:
    """A dependency that lets a caller in whose sign-in is strong and fresh enough for an action.

    Raises Unauthenticated, InsufficientAuthentication (RFC 9470) and ActionNotForUserType.
    """

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, services: Services, principal: Citizen) -> Acting:
        rule = services.policy.rule(self.action, principal.user_type)
        require_levels(principal, rule, services.clock.now())
        return Acting(services, principal, rule)


AnyAccount = Annotated[Acting, Depends(Permit(Action.ACCOUNT))]
Reads = Annotated[Acting, Depends(Permit(Action.READ))]
Declares = Annotated[Acting, Depends(Permit(Action.DECLARE))]
UsesLicences = Annotated[Acting, Depends(Permit(Action.LICENCE_USE))]
Pays = Annotated[Acting, Depends(Permit(Action.PAY))]
Receives = Annotated[Acting, Depends(Permit(Action.RECEIVE))]
Mandates = Annotated[Acting, Depends(Permit(Action.MANDATE))]
