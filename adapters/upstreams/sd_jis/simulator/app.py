"""The web side of the simulated JIS: who may send browsers here, and how interface.do
is guarded.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

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

from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.sd_jis.simulator.accounts import Accounts, Refused
from adapters.upstreams.sd_jis.wire import (
    APPWORD_LENGTH,
    INTERFACE_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    TIME_FORMAT,
    USER_TYPE_LEGAL,
    USER_TYPE_PERSON,
    Retcode,
    Service,
    encrypt_data,
)
from kernel.clock import Clock
from kernel.ids import RandomIds

APPMARK: Final = "onewindow"
FRESHNESS: Final = timedelta(minutes=5)
SESSION_COOKIE: Final = "JISSESSION"


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same account comes back ever after."""
    store = Store(place.folder)
    try:
        appword = RandomIds(place.clock).secret()[:APPWORD_LENGTH]
        store.add("app", APPMARK, {"appword": appword})
        # The gateway may have moved since: its registered address is corrected, its password kept.
        app = {**store.get("app", APPMARK), "back_url": place.gateway_url}
        store.put("app", APPMARK, app)
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "browser_url": place.url, "appmark": APPMARK},
        secrets={"appword": app["appword"]},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    jis = _Jis(store, Accounts(store, place.clock), place.clock)
    app = Starlette(
        routes=[
            Route(LOGIN_PATH, jis.login_page, methods=["GET"]),
            Route(LOGIN_PATH, jis.login, methods=["POST"]),
            Route(LOGOUT_PATH, jis.logout, methods=["GET"]),
            Route(INTERFACE_PATH, jis.interface, methods=["POST"]),
            Route("/sim/accounts", jis.list_accounts, methods=["GET"]),
            Route("/sim/accounts/{uuid}", jis.change_account, methods=["POST"]),
            Route("/sim/expire", jis.expire, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Jis:
    """The pages and the one endpoint."""

    def __init__(self, store: Store, accounts: Accounts, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        page = files(__package__).joinpath("login.html").read_text("utf-8")
        self._page = Template(page)

    async def login_page(self, request: Request) -> Response:
        query = request.query_params
        appmark = query.get("appmark") or query.get("uuid") or ""
        back_url = query.get("backUrl") or query.get("gotourl") or ""
        user_type = query.get("userType") or USER_TYPE_PERSON
        if (refusal := self._refusal(appmark, back_url, user_type)) is not None:
            return refusal
        accounts = [account for account in self._accounts.all() if account.user_type == user_type]
        choices = "\n".join(
            f'<label><input type="radio" name="account" value="{escape(account.uuid)}" required>'
            f" {escape(account.title)}<small>{escape(account.remark)}</small></label>"
            for account in accounts
        )
        return HTMLResponse(
            self._page.substitute(
                action=LOGIN_PATH,
                appmark=escape(appmark),
                user_type=escape(user_type),
                back_url=escape(back_url),
                accounts=choices,
            ),
            headers={"cache-control": "no-store"},
        )

    async def login(self, request: Request) -> Response:
        form = await _form(request)
        back_url, user_type = form.get("backUrl", ""), form.get("userType", "")
        refusal = self._refusal(form.get("appmark", ""), back_url, user_type)
        if refusal is not None:
            return refusal
        account = self._accounts.find(form.get("account", ""))
        if account is None or account.user_type != user_type:
            return PlainTextResponse("账号不存在", 400)
        ticket, session = self._accounts.sign_in(account)
        answer = RedirectResponse(_with_ticket(back_url, ticket), 302)
        answer.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="lax", path="/JIS")
        return answer

    async def logout(self, request: Request) -> Response:
        back_url = request.query_params.get("backUrl", "")
        appmark = request.query_params.get("appmark", "")
        refusal = self._refusal(appmark, back_url, USER_TYPE_PERSON)
        if refusal is not None:
            return refusal
        self._accounts.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        answer = RedirectResponse(back_url, 302)
        answer.delete_cookie(SESSION_COOKIE, path="/JIS")
        return answer

    async def interface(self, request: Request) -> Response:
        try:
            data = self._answer(await _form(request))
        except Refused as refused:
            return JSONResponse({"retcode": refused.retcode, "msg": "失败", "data": None})
        return JSONResponse({"retcode": Retcode.OK, "msg": "成功", "data": data})

    async def list_accounts(self, _request: Request) -> Response:
        """Return who may sign in here, for tests and demonstrations; nobody of them exists."""
        return JSONResponse(
            [
                {"uuid": one.uuid, "userType": one.user_type, "title": one.title}
                for one in self._accounts.all()
            ]
        )

    async def change_account(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if self._accounts.find(uuid) is None:
            return PlainTextResponse("no such account", 404)
        try:
            self._accounts.change(uuid, await request.json())
        except KeyError as exc:
            return PlainTextResponse(f"cannot be changed: {exc.args[0]}", 422)
        return Response(status_code=204)

    async def expire(self, _request: Request) -> Response:
        self._accounts.expire()
        return Response(status_code=204)

    def _answer(self, form: Mapping[str, str]) -> str:
        app = self._store.get("app", form.get("appmark", ""))
        if app is None:
            raise Refused(Retcode.APP_UNKNOWN)
        appword = str(app["appword"])
        # Written a second time on purpose: a mistake in the adapter's signature must not hide here.
        covered = form["appmark"] + appword + form.get("time", "")
        wanted = hashlib.md5(covered.encode(), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(wanted.encode(), form.get("sign", "").encode()):
            raise Refused(Retcode.SIGN_WRONG)
        self._require_fresh(form.get("time", ""))
        params = _params(form.get("params", ""))
        match form.get("servicename"):
            case Service.TICKET_VALIDATE:
                return json.dumps({"token": self._accounts.redeem(_text(params, "ticket"))})
            case Service.FIND_PERSON:
                return self._user(_text(params, "token"), USER_TYPE_PERSON, appword)
            case Service.FIND_CORPORATION:
                return self._user(_text(params, "token"), USER_TYPE_LEGAL, appword)
            case _:
                raise Refused(Retcode.SERVICE_UNKNOWN)

    def _user(self, token: str, user_type: str, appword: str) -> str:
        user = self._accounts.holder(token, user_type).user
        return encrypt_data(user.model_dump_json(exclude_none=True), appword)

    def _require_fresh(self, time: str) -> None:
        try:
            # Exactly fourteen digits: strptime alone would take fewer.
            digits = f"{time}+0800" if len(time) == 14 else ""
            at = datetime.strptime(digits, f"{TIME_FORMAT}%z")
        except ValueError:
            raise Refused(Retcode.TIME_STALE) from None
        if abs(self._clock.now() - at) > FRESHNESS:
            raise Refused(Retcode.TIME_STALE)

    def _refusal(self, appmark: str, back_url: str, user_type: str) -> Response | None:
        app = self._store.get("app", appmark)
        if app is None:
            return PlainTextResponse("应用未登记", 400)
        if not _below(back_url, str(app["back_url"])):
            return PlainTextResponse("返回地址未登记", 400)
        if user_type not in {USER_TYPE_PERSON, USER_TYPE_LEGAL}:
            return PlainTextResponse("用户类型有误", 400)
        return None


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


def _params(text: str) -> dict[str, Any]:
    try:
        params = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(Retcode.PARAMS_WRONG) from None
    if not isinstance(params, dict):
        raise Refused(Retcode.PARAMS_WRONG)
    return params


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(Retcode.PARAMS_WRONG)
    return value


def _below(url: str, registered: str) -> bool:
    """Return whether an address is on the registered origin and below its path."""
    try:
        given, allowed = urlsplit(url), urlsplit(registered)
    except ValueError:
        return False
    prefix = allowed.path.rstrip("/") + "/"
    return (
        (given.scheme, given.netloc) == (allowed.scheme, allowed.netloc)
        and (given.path or "/").startswith(prefix)
        and ".." not in given.path.split("/")
        and "\\" not in url
    )


def _with_ticket(back_url: str, ticket: str) -> str:
    parts = urlsplit(back_url)
    own = urlencode({"ticket": ticket})
    return urlunsplit(parts._replace(query=f"{parts.query}&{own}" if parts.query else own))
