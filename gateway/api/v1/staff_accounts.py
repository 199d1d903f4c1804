"""Accounts and roles of staff (账号与岗位): made by one power, granted by another, never alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services, staff
from gateway.api.once import Answer, once
from gateway.api.v1.items import Limit
from identity import (
    ASKERS,
    Account,
    Grant,
    RequestAct,
    RequestState,
    RoleRequest,
    StaffKind,
    StaffMember,
    StaffRole,
    staff_actor,
)
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/staff", tags=["staff accounts 账号与岗位"])

System = Annotated[StaffMember, Depends(staff(StaffRole.SYSTEM_ADMIN))]
Security = Annotated[StaffMember, Depends(staff(StaffRole.SECURITY_ADMIN))]
Asker = Annotated[StaffMember, Depends(staff(*ASKERS))]
After = Annotated[str, Query(max_length=64)]
_CREATED: Final = 201


class NewAccount(Posted):
    """An account without any right. ``certificate_sha256`` is a client certificate's digest."""

    staff_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{2,31}$")]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    certificate_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class AccountView(BaseModel):
    """One account."""

    staff_id: str
    name: str
    kind: StaffKind
    active: bool
    created_at: datetime

    @classmethod
    def of(cls, account: Account) -> AccountView:
        """Return what administrators see."""
        return cls(
            staff_id=account.id,
            name=account.name,
            kind=account.kind,
            active=account.active,
            created_at=account.created_at,
        )


class ActivationView(BaseModel):
    """A password for the first sign-in, shown once; asking again replaces it."""

    staff_id: str
    password: str
    expires_at: datetime


class Done(BaseModel):
    """The act was carried out."""

    staff_id: str


class GrantView(BaseModel):
    """One role that somebody holds."""

    role: StaffRole
    department: str
    region: str
    granted_at: datetime

    @classmethod
    def of(cls, grant: Grant) -> GrantView:
        """Return what administrators see."""
        return cls(
            role=grant.role,
            department=grant.department,
            region=grant.region,
            granted_at=grant.granted_at,
        )


class Wanted(Posted):
    """A change that another person must approve; RESET names no role."""

    act: RequestAct
    staff_id: Annotated[str, Field(max_length=64)]
    role: StaffRole | None = None
    department: Annotated[str, Field(pattern=r"^([0-9A-Z]{18})?$")] = ""
    region: Annotated[str, Field(pattern=r"^([0-9]{6})?$")] = ""
    reason: Annotated[str, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.act is RequestAct.RESET) != (self.role is None):
            raise ValueError("a role is named, except for RESET")
        return self


class RequestView(BaseModel):
    """One change and where it stands."""

    request_id: str
    act: RequestAct
    staff_id: str
    role: str
    department: str
    region: str
    reason: str
    status: RequestState
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None

    @classmethod
    def of(cls, request: RoleRequest) -> RequestView:
        """Return what administrators see."""
        return cls(request_id=request.id, **{k: v for k, v in vars(request).items() if k != "id"})


@router.post("/accounts", response_model=AccountView, status_code=_CREATED)
async def create(
    request: Request,
    services: Services,
    member: System,
    body: Annotated[NewAccount, Depends(JsonBody(NewAccount))],
) -> Response:
    """Make an account that may do nothing yet (system administrator)."""
    by = staff_actor(member.id)

    async def act() -> Answer:
        made = await services.staff.accounts.create(
            by, body.staff_id, body.name, body.certificate_sha256
        )
        return Answer(AccountView.of(made), _CREATED)

    return await once(request, services, by, act)


@router.get("/accounts")
async def accounts(
    services: Services, _member: Asker, after: After = "", limit: Limit = DEFAULT_PAGE
) -> list[AccountView]:
    """List accounts behind a number, in the order of their numbers."""
    return [AccountView.of(one) for one in await services.staff.accounts.list(after, limit)]


@router.post("/accounts/{staff_id}/activation")
async def activate(services: Services, member: System, staff_id: str) -> ActivationView:
    """Give an account a password for its first sign-in, once; one with roles needs a RESET first.

    Takes no Idempotency-Key: the answer is a secret that is kept nowhere, a repeat replaces it.
    """
    made = await services.staff.accounts.activate(staff_actor(member.id), staff_id)
    return ActivationView(
        staff_id=made.staff_id, password=made.password, expires_at=made.expires_at
    )


@router.post("/accounts/{staff_id}/close", response_model=Done)
async def close(request: Request, services: Services, member: System, staff_id: str) -> Response:
    """Close an account for good; its sessions and tokens end (system administrator)."""
    by = staff_actor(member.id)

    async def act() -> Answer:
        await services.staff.accounts.close(by, staff_id)
        return Answer(Done(staff_id=staff_id))

    return await once(request, services, by, act)


@router.post("/accounts/{staff_id}/unlock", response_model=Done)
async def unlock(request: Request, services: Services, member: Security, staff_id: str) -> Response:
    """Unlock an account after failed tries or long absence (security administrator)."""
    by = staff_actor(member.id)

    async def act() -> Answer:
        await services.staff.accounts.unlock(by, staff_id)
        return Answer(Done(staff_id=staff_id))

    return await once(request, services, by, act)


@router.get("/accounts/{staff_id}/roles")
async def roles(services: Services, _member: Asker, staff_id: str) -> list[GrantView]:
    """List the roles that an account holds."""
    return [GrantView.of(one) for one in await services.staff.grants.of(staff_id)]


@router.post("/grants", response_model=RequestView, status_code=_CREATED)
async def ask(
    request: Request,
    services: Services,
    member: Asker,
    body: Annotated[Wanted, Depends(JsonBody(Wanted))],
) -> Response:
    """Ask for a change of somebody else's roles; nothing changes until another person approves."""

    async def act() -> Answer:
        made = await services.staff.grants.ask(
            member.id,
            body.act,
            body.staff_id,
            body.role,
            body.department,
            body.region,
            body.reason,
        )
        return Answer(RequestView.of(made), _CREATED)

    return await once(request, services, staff_actor(member.id), act)


@router.get("/grants")
async def requests(
    services: Services,
    _member: Asker,
    status: Annotated[RequestState | None, Query()] = None,
    after: After = "",
    limit: Limit = DEFAULT_PAGE,
) -> list[RequestView]:
    """List requests behind an id, oldest first."""
    found = await services.staff.grants.requests(status, after, limit)
    return [RequestView.of(one) for one in found]


@router.post("/grants/{request_id}/approve", response_model=RequestView)
async def approve(
    request: Request, services: Services, member: Security, request_id: str
) -> Response:
    """Carry out a change that another person asked for about a third (security administrator)."""

    async def act() -> Answer:
        return Answer(RequestView.of(await services.staff.grants.approve(member.id, request_id)))

    return await once(request, services, staff_actor(member.id), act)


@router.post("/grants/{request_id}/refuse", response_model=RequestView)
async def refuse(
    request: Request, services: Services, member: Security, request_id: str
) -> Response:
    """Turn down a change (security administrator)."""

    async def act() -> Answer:
        return Answer(RequestView.of(await services.staff.grants.refuse(member.id, request_id)))

    return await once(request, services, staff_actor(member.id), act)
