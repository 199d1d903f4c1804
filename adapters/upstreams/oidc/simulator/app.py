"""The web side of the simulated provider: strict where a provider must be, wrong where it is told
to be.

``POST /sim/misbehave`` with ``{"how": …}`` makes the next login wrong in one way: one of
tokens.WRONGS, or ``other_sub`` (userinfo of somebody else), ``no_iss`` and ``mixed_iss`` (RFC
9207), ``weaker`` (a lower acr than was asked for) or ``old`` (an old auth_time).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from adapters.sandbox.citizens import Account
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.oidc.simulator import tokens
from adapters.upstreams.oidc.simulator.book import Book
from adapters.upstreams.oidc.wire import ASSERTION_TYPE, DISCOVERY_PATH
from kernel.clock import Clock

CLIENT_ID: Final = "onewindow"
ORDINARY: Final = "urn:onewindow:aal:1"
STRONG: Final = "urn:onewindow:aal:2"
METHODS: Final[Mapping[str, list[str]]] = {ORDINARY: ["pwd"], STRONG: ["pwd", "sms", "mfa"]}
ID_TOKEN_SECONDS: Final = 300
_OF_A_LOGIN: Final = tokens.WRONGS | {"other_sub", "no_iss", "mixed_iss", "weaker", "old"}
_PAGE: Final = """<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>标准身份认证（仿真）</title></head>
<body style="font:16px/1.6 system-ui,sans-serif;max-width:30rem;margin:8vh auto;padding:1rem">
<h1 style="font-size:1.3rem">标准身份认证（仿真）</h1>
<p>这是仿真系统，账号均为虚构。<br>This is a simulator; every account is fictitious.</p>
<form method="post" action="/authorize"><input type="hidden" name="request" value="{request}">
{accounts}
<button>登录</button></form></body></html>
"""


class _Refused(Exception):
    """The provider says no, with an error of RFC 6749."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


