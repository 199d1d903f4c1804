"""Moves a case to its next state: row, history and event in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from gateway.cases.errors import CaseNotFound
from gateway.cases.model import Case, CaseState, StaffScope
from gateway.cases.ports import CaseRepository
from gateway.cases.states import PUBLIC, TABLE
from kernel import divisions
from kernel.clock import Clock
from kernel.errors import IllegalTransition
from kernel.work import Json, Move, Work


class CaseMover:
    """Loads cases for those who may see them, and moves them."""

    def __init__(self, repository: CaseRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def load(self, work: Work, case_id: str, *, lock: bool = True) -> Case:
        """Return a case for the system itself. Raises CaseNotFound."""
        case = await self._repository.get(work, case_id, lock=lock)
        if case is None:
            raise CaseNotFound("no such case")
        return case

    async def own(self, work: Work, case_id: str, owner: str, *, lock: bool = True) -> Case:
        """Return a case to its owner; to everybody else it does not exist. Raises CaseNotFound."""
        case = await self.load(work, case_id, lock=lock)
        if case.owner != owner:
            raise CaseNotFound("no such case")
        return case

    async def in_scope(
        self, work: Work, case_id: str, scope: StaffScope, *, lock: bool = True
    ) -> Case:
        """Return a case to staff of its region or department. Raises CaseNotFound."""
        case = await self.load(work, case_id, lock=lock)
        inside = divisions.within(case.region, scope.region)
        if not inside or scope.department not in {"", case.department}:
            raise CaseNotFound("no such case in this scope")
        if case.state in {CaseState.DRAFT, CaseState.DISCARDED}:
            raise CaseNotFound("the applicant has not submitted this case")
        return case

    @staticmethod
    def refuse(case: Case, new: CaseState) -> NoReturn:
        """Raise IllegalTransition for an act that belongs to the way to ``new``."""
        allowed = [str(state) for state in TABLE.allowed(case.state)]
        raise IllegalTransition(TABLE.name, case.state, new, allowed)

    async def note(self, work: Work, case: Case, changes: Mapping[str, Any]) -> None:
        """Write columns of a loaded case whose state stays. Raises StaleVersion."""
        await self._repository.change(work, case, dict(changes))

    async def move(
        self,
        work: Work,
        case: Case,
        new: CaseState,
        actor: str,
        *,
        changes: Mapping[str, Any] | None = None,
        data: Mapping[str, Json] | None = None,
        note: str = "",
    ) -> Case:
        """Move a loaded case and return it as it is now.

        Raises IllegalTransition naming the allowed states, StaleVersion when somebody was faster.
        """
        event = TABLE.event(case.state, new)
        columns: dict[str, Any] = {"state": new, **(changes or {})}
        if new in TABLE.terminal:
            columns["finished_at"] = self._clock.now()
        await self._repository.change(work, case, columns)
        await work.moved(
            Move(
                machine=TABLE.name,
                entity=case.case_id,
                old=case.state,
                new=new,
                event=event,
                reference=case.case_id,
                actor=actor,
                data={
                    "case_no": columns.get("case_no", case.case_no),
                    "item_code": case.item_code,
                    "state": new,
                    "public_state": PUBLIC[new],
                    **(data or {}),
                },
                note=note,
            )
        )
        return replace(case, **columns, version=case.version + 1)
