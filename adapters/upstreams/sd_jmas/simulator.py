"""The simulated JMAS: login page, get-sign endpoint, business endpoint, encrypted answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.dialects.jis_cipher import APPWORD_LENGTH, NotOurCipher, decrypt_data
from adapters.dialects.nested import Malformed, unwrap
from adapters.sandbox import citizens
from adapters.sandbox.citizens import Account, Citizens, Refusal, Refused
from adapters.sandbox.login_page import LoginPages, Names, form, register
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.sd_jmas.wire import (
    LOGIN_PATH,
    LOGOUT_PATH,
    MOBILE_LOGIN_PATH,
    OUTER_OK,
    REST_PATH,
    SIGN_PATH,
    InterfaceId,
    Origin,
    OuterCode,
    Retcode,
)
from kernel.clock import Clock
from kernel.crypto import sm2
from kernel.crypto.sm2_cipher import Order
from kernel.crypto.sm2_keys import PrivateKey
from kernel.ids import RandomIds

APPMARK: Final = "onewindow"
FRESHNESS: Final = timedelta(minutes=5)
RSA_BITS: Final = 2048
NAMES: Final = Names(app=("appMark",), back=("backUrl",), user_type=("userType",), ticket="ticket")
_SIGNED: Final = (
    *("app_id", "interface_id", "version", "biz_content", "charset", "timestamp", "origin"),
)
_SERVICES: Final[Mapping[str, str]] = {
    InterfaceId.OLD_PERSON: "findOutsideUserByToken",
    InterfaceId.OLD_CORPORATION: "findCorUserByToken",
    InterfaceId.CORPORATIONS: "findCorporationByToken",
    InterfaceId.HANDOFF: "generateTicket",
}
"""Interfaces of the older form, and the ``servicename`` that each wants."""
_RETCODES: Final[Mapping[Refusal, str]] = {
    Refusal.TICKET_UNKNOWN: Retcode.TICKET_UNKNOWN,
    Refusal.TICKET_EXPIRED: Retcode.TICKET_EXPIRED,
    Refusal.TICKET_USED: Retcode.TICKET_USED,
    Refusal.TICKET_FOREIGN: Retcode.TICKET_FOREIGN,
    Refusal.TOKEN_INVALID: Retcode.TOKEN_INVALID,
    Refusal.USER_TYPE_WRONG: Retcode.USER_TYPE_WRONG,
    Refusal.ACCOUNT_DISABLED: Retcode.ACCOUNT_DISABLED,
    Refusal.ORG_NOT_YOURS: Retcode.ORG_NOT_YOURS,
    Refusal.APP_UNKNOWN: Retcode.TARGET_UNKNOWN,
}


class _Outer(Exception):
    """The platform refuses the call itself."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Inner(Exception):
    """The interface refuses what was asked."""

    def __init__(self, retcode: str) -> None:
        super().__init__(retcode)
        self.retcode = retcode


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same keys come back ever after."""
    store, ids = Store(place.folder), RandomIds(place.clock)
    try:
        made = {
            "appword": ids.secret()[:APPWORD_LENGTH],
            "sign_key": ids.secret(),
            "private_key": sm2.generate().to_pem(),
            "cipher": "sm2_c1c3c2",
        }
        app = register(store, APPMARK, made, place.gateway_url)
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "browser_url": place.url, "appmark": APPMARK},
        secrets={name: app[name] for name in ("private_key", "appword")},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    people = Citizens(store, place.clock, "jmas")
    jmas = _Jmas(store, people, place.clock)
    phone = LoginPages(store, people, NAMES)
    app = Starlette(
        routes=[
            *LoginPages(store, people, NAMES).routes(LOGIN_PATH, LOGOUT_PATH),
            *phone.page_routes(MOBILE_LOGIN_PATH),
            Route(SIGN_PATH, jmas.sign, methods=["POST"]),
            Route(REST_PATH, jmas.rest, methods=["POST"]),
            Route("/sim/cipher", jmas.choose_cipher, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Jmas:
    """The two endpoints, and the knob that changes how answers are encrypted."""

    def __init__(self, store: Store, people: Citizens, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    async def sign(self, request: Request) -> Response:
        """Give a signature to an application that is registered."""
        given = await form(request)
        try:
            app = self._app(given)
        except _Outer as refused:
            return JSONResponse({"success": False, "code": refused.code, "data": None})
        data = json.dumps({"sign": _signature(app, given)})
        return JSONResponse({"success": True, "data": data})

    async def rest(self, request: Request) -> Response:
        """Answer one business call, encrypted."""
        given = await form(request)
        try:
            app = self._app(given)
            if not hmac.compare_digest(
                _signature(app, given).encode(), given.get("sign", "").encode()
            ):
                raise _Outer(OuterCode.SIGN_WRONG)
            self._require_fresh(given.get("timestamp", ""))
            content = self._content(given, app)
        except _Outer as refused:
            return JSONResponse({"code": refused.code, "msg": "失败", "data": None})
        return JSONResponse({"code": OUTER_OK, "data": _sealed(app, content)})

    async def choose_cipher(self, request: Request) -> Response:
        """Encrypt answers in another way from now on, and return the private key for it."""
        cipher = str((await request.json())["cipher"])
        app = {**self._store.get("app", APPMARK), "cipher": cipher}
        app["private_key"] = _rsa_pem() if cipher == "rsa" else sm2.generate().to_pem()
        self._store.put("app", APPMARK, app)
        return JSONResponse({"private_key": app["private_key"]})

    def _app(self, given: Mapping[str, str]) -> dict[str, str]:
        app: dict[str, str] | None = self._store.get("app", given.get("app_id", ""))
        if app is None or "sign_key" not in app:
            raise _Outer(OuterCode.APP_UNKNOWN)
        if given.get("origin") not in set(Origin) or given.get("version") != "1.0":
            raise _Outer(OuterCode.PARAMS_WRONG)
        return app

    def _require_fresh(self, timestamp: str) -> None:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 13):
            raise _Outer(OuterCode.TIME_STALE)
        at = datetime.fromtimestamp(int(timestamp) / 1000, UTC)
        if abs(self._clock.now() - at) > FRESHNESS:
            raise _Outer(OuterCode.TIME_STALE)

    def _content(self, given: Mapping[str, str], app: Mapping[str, str]) -> str:
        interface = given.get("interface_id", "")
        try:
            data = self._answer(interface, _params(interface, given, app["appword"]), given)
        except _Inner as refused:
            return _written({"retcode": refused.retcode, "msg": "失败", "data": None})
        except Refused as refused:
            return _written({"retcode": _RETCODES[refused.reason], "msg": "失败", "data": None})
        # As in the real system: JSON in JSON, and the whole quoted once more.
        return _written(_written({"retcode": Retcode.OK, "msg": "成功", "data": _written(data)}))

    def _answer(
        self, interface: str, params: Mapping[str, Any], given: Mapping[str, str]
    ) -> dict[str, Any]:
        people = self._people
        match interface:
            case InterfaceId.TICKET:
                token, account = people.redeem(_text(params, "ticket"), given["app_id"])
                return {"token": token, "usertype": account.user_type}
            case InterfaceId.PERSON | InterfaceId.OLD_PERSON:
                return _person(people.holder(_text(params, "token"), citizens.PERSON))
            case InterfaceId.CORPORATION | InterfaceId.OLD_CORPORATION:
                return _corporation(people.holder(_text(params, "token"), citizens.LEGAL))
            case InterfaceId.CORPORATIONS:
                return self._list(params)
            case InterfaceId.SWITCH:
                org_id = _text(params, "corporationid")
                return {"token": people.switch(_text(params, "token"), org_id)}
            case InterfaceId.HANDOFF:
                target = _text(params, "proxyapp")
                if self._store.get("app", target) is None:
                    raise Refused(Refusal.APP_UNKNOWN)
                return {"ticket": people.hand_over(_text(params, "token"), target)}
            case _:
                raise _Outer(OuterCode.INTERFACE_UNKNOWN)

    def _list(self, params: Mapping[str, Any]) -> dict[str, Any]:
        index, size = _number(params, "pageindex"), _number(params, "pagenum")
        found = self._people.companies(_text(params, "token"))
        page = found[(index - 1) * size : index * size]
        return {"list": _written([_listed(one) for one in page]), "count": len(found)}


def _signature(app: Mapping[str, str], given: Mapping[str, str]) -> str:
    covered = "\n".join(given.get(name, "") for name in _SIGNED)
    return hmac.new(app["sign_key"].encode(), covered.encode(), hashlib.sha256).hexdigest()


def _sealed(app: Mapping[str, str], content: str) -> str:
    if app["cipher"] == "rsa":
        key = load_pem_private_key(app["private_key"].encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the registered key is not for RSA")
        text, size = content.encode(), key.key_size // 8 - 11
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        sealed = b"".join(key.public_key().encrypt(one, padding.PKCS1v15()) for one in pieces)
    else:
        order = Order.C1C2C3 if app["cipher"] == "sm2_c1c2c3" else Order.C1C3C2
        public = PrivateKey.from_pem(app["private_key"]).public
        sealed = sm2.encrypt(public, content.encode(), order)
    return base64.b64encode(sealed).decode("ascii")


def _rsa_pem() -> str:
    key = rsa.generate_private_key(65537, RSA_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _params(interface: str, given: Mapping[str, str], appword: str) -> dict[str, Any]:
    wanted = _SERVICES.get(interface)
    try:
        content = unwrap(given.get("biz_content", ""))
        params = content.get("params")
        named = content.get("appMark") if wanted is None else content.get("app_id")
        if named != given["app_id"] or (
            wanted is not None and content.get("servicename") != wanted
        ):
            raise _Inner(Retcode.SERVICE_UNKNOWN)
        if interface == InterfaceId.HANDOFF:
            params = decrypt_data(params if isinstance(params, str) else "", appword)
        return unwrap(params)
    except (Malformed, NotOurCipher):
        raise _Inner(Retcode.PARAMS_WRONG) from None


def _person(account: Account) -> dict[str, str]:
    told = {
        "uuid": account.uuid,
        "loginName": account.login_name,
        "name": account.name,
        "mobile": account.mobile,
        "certType": account.id_type,
        "certNo": account.id_number,
        "authLevel": "0" if account.isauth == "0" else account.authlevel,
    }
    return {name: value for name, value in told.items() if value}


def _corporation(account: Account) -> dict[str, str]:
    company = account.corporation
    if company is None:
        raise Refused(Refusal.USER_TYPE_WRONG)
    told = {
        **_person(account),
        "corUserRole": company.role,
        "corporationName": company.name,
        "creditCode": company.uscc,
        "corUserName": company.rep_name,
        "corUserCertNo": company.rep_id_number,
    }
    return {name: value for name, value in told.items() if value}


def _listed(account: Account) -> dict[str, str]:
    company = account.corporation
    if company is None:
        return {}
    return {
        "corname": company.name,
        "cornumber": company.uscc,
        "corporationid": company.org_id,
        "corrole": company.role,
        "cortype": company.type,
        "corusername": company.rep_name,
        "corusercardid": company.rep_id_number,
    }


def _written(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise _Inner(Retcode.PARAMS_WRONG)
    return value


def _number(params: Mapping[str, Any], name: str) -> int:
    value = _text(params, name)
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 1_000):
        raise _Inner(Retcode.PARAMS_WRONG)
    return int(value)
