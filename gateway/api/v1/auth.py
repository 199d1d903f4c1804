"""Signing in (登录): to the province's login page and back, then an opaque token for the portal."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Citizen, Services, bearer
from gateway.api.login_cookie import drop_login_cookie, login_cookie, set_login_cookie
from gateway.api.v1.shapes import shown
from gateway.container import Container
from identity import CONTINUE_PATH, Away, LoginStateInvalid, Principal, UserType
from kernel import masking

router = APIRouter(prefix="/v1", tags=["auth 登录"])
callbacks = APIRouter(include_in_schema=False)

CALLBACK_PATH: Final = "/auth/cb"
_SEE_OTHER: Final = 303


@router.get("/auth/login", status_code=303, response_class=RedirectResponse)
async def login(
    services: Services,
    client_id: Annotated[str, Query(max_length=64)],
    idp: Annotated[str, Query(max_length=40)],
    user_type: Annotated[UserType, Query()],
    return_to: Annotated[str, Query(max_length=500)],
    state: Annotated[str, Query(max_length=512)],
    code_challenge: Annotated[str, Query(max_length=128)],
) -> Response:
    """Send the browser to the province's login page (统一身份认证).

    ``return_to`` must be registered for the portal. ``state`` comes back untouched.
    ``code_challenge`` is the S256 challenge of RFC 7636.
    """
    started = await services.identity.begin_login(
        client_id, idp, user_type, return_to, state, code_challenge
    )
    response = RedirectResponse(started.redirect_url, _SEE_OTHER)
    set_login_cookie(services, response, started.cookie_value)
    return response


@callbacks.get(CALLBACK_PATH + "/{idp}")
async def callback_with_query(
    request: Request, services: Services, idp: str, state: Annotated[str, Query(max_length=100)]
) -> Response:
    """Take the browser back from a provider that compares return addresses letter by letter: the
    state is in the query (RFC 6749, 4.1.2).
    """
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) != len(names):
        raise LoginStateInvalid("a parameter came twice")
    return await callback(request, services, idp, state)


@callbacks.get(CALLBACK_PATH + "/{idp}/{state}")
async def callback(request: Request, services: Services, idp: str, state: str) -> Response:
    """Take the browser back from the province, and send it on to the portal with a code."""
    cookie = login_cookie(services, request)
    if cookie is None:
        raise LoginStateInvalid("the login cookie is missing")
    away = await services.stronger.finish(idp, state, cookie, request.query_params.multi_items())
    return sent(services, away)


@callbacks.get(CONTINUE_PATH)
async def after_second_factor(request: Request, services: Services) -> Response:
    """Take the browser back from a second factor that its login asked for, and send it on."""
    # What else a provider brings back proves nothing and is not read.
    given = request.query_params.getlist("step_up")
    cookie = login_cookie(services, request)
    if cookie is None or len(given) != 1:
        raise LoginStateInvalid("step_up is taken once, with the login cookie")
    return sent(services, await services.stronger.go_on(cookie, given[0]))


def sent(services: Container, away: Away) -> Response:
    """Return a redirect; the login cookie goes with it unless the login goes on."""
    response = RedirectResponse(away.redirect_url, _SEE_OTHER)
    if away.cookie_value is None:
        drop_login_cookie(services, response)
    else:
        set_login_cookie(services, response, away.cookie_value)
    return response


class Redeem(Posted):
    """The one-time code that came back to the portal, and the verifier behind the challenge."""

    client_id: Annotated[str, Field(min_length=1, max_length=64)]
    code: Annotated[str, Field(min_length=1, max_length=128)]
    code_verifier: Annotated[str, Field(min_length=43, max_length=128)]


class Me(BaseModel):
    """Who is signed in; names and numbers are masked."""

    sub: str
    user_type: str
    name: str
    id_number: str
    organisation: str | None
    uscc: str | None
    acting_role: str | None
    ial: int
    aal: int

    @classmethod
    def of(cls, principal: Principal) -> Me:
        org = principal.org
        return cls(
            sub=principal.sub,
            user_type=principal.user_type,
            name=masking.mask_name(principal.person.name),
            id_number=masking.mask_citizen_id(principal.person.id_number),
            organisation=None if org is None else org.name,
            uscc=None if org is None else org.uscc,
            acting_role=principal.acting_role,
            ial=principal.ial,
            aal=principal.aal,
        )


class TokenView(BaseModel):
    """An access token; send it as ``Authorization: Bearer``."""

    access_token: str
    token_type: str = "Bearer"
    expires_at: str | None
    me: Me


@router.post("/auth/token")
async def token(
    services: Services, body: Annotated[Redeem, Depends(JsonBody(Redeem))]
) -> TokenView:
    """Redeem the one-time code for an access token."""
    issued = await services.identity.redeem(body.client_id, body.code, body.code_verifier)
    return TokenView(
        access_token=issued.token,
        expires_at=shown(issued.expires_at),
        me=Me.of(issued.principal),
    )


@router.get("/me")
async def me(principal: Citizen) -> Me:
    """Return who is signed in."""
    return Me.of(principal)


class LoggedOut(BaseModel):
    """Where to send the browser to end the province's own session too; null for nowhere."""

    logout_url: str | None


@router.post("/auth/logout")
async def logout(request: Request, services: Services) -> LoggedOut:
    """End the session of this token; ending it twice is no error."""
    return LoggedOut(logout_url=await services.identity.logout(bearer(request)))
