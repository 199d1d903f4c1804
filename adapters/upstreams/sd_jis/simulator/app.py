"""The simulated JIS: its login page, and interface.do with everything that guards it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.dialects.jis_cipher import (
    APPWORD_LENGTH,
    NotOurCipher,
    decrypt_data,
    encrypt_data,
)
from adapters.sandbox import citizens
from adapters.sandbox.citizens import Account, Citizens, Refusal
from adapters.sandbox.login_page import LoginPages, Names, form, register
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.sd_jis.wire import (
    INTERFACE_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    TIME_FORMAT,
    Retcode,
    Service,
)
from kernel.clock import Clock
from kernel.ids import RandomIds

APPMARK: Final = "onewindow"
FRESHNESS: Final = timedelta(minutes=5)
NAMES: Final = Names(
    app=("appmark", "uuid"), back=("backUrl", "gotourl"), user_type=("userType",), ticket="ticket"
)
_RETCODES: Final[Mapping[Refusal, str]] = {
    Refusal.TICKET_UNKNOWN: Retcode.TICKET_UNKNOWN,
    Refusal.TICKET_EXPIRED: Retcode.TICKET_EXPIRED,
    Refusal.TICKET_USED: Retcode.TICKET_USED,
    Refusal.TICKET_FOREIGN: Retcode.TICKET_FOREIGN,
    Refusal.TOKEN_INVALID: Retcode.TOKEN_INVALID,
    Refusal.USER_TYPE_WRONG: Retcode.USER_TYPE_WRONG,
    Refusal.ACCOUNT_DISABLED: Retcode.ACCOUNT_DISABLED,
    Refusal.PASSWORD_WRONG: Retcode.PASSWORD_WRONG,
    Refusal.ORG_NOT_YOURS: Retcode.ORG_NOT_YOURS,
    Refusal.APP_UNKNOWN: Retcode.TARGET_UNKNOWN,
}


class _Refused(Exception):
    """JIS says no, with one of its codes."""

    def __init__(self, retcode: str) -> None:
        super().__init__(retcode)
        self.retcode = retcode


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same account comes back ever after."""
    store = Store(place.folder)
    try:
        appword = RandomIds(place.clock).secret()[:APPWORD_LENGTH]
        app = register(store, APPMARK, {"appword": appword}, place.gateway_url)
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "browser_url": place.url, "appmark": APPMARK},
        secrets={"appword": app["appword"]},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    people = Citizens(store, place.clock, "jis")
    jis = _Jis(store, people, place.clock)
    pages = LoginPages(store, people, NAMES)
    routes = pages.routes(LOGIN_PATH, LOGOUT_PATH)
    app = Starlette(routes=[*routes, Route(INTERFACE_PATH, jis.interface, methods=["POST"])])

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Jis:
    """The one endpoint."""

    def __init__(self, store: Store, people: Citizens, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    async def interface(self, request: Request) -> Response:
        try:
            data = self._answer(await form(request))
        except _Refused as refused:
            return _said(refused.retcode)
        except citizens.Refused as refused:
            return _said(_RETCODES[refused.reason])
        return JSONResponse({"retcode": Retcode.OK, "msg": "成功", "data": data})

    def _answer(self, given: Mapping[str, str]) -> str:
        app = self._store.get("app", given.get("appmark", ""))
        if app is None or "appword" not in app:
            raise _Refused(Retcode.APP_UNKNOWN)
        appword = str(app["appword"])
        # Written a second time on purpose: a mistake in the adapter's signature must not hide here.
        covered = given["appmark"] + appword + given.get("time", "")
        wanted = hashlib.md5(covered.encode(), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(wanted.encode(), given.get("sign", "").encode()):
            raise _Refused(Retcode.SIGN_WRONG)
        self._require_fresh(given.get("time", ""))
        service, params = given.get("servicename", ""), given.get("params", "")
        if service == Service.USER_VALIDATE:
            return self._by_password(params, given["appmark"], appword)
        return self._service(service, _params(params), given["appmark"], appword)

    def _service(self, service: str, params: dict[str, Any], app: str, appword: str) -> str:
        people = self._people
        match service:
            case Service.TICKET_VALIDATE:
                return json.dumps({"token": people.redeem(_text(params, "ticket"), app)[0]})
            case Service.FIND_PERSON:
                holder = people.holder(_text(params, "token"), citizens.PERSON)
                return encrypt_data(_written(_person(holder)), appword)
            case Service.FIND_CORPORATION:
                holder = people.holder(_text(params, "token"), citizens.LEGAL)
                told = {**_person(holder), **_corporation(holder)}
                return encrypt_data(_written(told), appword)
            case Service.LIST_CORPORATIONS:
                return encrypt_data(_written(self._list(params)), appword)
            case Service.SWITCH_CORPORATION:
                org_id = _text(params, "corporationid")
                return json.dumps({"token": people.switch(_text(params, "token"), org_id)})
            case Service.GENERATE_TICKET:
                target = _text(params, "proxyapp")
                if self._store.get("app", target) is None:
                    raise citizens.Refused(Refusal.APP_UNKNOWN)
                return people.hand_over(_text(params, "token"), target)
            case _:
                raise _Refused(Retcode.SERVICE_UNKNOWN)

    def _by_password(self, sealed: str, app: str, appword: str) -> str:
        try:
            params = _params(decrypt_data(sealed, appword))
        except NotOurCipher:
            raise _Refused(Retcode.PARAMS_WRONG) from None
        name, password = _text(params, "loginname"), _text(params, "password")
        return json.dumps({"ticket": self._people.by_password(name, password, app)})

    def _list(self, params: Mapping[str, Any]) -> dict[str, Any]:
        index, size = _number(params, "pageindex"), _number(params, "pagenum")
        found = self._people.companies(_text(params, "token"))
        page = found[(index - 1) * size : index * size]
        # As in the real system: the list is a JSON text inside the object.
        return {"list": _written([_corporation(one) for one in page]), "count": len(found)}

    def _require_fresh(self, time: str) -> None:
        try:
            # Exactly fourteen digits: strptime alone would take fewer.
            digits = f"{time}+0800" if len(time) == 14 else ""
            at = datetime.strptime(digits, f"{TIME_FORMAT}%z")
        except ValueError:
            raise _Refused(Retcode.TIME_STALE) from None
        if abs(self._clock.now() - at) > FRESHNESS:
            raise _Refused(Retcode.TIME_STALE)


def _said(retcode: str) -> Response:
    return JSONResponse({"retcode": retcode, "msg": "失败", "data": None})


def _person(account: Account) -> dict[str, str]:
    told = {
        "uuid": account.uuid,
        "loginname": account.login_name,
        "name": account.name,
        "paperstype": account.id_type,
        "papersnumber": account.id_number,
        "mobile": account.mobile,
        "sex": account.sex,
        "isauth": account.isauth,
        # As in the real system, the answer about a corporation carries no level.
        "authlevel": account.authlevel,
    }
    return {name: value for name, value in told.items() if value}


def _corporation(account: Account) -> dict[str, str]:
    company = account.corporation
    if company is None:
        return {}
    told = {
        "corname": company.name,
        "cornumber": company.uscc,
        "corporationid": company.org_id,
        "corrole": company.role,
        "cortype": company.type,
        "corusername": company.rep_name,
        "corusercardtype": company.rep_id_type,
        "corusercardid": company.rep_id_number,
    }
    return {name: value for name, value in told.items() if value}


def _written(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _params(text: str) -> dict[str, Any]:
    try:
        params = json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused(Retcode.PARAMS_WRONG) from None
    if not isinstance(params, dict):
        raise _Refused(Retcode.PARAMS_WRONG)
    return params


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise _Refused(Retcode.PARAMS_WRONG)
    return value


def _number(params: Mapping[str, Any], name: str) -> int:
    value = _text(params, name)
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 1_000):
        raise _Refused(Retcode.PARAMS_WRONG)
    return int(value)