def provision(place: Place) -> Onboarding:
    """Register the gateway as a client, once; the same key comes back ever after."""
    store = Store(place.folder)
    try:
        store.add("provider", "key", tokens.Key.generate().scalar)
        store.add("client", CLIENT_ID, {"key": tokens.Key.generate().scalar})
        # The gateway may have moved since: its registered addresses are corrected, its key kept.
        client = store.get("client", CLIENT_ID) | {
            "redirect_uri": f"{place.gateway_url}/auth/cb/{place.name}",
            "after_logout": place.gateway_url,
        }
        store.put("client", CLIENT_ID, client)
    finally:
        store.close()
    return Onboarding(
        options={
            "base_url": place.url,
            "client_id": CLIENT_ID,
            "par": "required",
            "claims": {"level": "identity_level"},
            "ial_of_level": {str(level): level for level in range(4)},
            "aal_of_acr": {ORDINARY: 1, STRONG: 2},
        },
        secrets={"client_key": client["key"]},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    provider = _Provider(store, place.clock, place.url)
    app = Starlette(
        routes=[
            Route(DISCOVERY_PATH, provider.metadata),
            Route("/jwks", provider.jwks),
            Route("/par", provider.par, methods=["POST"]),
            Route("/authorize", provider.login_page, methods=["GET"]),
            Route("/authorize", provider.login, methods=["POST"]),
            Route("/token", provider.token, methods=["POST"]),
            Route("/userinfo", provider.userinfo),
            Route("/logout", provider.logout),
            Route("/sim/accounts", provider.list_accounts),
            Route("/sim/accounts/{uuid}", provider.change_account, methods=["POST"]),
            Route("/sim/expire", provider.expire, methods=["POST"]),
            Route("/sim/misbehave", provider.misbehave, methods=["POST"]),
            Route("/sim/rotate", provider.rotate, methods=["POST"]),
        ],
        exception_handlers={_Refused: _refusal},
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Provider:
    """The endpoints."""

    def __init__(self, store: Store, clock: Clock, url: str) -> None:
        self._store = store
        self._book = Book(store, clock)
        self._clock = clock
        self._url = url
        self._wrong = ""

    async def metadata(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._url,
                "authorization_endpoint": f"{self._url}/authorize",
                "token_endpoint": f"{self._url}/token",
                "userinfo_endpoint": f"{self._url}/userinfo",
                "jwks_uri": f"{self._url}/jwks",
                "pushed_authorization_request_endpoint": f"{self._url}/par",
                "require_pushed_authorization_requests": True,
                "end_session_endpoint": f"{self._url}/logout",
                "authorization_response_iss_parameter_supported": True,
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }
        )

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self._key.public()]})

    async def par(self, request: Request) -> Response:
        form = await _form(request)
        client = self._client(form)
        wanted = {
            "response_type": "code",
            "redirect_uri": client["redirect_uri"],
            "code_challenge_method": "S256",
        }
        if any(form.get(name) != value for name, value in wanted.items()):
            raise _Refused("invalid_request")
        if not all(form.get(name) for name in ("state", "nonce", "code_challenge")):
            raise _Refused("invalid_request")
        if "openid" not in form.get("scope", "").split():
            raise _Refused("invalid_scope")
        secret = self._book.hand_out("request", {"asked": form})
        return JSONResponse(
            {"request_uri": f"urn:ietf:params:oauth:request_uri:{secret}", "expires_in": 90}, 201
        )

    async def login_page(self, request: Request) -> Response:
        secret = request.query_params.get("request_uri", "").rpartition(":")[2]
        found = self._book.look("request", secret)
        if found is None or request.query_params.get("client_id") != CLIENT_ID:
            return PlainTextResponse("没有此登录请求", 400)
        choices = "\n".join(
            f'<label><input type="radio" name="account" value="{escape(one.uuid)}" required>'
            f" {escape(one.title)}</label>"
            for one in self._book.citizens.all()
            if one.on_page
        )
        page = _PAGE.format(request=escape(secret), accounts=choices)
        return HTMLResponse(page, headers={"cache-control": "no-store"})

    async def login(self, request: Request) -> Response:
        form = await _form(request)
        found = self._book.take("request", form.get("request", ""))
        account = self._book.account(form.get("account", ""))
        if found is None or account is None:
            return PlainTextResponse("登录请求已失效", 400)
        asked = found["asked"]
        acr = (asked.get("acr_values", "").split() or [ORDINARY])[0]
        if acr not in METHODS or self._wrong == "weaker":
            acr = ORDINARY
        now = int(self._clock.now().timestamp())
        code = self._book.hand_out(
            "code",
            {
                "asked": asked,
                "uuid": account.uuid,
                "acr": acr,
                "auth_time": now - 86_400 if self._wrong == "old" else now,
            },
        )
        back = {"code": code, "state": asked["state"], "iss": self._url}
        if self._wrong == "no_iss":
            del back["iss"]
        elif self._wrong == "mixed_iss":
            back["iss"] = "https://other.invalid"
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    async def token(self, request: Request) -> Response:
        form = await _form(request)
        # The client first: a stranger must not spend somebody's code.
        self._client(form)
        if form.get("grant_type") != "authorization_code":
            raise _Refused("unsupported_grant_type")
        found = self._book.look("code", form.get("code", ""))
        if found is None or not _proves(form, found["asked"]):
            raise _Refused("invalid_grant")
        self._book.take("code", form["code"])
        account = self._book.account(found["uuid"])
        if account is None or account.disabled:
            raise _Refused("access_denied")
        access = self._book.hand_out("access", {"uuid": account.uuid})
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._url,
            "sub": account.uuid,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + ID_TOKEN_SECONDS,
            "nonce": found["asked"]["nonce"],
            "at_hash": tokens.at_hash(access),
            "acr": found["acr"],
            "amr": METHODS[found["acr"]],
            "auth_time": found["auth_time"],
        }
        signed = tokens.id_token(claims, self._key, self._wrong)
        return JSONResponse(
            {"access_token": access, "token_type": "Bearer", "expires_in": 600, "id_token": signed},
            headers={"cache-control": "no-store"},
        )

    async def userinfo(self, request: Request) -> Response:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        found = self._book.look("access", secret) if scheme == "Bearer" else None
        account = None if found is None else self._book.account(found["uuid"])
        if account is None:
            raise _Refused("invalid_token", 401)
        told = _claims_of(account)
        if self._wrong == "other_sub":
            told["sub"] = "op-999999"
        return JSONResponse(told)

    async def logout(self, request: Request) -> Response:
        query = request.query_params
        back = query.get("post_logout_redirect_uri", "")
        client = self._store.get("client", query.get("client_id", "")) or {}
        if not client or not back.startswith(f"{client['after_logout']}/"):
            return PlainTextResponse("退出地址未登记", 400)
        try:
            hint = jwt.decode(
                query.get("id_token_hint", ""),
                ECKey.import_key(self._key.public()),
                algorithms=["ES256"],
            )
        except (JoseError, ValueError):
            return PlainTextResponse("不是本系统签发的令牌", 400)
        self._book.sign_out(str(hint.claims["sub"]))
        return RedirectResponse(back, 303)

    async def list_accounts(self, _request: Request) -> Response:
        """Return who may sign in here, for tests and demonstrations; nobody of them exists."""
        listed = [{"uuid": one.uuid, "title": one.title} for one in self._book.citizens.all()]
        return JSONResponse(listed)

    async def change_account(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if self._book.account(uuid) is None:
            return PlainTextResponse("no such account", 404)
        try:
            self._book.citizens.change(uuid, await request.json())
        except KeyError as exc:
            return PlainTextResponse(f"cannot be changed: {exc.args[0]}", 422)
        return Response(status_code=204)

    async def expire(self, _request: Request) -> Response:
        self._book.expire()
        return Response(status_code=204)

    async def misbehave(self, request: Request) -> Response:
        how = (await request.json())["how"]
        if how and how not in _OF_A_LOGIN:
            return PlainTextResponse("no such misbehaviour", 422)
        self._wrong = how
        return Response(status_code=204)

    async def rotate(self, _request: Request) -> Response:
        """Sign with a new key from now on; the old one is not published any more."""
        self._store.put("provider", "key", tokens.Key.generate().scalar)
        return Response(status_code=204)

    @property
    def _key(self) -> tokens.Key:
        return tokens.Key.of(self._store.get("provider", "key"))

    def _client(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        client: dict[str, Any] | None = self._store.get("client", form.get("client_id", ""))
        if client is None or form.get("client_assertion_type") != ASSERTION_TYPE:
            raise _Refused("invalid_client", 401)
        public = ECKey.import_key(tokens.Key.of(client["key"]).public())
        try:
            given = jwt.decode(form.get("client_assertion", ""), public, algorithms=["ES256"])
        except (JoseError, ValueError):
            raise _Refused("invalid_client", 401) from None
        claims, now = given.claims, self._clock.now().timestamp()
        named = claims.get("iss") == claims.get("sub") == CLIENT_ID
        timely = now - 10 < claims.get("exp", 0) <= now + 300
        if not named or not timely or claims.get("aud") != self._url:
            raise _Refused("invalid_client", 401)
        if not self._book.first_use(str(claims.get("jti", ""))):
            raise _Refused("invalid_client", 401)
        return client


def _proves(form: Mapping[str, str], asked: Mapping[str, str]) -> bool:
    # Written a second time on purpose: a mistake in the adapter's challenge must not hide here.
    made = tokens.text(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
    same = hmac.compare_digest(made, asked["code_challenge"])
    return same and form.get("redirect_uri") == asked["redirect_uri"]


def _claims_of(account: Account) -> dict[str, str]:
    told = {
        "sub": account.uuid,
        "user_type": account.user_type,
        "name": account.name,
        "id_type": account.id_type,
        "id_number": account.id_number,
        "phone_number": account.mobile,
        "identity_level": "0" if account.isauth == "0" else account.authlevel,
    }
    if (company := account.corporation) is not None:
        told |= {
            "org_name": company.name,
            "uscc": company.uscc,
            "org_type": company.type,
            "cor_role": company.role,
            "legal_rep_name": company.rep_name,
            "legal_rep_id_type": company.rep_id_type,
            "legal_rep_id": company.rep_id_number,
        }
    # What is empty is not said.
    return {name: value for name, value in told.items() if value}


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: str(value) for name, value in form.items()}


async def _refusal(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, _Refused)  # noqa: S101 - the handler is registered for nothing else
    return JSONResponse({"error": exc.error}, exc.status)
