"""Roles of staff: asked for by one person, decided by another, sealed, and exclusive by power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from identity.model import StaffRole
from identity.staff.errors import RequestUnknown, RoleConflict, TwoPeopleNeeded
from identity.staff.ground import StaffGround, staff_actor
from identity.staff.model import (
    Account,
    Grant,
    RequestAct,
    RequestState,
    RoleRequest,
    StaffKind,
    kind_of,
)
from identity.staff.states import ROLE_REQUEST
from kernel.audit import Category
from kernel.errors import IllegalTransition
from kernel.work import JsonMap, Move, Work

ASKERS: Final = (StaffRole.SYSTEM_ADMIN, StaffRole.SECURITY_ADMIN)
"""Who may ask for a change; SECURITY_ADMIN decides."""


class StaffGrants:
    """岗位授权. Every method says who acts (``by``, the number of a member of staff)."""

    def __init__(self, ground: StaffGround) -> None:
        self._ground = ground

    async def ask(
        self,
        by: str,
        act: RequestAct,
        staff_id: str,
        role: StaffRole | None,
        department: str,
        region: str,
        reason: str,
    ) -> RoleRequest:
        """Ask for a change of somebody else's roles, or for a new beginning of an account.

        Raises TwoPeopleNeeded, AccountUnknown, RoleConflict, AlreadyExists while it is open.
        """
        if by == staff_id:
            raise TwoPeopleNeeded("nobody asks for himself")
        ground = self._ground
        request = RoleRequest(
            id=ground.ids.new("rrq"),
            act=act,
            staff_id=staff_id,
            role="" if role is None else role.value,
            department=department,
            region=region,
            reason=reason,
            status=ROLE_REQUEST.initial,
            requested_by=by,
            requested_at=ground.clock.now(),
        )
        async with ground.works.begin() as work:
            account = await ground.active(work, staff_id)
            if act is RequestAct.GRANT and role is not None:
                await self._require_compatible(work, account, role)
            await ground.rows.add_request(work, request)
            await work.moved(
                Move(
                    ROLE_REQUEST.name,
                    request.id,
                    None,
                    request.status,
                    "identity.role_request_made",
                    request.id,
                    staff_actor(by),
                    data=_told(request),
                )
            )
            await self._note(work, "staff.role_requested", by, request)
        return request

    async def approve(self, by: str, request_id: str) -> RoleRequest:
        """Carry out what another person asked for about a third.

        Raises RequestUnknown, TwoPeopleNeeded, AccountUnknown, RoleConflict, IllegalTransition.
        """
        ground = self._ground
        async with ground.works.begin() as work:
            request = await self._decidable(work, by, request_id)
            account = await ground.active(work, request.staff_id, lock=True)
            if request.act is RequestAct.GRANT:
                await self.give(work, account, StaffRole(request.role), request)
            elif request.act is RequestAct.REVOKE:
                await self._take(work, request)
            return await self._decide(work, request, RequestState.APPROVED, by)

    async def refuse(self, by: str, request_id: str) -> RoleRequest:
        """Turn down what another person asked for. Raises as ``approve`` does."""
        async with self._ground.works.begin() as work:
            request = await self._decidable(work, by, request_id)
            return await self._decide(work, request, RequestState.REFUSED, by)

    async def requests(
        self, status: RequestState | None, after: str, limit: int
    ) -> Sequence[RoleRequest]:
        """Return requests behind an id, oldest first."""
        async with self._ground.works.read() as work:
            return await self._ground.rows.requests(work, status, after, limit)

    async def of(self, staff_id: str) -> Sequence[Grant]:
        """Return the roles of a person. Raises AccountUnknown, GrantTampered."""
        async with self._ground.works.read() as work:
            account = await self._ground.active(work, staff_id)
            return await self._ground.held(work, account)

    async def give(
        self, work: Work, account: Account, role: StaffRole, place: RoleRequest | Grant
    ) -> None:
        """Store a sealed role; ``place`` says in which department and region it holds."""
        ground = self._ground
        held = await self._require_compatible(work, account, role)
        where = (role, place.department, place.region)
        if where in {(one.role, one.department, one.region) for one in held}:
            return
        grant = Grant(
            id=ground.ids.new("grt"),
            staff_id=account.id,
            role=role,
            department=place.department,
            region=place.region,
            granted_at=ground.clock.now(),
        )
        await ground.rows.set_kind(work, account.id, kind_of(role), grant.granted_at)
        await ground.rows.add_grant(work, replace(grant, mac=ground.seal(grant)))

    async def _require_compatible(
        self, work: Work, account: Account, role: StaffRole
    ) -> Sequence[Grant]:
        held = await self._ground.held(work, account)
        if any(one.kind is not kind_of(role) for one in held):
            raise RoleConflict("the person holds a role of another power")
        return held

    async def _take(self, work: Work, request: RoleRequest) -> None:
        ground = self._ground
        left = 0
        for grant in await ground.rows.grants_of(work, request.staff_id):
            wanted = (request.role, request.department, request.region)
            if (grant.role.value, grant.department, grant.region) == wanted:
                await ground.rows.remove_grant(work, grant.id)
            else:
                left += 1
        if not left:
            now = ground.clock.now()
            await ground.rows.set_kind(work, request.staff_id, StaffKind.NONE, now)

    async def _decidable(self, work: Work, by: str, request_id: str) -> RoleRequest:
        request = await self._ground.rows.request(work, request_id)
        if request is None:
            raise RequestUnknown
        if by in {request.requested_by, request.staff_id}:
            raise TwoPeopleNeeded("decided by whom it concerns or who asked")
        return request

    async def _decide(
        self, work: Work, request: RoleRequest, new: RequestState, by: str
    ) -> RoleRequest:
        ground = self._ground
        event = ROLE_REQUEST.event(request.status, new)
        values = {"decided_by": by, "decided_at": ground.clock.now()}
        if not await ground.rows.move_request(work, request.id, request.status, new, values):
            raise IllegalTransition(ROLE_REQUEST.name, str(request.status), str(new), [])
        decided = replace(request, status=new, decided_by=by, decided_at=ground.clock.now())
        await work.moved(
            Move(
                ROLE_REQUEST.name,
                request.id,
                request.status,
                new,
                event,
                request.id,
                staff_actor(by),
                data=_told(request),
            )
        )
        await self._note(work, f"staff.role_request_{new.value.lower()}", by, decided)
        return decided

    async def _note(self, work: Work, action: str, by: str, request: RoleRequest) -> None:
        what = f"{request.act.value} {request.role}".strip()
        await self._ground.note(
            work,
            action,
            staff_actor(by),
            category=Category.ADMIN,
            about=request.staff_id,
            reason=request.id,
            old=what if request.act is RequestAct.REVOKE else "",
            new="" if request.act is RequestAct.REVOKE else what,
        )


def _told(request: RoleRequest) -> JsonMap:
    return {"act": request.act.value, "staff_id": request.staff_id, "role": request.role}
