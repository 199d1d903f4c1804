"""The simulated IRS gateway of Zhejiang with its three logins behind it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox import citizens
from adapters.sandbox.citizens import Account, Citizens, Refusal, Refused
from adapters.sandbox.login_page import LoginPages, Names, form, register
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.zj_irs import wire
from adapters.upstreams.zj_irs.wire import ErrorMsg, Said
from kernel.clock import Clock
from kernel.ids import RandomIds

APP_ID: Final = "2002200001"
ELSEWHERE: Final = "https://elsewhere.invalid/"
"""The real page sends a ``redirectUrl`` along; whoever follows it is lured."""
FRESHNESS: Final = timedelta(minutes=5)
UNIFIED: Final = Names(
    app=("appId",),
    back=("redirectUrl",),
    user_type=(),
    ticket="ticketId",
    only_type=citizens.PERSON,
    also={"redirectUrl": ELSEWHERE},
)
PERSON: Final = Names(
    app=("servicecode",),
    back=("goto",),
    user_type=(),
    ticket="ticket",
    only_type=citizens.PERSON,
)
LEGAL: Final = Names(
    app=(),
    back=("spappurl",),
    user_type=(),
    ticket="ssoticket",
    only_app=APP_ID,
    only_type=citizens.LEGAL,
)
_MESSAGES: Final[Mapping[Refusal, str]] = {
    Refusal.TICKET_UNKNOWN: ErrorMsg.TICKET_UNKNOWN,
    Refusal.TICKET_EXPIRED: ErrorMsg.TICKET_EXPIRED,
    Refusal.TICKET_USED: ErrorMsg.TICKET_USED,
    Refusal.TICKET_FOREIGN: ErrorMsg.TICKET_FOREIGN,
    Refusal.TOKEN_INVALID: ErrorMsg.TOKEN_INVALID,
    Refusal.USER_TYPE_WRONG: ErrorMsg.USER_TYPE_WRONG,
    Refusal.ACCOUNT_DISABLED: ErrorMsg.ACCOUNT_DISABLED,
    Refusal.APP_UNKNOWN: ErrorMsg.APP_UNKNOWN,
}


class _Rejected(Exception):
    """A system behind the gateway says no, in its own words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same keys come back ever after."""
    store, ids = Store(place.folder), RandomIds(place.clock)
    try:
        made = {name: ids.secret() for name in ("access_key", "secret_key", "service_password")}
        app = register(store, APP_ID, made, place.gateway_url)
    finally:
        store.close()
    return Onboarding(
        options={
            "base_url": place.url,
            "browser_url": place.url,
            "app_id": APP_ID,
            "ial_of_level": {"0": 0, "1": 1, "2": 2, "3": 3},
            "id_types": {"1": "RESIDENT_ID", "3": "HK_MACAO_PERMIT"},
            "roles": {"0": "OPERATOR", "1": "ORG_ADMIN", "2": "LEGAL_REP"},
        },
        secrets={name: app[name] for name in made},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    people = Citizens(store, place.clock, "zj")
    irs = _Irs(store, people, place.clock)
    legal = _LegalPages(store, people, LEGAL)
    app = Starlette(
        routes=[
            *LoginPages(store, people, UNIFIED).routes(wire.UNIFIED_LOGIN, None),
            *LoginPages(store, people, PERSON).page_routes(wire.PERSON_LOGIN),
            *legal.page_routes(wire.LEGAL_LOGIN),
            Route(wire.UNIFIED_TOKEN, irs.unified_token, methods=["POST"]),
            Route(wire.UNIFIED_USER, irs.unified_user, methods=["POST"]),
            Route(wire.PERSON_TICKET, irs.simple, methods=["POST"]),
            Route(wire.PERSON_USER, irs.simple, methods=["POST"]),
            Route(wire.LEGAL_USER, irs.legal_user, methods=["POST"]),
            Route("/sim/forbid", irs.forbid, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _LegalPages(LoginPages):
    """The page of 法人单点登录, which sends the token along instead of having it asked for."""

    def brought(self, ticket: str, _app: str) -> dict[str, str]:
        token, _ = self._citizens.redeem(ticket, APP_ID)
        return {"ssotoken": token, "ssoticket": ticket}


class _Irs:
    """The gateway's guard, and what stands behind it."""

    def __init__(self, store: Store, people: Citizens, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    async def unified_token(self, request: Request) -> Response:
        return await self._guarded(request, self._unified_token)

    async def unified_user(self, request: Request) -> Response:
        return await self._guarded(request, self._unified_user)

    async def legal_user(self, request: Request) -> Response:
        return await self._guarded(request, self._legal_user)

    async def simple(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            told = self._simple(request.url.path, await form(request))
        except _Rejected as rejected:
            return JSONResponse({"result": "1", "errmsg": rejected.message})
        except Refused as refused:
            return JSONResponse({"result": "1", "errmsg": _MESSAGES[refused.reason]})
        return JSONResponse({"result": "0", "errmsg": "", **told})

    async def forbid(self, request: Request) -> Response:
        """Withdraw an interface from the application, by its path; for tests."""
        self._store.put("forbidden", str((await request.json())["path"]), {})
        return Response(status_code=204)

    async def _guarded(self, request: Request, answer: Any) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            data = answer(_object(await request.body()))
        except _Rejected as rejected:
            return _said(rejected.message)
        except Refused as refused:
            return _said(_MESSAGES[refused.reason])
        return JSONResponse({"success": True, "errorMsg": "", "data": data})

    def _refusal(self, request: Request) -> Response | None:
        app, given = self._store.get("app", APP_ID), request.headers
        date = given.get(wire.DATE_HEADER, "")
        if given.get(wire.ACCESS_KEY_HEADER) != app["access_key"]:
            return _unauthorized(Said.ACCESS_KEY)
        if not self._fresh(date):
            return _unauthorized(Said.SKEW)
        # Written a second time on purpose: a mistake in the adapter must not hide in shared code.
        query = "&".join(sorted(filter(None, request.url.query.split("&"))))
        lines = [request.method, request.url.path, query, app["access_key"], date, ""]
        made = hmac.new(app["secret_key"].encode(), "\n".join(lines).encode(), hashlib.sha256)
        wanted = base64.b64encode(made.digest())
        if given.get(wire.ALGORITHM_HEADER) != wire.ALGORITHM or not hmac.compare_digest(
            wanted, given.get(wire.SIGNATURE_HEADER, "").encode()
        ):
            return _unauthorized(Said.SIGNATURE)
        if self._store.get("forbidden", request.url.path) is not None:
            return _unauthorized(Said.ROUTE)
        return None

    def _fresh(self, date: str) -> bool:
        if not date.endswith(" GMT"):
            return False
        try:
            at = parsedate_to_datetime(date)
        except ValueError:
            return False
        return abs(self._clock.now() - at) <= timedelta(seconds=wire.SKEW_SECONDS)

    def _unified_token(self, body: Mapping[str, Any]) -> dict[str, str]:
        app = _text(body, "appId")
        if app != APP_ID:
            raise Refused(Refusal.APP_UNKNOWN)
        token, account = self._people.redeem(_text(body, "ticketId"), app)
        if account.user_type != citizens.PERSON:
            raise Refused(Refusal.USER_TYPE_WRONG)
        return {"accessToken": token}

    def _unified_user(self, body: Mapping[str, Any]) -> dict[str, str]:
        return _person(self._people.holder(_text(body, "token"), citizens.PERSON))

    def _legal_user(self, body: Mapping[str, Any]) -> dict[str, str]:
        account = self._people.holder(_text(body, "token"), citizens.LEGAL)
        company = account.corporation
        if company is None:
            raise Refused(Refusal.USER_TYPE_WRONG)
        told = {
            **_person(account),
            "CompanyName": company.name,
            "uniscid": company.uscc,
            "CompanyLegRep": company.rep_name,
            "userRole": company.role,
        }
        return {name: value for name, value in told.items() if value}

    def _simple(self, path: str, given: Mapping[str, str]) -> dict[str, str]:
        app, time = self._store.get("app", APP_ID), given.get("time", "")
        if given.get("servicecode") != APP_ID:
            raise Refused(Refusal.APP_UNKNOWN)
        covered = f"{APP_ID}{app['service_password']}{time}"
        wanted = hashlib.md5(covered.encode(), usedforsecurity=False).hexdigest()
        if given.get("sign") != wanted or not self._recent(time):
            raise _Rejected(ErrorMsg.SIGN_WRONG)
        if given.get("datatype") != "json":
            raise _Rejected(ErrorMsg.PARAMS_WRONG)
        match given.get("method"):
            case "ticketValidation" if path == wire.PERSON_TICKET:
                return {"token": self._people.redeem(_text(given, "st"), APP_ID)[0]}
            case "getUserInfo" if path == wire.PERSON_USER:
                return _person(self._people.holder(_text(given, "token"), citizens.PERSON))
            case _:
                raise _Rejected(ErrorMsg.PARAMS_WRONG)

    def _recent(self, time: str) -> bool:
        try:
            digits = f"{time}+0800" if len(time) == 14 else ""
            at = datetime.strptime(digits, f"{wire.TIME_FORMAT}%z")
        except ValueError:
            return False
        return abs(self._clock.now() - at) <= FRESHNESS


def _person(account: Account) -> dict[str, str]:
    told = {
        "userId": account.uuid,
        "userName": account.name,
        "idType": account.id_type,
        "idNumber": account.id_number,
        "mobile": account.mobile,
        "authLevel": "0" if account.isauth == "0" else account.authlevel,
    }
    return {name: value for name, value in told.items() if value}


def _unauthorized(message: str) -> Response:
    return JSONResponse({"message": message}, 401)


def _said(message: str) -> Response:
    return JSONResponse({"success": False, "errorMsg": message, "data": None})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise _Rejected(ErrorMsg.PARAMS_WRONG) from None
    if not isinstance(found, dict):
        raise _Rejected(ErrorMsg.PARAMS_WRONG)
    return found


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise _Rejected(ErrorMsg.PARAMS_WRONG)
    return value
