"""Finds out who calls: an applicant with an access token, or a member of staff."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Final

import structlog
from fastapi import Depends, Request

from gateway.api.noted import note_refusal
from gateway.api.peer import client_address
from gateway.api.scopes import NOT_GRANTED, REQUIRED
from gateway.cases.model import StaffScope
from gateway.cases.translate import scope_of
from gateway.container import Container
from identity import (
    BUSINESS_ROLES,
    STAFF_PREFIX,
    TOKEN_PREFIX,
    Access,
    GrantTampered,
    Identified,
    PasswordChangeNeeded,
    Principal,
    StaffMember,
    StaffRole,
    TokenRefused,
    staff_actor,
)
from kernel.errors import Conflict, Forbidden, Text, Unauthenticated
from kernel.work import acting_for

CSRF_HEADER: Final = "X-CSRF-Token"
CAPACITY_HEADER: Final = "Onewindow-Acting-As"
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


_SAME_ORIGIN: Final = "same-origin"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(Forbidden):
    """A write with a session cookie does not come from a page of this gateway."""

    code = "cross_site_request"
    title = Text("跨站请求被拒绝", "Cross-site request refused")
    clerk = Text("请求来源不可信，请从工作台页面操作。", "Work from the desk's own pages.")


class CapacityNeeded(Conflict):
    """The person holds several roles that would do; ``choices`` names them."""

    code = "staff_capacity_needed"
    title = Text("请选择办理身份", "Choose in which role to act")
    clerk = Text("您有多个可用岗位，请先选择以哪个岗位办理。", "Choose one of your roles first.")


def container_of(request: Request) -> Container:
    """Return the services of this process."""
    found = request.app.state.container
    if not isinstance(found, Container):
        raise TypeError("the application was made without a container")
    return found


def address_of(request: Request) -> str:
    """Return the caller's address; ``server.trusted_proxies`` says whose word is believed."""
    return client_address(request.scope, container_of(request).settings.server.trusted_proxies)


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
    scheme, token = _credentials(request)
    if scheme == _SCHEME and token.startswith(TOKEN_PREFIX):
        return await _by_simple_login(request, services, token)
    access = await access_of(request, services)
    if access.principal is None:
        raise Forbidden("a program's own token stands for no applicant")
    needed = scope_needed(request)
    if needed is None or (needed and needed not in access.scopes):
        raise ScopeMissing(needed)
    acting_for.set(access.actor.partition(" ")[0])
    # A delegated token is used by another client than the one where the person signed in.
    return replace(access.principal, client_id=access.client_id)


async def _by_simple_login(request: Request, services: Container, token: str) -> Principal:
    """Such a token is no grant: it permits what its portal is registered for at this moment, and
    the acts that only change the session itself.
    """
    principal = await services.identity.authenticate(token)
    client = await services.clients.find(principal.client_id)
    if client is None or not client.active(services.clock.now()):
        raise Unauthenticated("the portal of this token may not call any more")
    needed = scope_needed(request)
    if needed is None:
        if _route(request) not in NOT_GRANTED:
            raise ScopeMissing(needed)
    elif needed and needed not in client.scopes:
        raise ScopeMissing(needed)
    return principal


def scope_needed(request: Request) -> str | None:
    """Return the scope of the route that is being served; None when applicants may not call it."""
    return REQUIRED.get(_route(request))


def _route(request: Request) -> tuple[str, str]:
    template = getattr(request.scope.get("route"), "path", "")
    return "GET" if request.method == "HEAD" else request.method, template


Citizen = Annotated[Principal, Depends(citizen)]


def sid_cookie(services: Container) -> str:
    """Return the name of the session cookie of staff.

    The __Host- prefix demands Secure, which only a demonstration over plain HTTP cannot have.
    """
    secure = services.settings.server.public_url.startswith("https://")
    return "__Host-sid" if secure else "onewindow-sid"


def require_same_site(request: Request) -> None:
    """Raise CrossSite when a browser says that a page of somebody else sent this request."""
    if request.headers.get("sec-fetch-site", _SAME_ORIGIN) != _SAME_ORIGIN:
        raise CrossSite("Sec-Fetch-Site is not same-origin")


async def identified(request: Request, services: Services) -> Identified:
    """Return the member of staff who calls, by session cookie or API token, in all its roles.

    A write with a cookie also needs the session's CSRF token. Raises Unauthenticated, CrossSite.
    """
    try:
        if "authorization" in request.headers:
            token = bearer(request)
            if not token.startswith(STAFF_PREFIX):
                raise Unauthenticated("this is not a token of staff")
            return await services.staff.accounts.identify_token(token)
        sid = request.cookies.get(sid_cookie(services), "")
        who = await services.staff.sessions.identify(sid)
    except GrantTampered:
        await note_refusal(services, "unknown", "staff.request", GrantTampered.code)
        raise
    if request.method not in _SAFE:
        require_same_site(request)
        given = request.headers.get(CSRF_HEADER, "")
        if not services.staff.sessions.is_csrf_token(sid, given):
            raise CrossSite(f"the header {CSRF_HEADER} is missing or wrong")
    return who


Somebody = Annotated[Identified, Depends(identified)]


def staff(*roles: StaffRole) -> Callable[[Request, Services], Awaitable[StaffMember]]:
    """Return a dependency for staff of these roles.

    It raises Unauthenticated, PasswordChangeNeeded, Forbidden (which is noted in the audit trail),
    or CapacityNeeded when several roles would do and the caller did not choose.
    """

    async def find(request: Request, services: Services) -> StaffMember:
        who = await identified(request, services)
        if who.password_due:
            raise PasswordChangeNeeded
        fitting = [member for member in who.members if member.role in roles]
        if not fitting:
            route = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
            await note_refusal(services, staff_actor(who.account.id), "staff.request", route)
            raise Forbidden("the role does not permit this", roles=[str(role) for role in roles])
        return _chosen(fitting, request.headers.get(CAPACITY_HEADER))

    return find


def capacity_key(member: StaffMember) -> str:
    """Return how a caller names one of its roles: ``ROLE:department:region``."""
    return f"{member.role.value}:{member.department}:{member.region}"


def _chosen(fitting: list[StaffMember], wanted: str | None) -> StaffMember:
    keys = {capacity_key(member): member for member in fitting}
    if wanted is not None and wanted in keys:
        return keys[wanted]
    if wanted is None and len(fitting) == 1:
        return fitting[0]
    raise CapacityNeeded(f"choose one with the header {CAPACITY_HEADER}", choices=sorted(keys))


AnyStaff = Annotated[StaffMember, Depends(staff(*BUSINESS_ROLES))]
Clerk = Annotated[StaffMember, Depends(staff(StaffRole.CLERK))]
Reviewer = Annotated[StaffMember, Depends(staff(StaffRole.DEPARTMENT))]
Approver = Annotated[StaffMember, Depends(staff(StaffRole.APPROVER))]


def scope(member: StaffMember) -> StaffScope:
    """Return what this member of staff may see."""
    return scope_of(member)
