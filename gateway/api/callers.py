"""Finds out who calls: an applicant with an access token, or a member of staff."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request

from gateway.cases.model import StaffScope
from gateway.cases.translate import scope_of
from gateway.container import Container
from identity import STAFF_PREFIX, TOKEN_PREFIX, Principal, StaffMember, StaffRole
from kernel.errors import Forbidden, Unauthenticated

_SCHEME: Final = "bearer"


def container_of(request: Request) -> Container:
    """Return the services of this process."""
    found = request.app.state.container
    if not isinstance(found, Container):
        raise TypeError("the application was made without a container")
    return found


Services = Annotated[Container, Depends(container_of)]


def bearer(request: Request) -> str:
    """Return the bearer token (RFC 6750, 2.1). Raises Unauthenticated."""
    values = request.headers.getlist("authorization")
    if len(values) != 1:
        raise Unauthenticated("one Authorization header is needed")
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != _SCHEME or not token:
        raise Unauthenticated("the Authorization scheme is not Bearer, or its token is missing")
    return token


async def citizen(request: Request, services: Services) -> Principal:
    """Return the applicant who calls. Raises Unauthenticated."""
    token = bearer(request)
    if not token.startswith(TOKEN_PREFIX):
        raise Unauthenticated("this is not an applicant's token")
    return await services.identity.authenticate(token)


Citizen = Annotated[Principal, Depends(citizen)]


def staff(*roles: StaffRole) -> Callable[[Request, Services], Awaitable[StaffMember]]:
    """Return a dependency for staff of these roles; it raises Unauthenticated or Forbidden."""

    async def find(request: Request, services: Services) -> StaffMember:
        token = bearer(request)
        if not token.startswith(STAFF_PREFIX):
            raise Unauthenticated("this is not a token of staff")
        member = await services.identity.authenticate_staff(token)
        if member.role not in roles:
            raise Forbidden("the role does not permit this", roles=[str(role) for role in roles])
        return member

    return find


AnyStaff = Annotated[StaffMember, Depends(staff(*StaffRole))]
Clerk = Annotated[StaffMember, Depends(staff(StaffRole.CLERK))]
Reviewer = Annotated[StaffMember, Depends(staff(StaffRole.DEPARTMENT))]
Approver = Annotated[StaffMember, Depends(staff(StaffRole.APPROVER))]


def scope(member: StaffMember) -> StaffScope:
    """Return what this member of staff may see."""
    return scope_of(member)
