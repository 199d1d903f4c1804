"""The endpoints of OAuth 2 and OpenID Connect: strict about parameters, uniform in refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from gateway.api.callers import ScopeMissing, Services, access_of, unauthenticated
from gateway.api.login_cookie import set_login_cookie
from gateway.api.partners import SignatureRefused, authenticate, is_signed, rates_of
from gateway.api.problems import english, problem
from gateway.container import Container
from identity import Authenticated, AuthorizeRefused, OAuthRefused, TokenRefused
from kernel.signing.sdgw1 import Algorithm

router = APIRouter(include_in_schema=False)

_FORM: Final = "application/x-www-form-urlencoded"
_SEE_OTHER: Final = 303
_MAX_FIELDS: Final = 60
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_KEYS_LIVE: Final = {"Cache-Control": "public, max-age=600"}
_log = structlog.get_logger("oauth")

Act = Callable[[Authenticated, Mapping[str, str]], Awaitable[dict[str, Any]]]


@router.get("/.well-known/openid-configuration")
@router.get("/.well-known/oauth-authorization-server")
async def metadata(services: Services) -> Response:
    """Return the description of this server."""
    return JSONResponse(services.oauth.metadata(), headers=_KEYS_LIVE)


@router.get("/oauth2/jwks")
async def jwks(services: Services) -> Response:
    """Return the public keys, the next one at least a day before it signs."""
    keys = list(await services.oauth.keys.published())
    return JSONResponse({"keys": keys}, headers=_KEYS_LIVE)


@router.post("/oauth2/par")
async def par(request: Request, services: Services) -> Response:
    """Take a pushed authorization request (RFC 9126)."""
    return await _answered(request, services, services.oauth.authorization.push, status=201)


@router.get("/oauth2/authorize")
async def authorize(request: Request, services: Services) -> Response:
    """Send the browser to the province's login page, for a pushed request only."""
    given = request.query_params.multi_items()
    if sorted(name for name, _ in given) != ["client_id", "request_uri"]:
        raise AuthorizeRefused("exactly client_id and request_uri are taken, each once")
    values = dict(given)
    try:
        client = await services.oauth.clients.active(values["client_id"])
    except OAuthRefused as refused:
        _log.info("authorize_refused", reason=refused.reason)
        raise AuthorizeRefused("the client is unknown or may not call") from None
    away = await services.oauth.authorization.begin(client, values["request_uri"])
    response = RedirectResponse(away.redirect_url, _SEE_OTHER)
    if away.cookie_value is not None:
        set_login_cookie(services, response, away.cookie_value)
    return response


@router.post("/oauth2/token")
async def token(request: Request, services: Services) -> Response:
    """Issue tokens (RFC 6749, 3.2)."""
    return await _answered(request, services, services.oauth.grants.token)


@router.post("/oauth2/introspect")
async def introspect(request: Request, services: Services) -> Response:
    """Tell what a token is (RFC 7662)."""

    async def act(who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        return await services.oauth.answers.introspect(who, form.get("token", ""))

    return await _answered(request, services, act)


@router.post("/oauth2/revoke")
async def revoke(request: Request, services: Services) -> Response:
    """Revoke a token and its family (RFC 7009)."""

    async def act(who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        await services.oauth.answers.revoke(who, form.get("token", ""))
        return {}

    return await _answered(request, services, act)


@router.get("/oauth2/userinfo")
@router.post("/oauth2/userinfo")
async def userinfo(request: Request, services: Services) -> Response:
    """Tell who signed in, as far as the token's scopes reach."""
    access = await access_of(request, services)
    if "openid" not in access.scopes:
        raise ScopeMissing("openid")
    client = await services.oauth.registry.find(access.client_id)
    if client is None:
        raise unauthenticated(TokenRefused("the client is gone"))
    return JSONResponse(await services.oauth.answers.userinfo(access, client), headers=_NO_STORE)


@router.get("/oauth2/end_session")
@router.post("/oauth2/end_session")
async def end_session(request: Request, services: Services) -> Response:
    """End the session of an id token and send the browser on."""
    try:
        given = (
            await _form(request)
            if request.method == "POST"
            else _single(request.query_params.multi_items())
        )
    except OAuthRefused as refused:
        _log.info("end_session_refused", reason=refused.reason)
        raise AuthorizeRefused("the parameters cannot be read") from None
    return RedirectResponse(await services.oauth.logout.end(given), _SEE_OTHER)


async def _answered(
    request: Request, services: Container, act: Act, *, status: int = 200
) -> Response:
    try:
        form = await _form(request)
        proofs = request.headers.getlist("dpop")
        who = await _client(request, services, form, proofs)
        answer = await act(who, form)
    except OAuthRefused as refused:
        return _refusal(request, refused)
    headers = dict(_NO_STORE)
    if (nonce := services.oauth.dpop.nonce()) is not None:
        headers["DPoP-Nonce"] = nonce
    return JSONResponse(answer, status, headers)


async def _client(
    request: Request, services: Container, form: Mapping[str, str], proofs: Sequence[str]
) -> Authenticated:
    """Return who posts: the signer of the whole request, in GM algorithms, or of an assertion.

    Raises OAuthRefused, and TooManyRequests and SignatureSkewed as for every signed request.
    """
    if not is_signed(request):
        return await services.oauth.authenticated(form, proofs, request.url.path)
    try:
        partner = await authenticate(request, services)
    except SignatureRefused as exc:
        raise OAuthRefused("invalid_client", "the request's signature was refused") from exc
    if partner.algorithm is Algorithm.HMAC_SHA256:
        raise OAuthRefused("invalid_client", "a request is signed in a GM algorithm here")
    rates_of(request).take(partner.client, services.clock.monotonic())
    return await services.oauth.signed_by(partner.client, form, proofs, request.url.path)


def _refusal(request: Request, refused: OAuthRefused) -> Response:
    _log.info("oauth_refused", error=refused.error, reason=refused.reason, path=request.url.path)
    trace_id = str(request.scope.get("trace_id", ""))
    _, document = problem(refused, in_english=english(request), trace_id=trace_id)
    document["status"] = refused.http_status
    document["error_description"] = document["detail"]
    headers = dict(_NO_STORE)
    if refused.nonce is not None:
        headers["DPoP-Nonce"] = refused.nonce
    return JSONResponse(document, refused.http_status, headers)


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise OAuthRefused("invalid_request", "the body is no form")
    try:
        body = (await request.body()).decode("ascii")
        fields = parse_qsl(
            body, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError as exc:
        raise OAuthRefused("invalid_request", "the form cannot be read") from exc
    return _single(fields)


def _single(fields: list[tuple[str, str]]) -> dict[str, str]:
    found = dict(fields)
    if len(found) != len(fields):
        raise OAuthRefused("invalid_request", "a parameter comes twice")
    if any("\0" in value for value in found.values()):
        raise OAuthRefused("invalid_request", "a parameter holds the NUL character")
    # A parameter without a value is as if it were left out (RFC 6749, 3.1).
    return {name: value for name, value in fields if value}
