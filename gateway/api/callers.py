"""Finds out who calls: an applicant with an access token, or a member of staff."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import structlog
from fastapi import Depends, Request

from gateway.api.scopes import REQUIRED
from gateway.cases.model import StaffScope
from gateway.cases.translate import scope_of
from gateway.container import Container
from identity import (
    STAFF_PREFIX,
    Access,
    Principal,
    StaffMember,
    StaffRole,
    TokenRefused,
)
from kernel.errors import Forbidden, Text, Unauthenticated
from kernel.work import acting_for

_SCHEME: Final = "bearer"
_log = structlog.get_logger("api")
_SCHEMES: Final = frozenset({_SCHEME, "dpop"})


class ScopeMissing(Forbidden):
    """The token does not permit what this route does."""

    code = "insufficient_scope"
    title = Text("授权范围不足", "The scope is insufficient")
    citizen = Text(
        "此网站未获授权代您办理此操作。", "This site was not permitted to do this for you."
    )
    clerk = Text("接入应用的授权范围不足。", "The client's scope does not permit this.")

    def __init__(self, scope: str | None) -> None:
        super().__init__("the token lacks the scope of this route", scope=scope or "none")


def container_of(request: Request) -> Container:
    """Return the services of this process."""
    found = request.app.state.container
    if not isinstance(found, Container):
        raise TypeError("the application was made without a container")
    return found


Services = Annotated[Container, Depends(container_of)]


def bearer(request: Request) -> str:
    """Return the bearer token (RFC 6750, 2.1). Raises Unauthenticated."""
    scheme, token = _credentials(request)
    if scheme != _SCHEME:
        raise Unauthenticated("the Authorization scheme is not Bearer")
    return token


def _credentials(request: Request) -> tuple[str, str]:
    values = request.headers.getlist("authorization")
    if len(values) != 1:
        raise Unauthenticated("one Authorization header is needed")
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() not in _SCHEMES or not token:
        raise Unauthenticated("the Authorization scheme is unknown, or its token is missing")
    return scheme.lower(), token


async def access_of(request: Request, services: Container) -> Access:
    """Return what the caller's access token permits. Raises Unauthenticated."""
    scheme, token = _credentials(request)
    proofs = request.headers.getlist("dpop")
    url = services.oauth.url(request.url.path)
    try:
        return await services.oauth.access.authenticate(scheme, token, proofs, request.method, url)
    except TokenRefused as refused:
        raise unauthenticated(refused) from refused


def unauthenticated(refused: TokenRefused) -> Unauthenticated:
    """Return the one answer to every token that is not accepted; the log knows the reason."""
    _log.info("token_refused", reason=refused.reason)
    failure, error = Unauthenticated("the access token is not accepted"), "invalid_token"
    if refused.nonce is not None:
        failure.headers["DPoP-Nonce"], error = refused.nonce, "use_dpop_nonce"
    scheme = 'DPoP algs="ES256", ' if refused.dpop else "Bearer "
    failure.headers["WWW-Authenticate"] = f'{scheme}error="{error}"'
    return failure


async def citizen(request: Request, services: Services) -> Principal:
    """Return the applicant who calls, or for whom a client calls; its token must have the route's
    scope. Raises Unauthenticated, Forbidden.
    """
    try:
        access = await access_of(request, services)
    except Unauthenticated:
        # A token of the portal's own login, which is no grant.
        return await services.identity.authenticate(bearer(request))
    if access.principal is None:
        raise Forbidden("a program's own token stands for no applicant")
    needed = scope_needed(request)
    if needed is None or (needed and needed not in access.scopes):
        raise ScopeMissing(needed)
    acting_for.set(access.actor.partition(" ")[0])
    return access.principal


def scope_needed(request: Request) -> str | None:
    """Return the scope of the route that is being served; None when applicants may not call it."""
    template = getattr(request.scope.get("route"), "path", "")
    method = "GET" if request.method == "HEAD" else request.method
    return REQUIRED.get((method, template))


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
