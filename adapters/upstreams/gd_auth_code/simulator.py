"""A licence system that hands out a 用证码 for each licence, item and case.

``POST /sim/expire`` ends every access token, as a restart of the real system does.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.licences import EXPIRED, HOLDER_TYPES, VALID, Licences, SampleLicence
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.gd_auth_code.wire import (
    ARCHIVE_PATH,
    GET_PATH,
    HOLDER_PATH,
    LOGIN_PATH,
    PREFIX,
    SUCCESS,
    TOKEN_PATH,
    Code,
)
from kernel.clock import Clock, beijing
from kernel.crypto import sm3
from kernel.ids import RandomIds

_ACCOUNT: Final = "account"
_APP_KEY: Final = "onewindow-sandbox"
_TOKEN: Final = "token"
_CODE: Final = "code"
_LIFE: Final = timedelta(minutes=30)

_Answering = Callable[[Request], Awaitable[Any]]


def provision(place: Place) -> Onboarding:
    """Open an account, once; the same comes back ever after."""
    store, ids = Store(place.folder), RandomIds(place.clock)
    try:
        account = {"secret": ids.secret(), "password": ids.secret()}
        store.add(_ACCOUNT, _APP_KEY, account)
        account = store.get(_ACCOUNT, _APP_KEY)
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "app_key": _APP_KEY, "account": "window"},
        secrets={"app_secret": account["secret"], "password": account["password"]},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    system = _System(store, place.clock)
    app = Starlette(
        routes=[
            Route(PREFIX + LOGIN_PATH, system.answering(system.login), methods=["POST"]),
            Route(PREFIX + HOLDER_PATH, system.answering(system.holder), methods=["POST"]),
            Route(PREFIX + GET_PATH, system.answering(system.get_license)),
            Route(PREFIX + TOKEN_PATH, system.answering(system.viewing)),
            Route(PREFIX + ARCHIVE_PATH, system.answering(system.archive)),
            Route("/sim/expire", system.expire, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _System:
    """The endpoints."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds(clock)
        self._licences = Licences()

    def answering(self, operation: _Answering) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint: HTTP 200 with the envelope, whatever the business says."""

        async def answer(request: Request) -> Response:
            try:
                return self._envelope(await operation(request))
            except _Refused as exc:
                return self._envelope(None, exc.code)
            except (ValueError, KeyError, TypeError):
                return self._envelope(None, Code.FIELD_WRONG)

        return answer

    async def login(self, request: Request) -> Any:
        body = json.loads(await request.body())
        account = self._store.get(_ACCOUNT, str(body["app_key"]))
        given = (body["app_secret"], body["password"])
        if account is None or given != (account["secret"], account["password"]):
            raise _Refused(Code.LOGIN_REFUSED)
        token = self._ids.secret()
        self._store.put(_TOKEN, token, self._until())
        return {"access_token": token, "expires_in": round(_LIFE.total_seconds())}

    async def holder(self, request: Request) -> Any:
        self._require_token(request)
        body = json.loads(await request.body())
        if not all(body.get(name) for name in ("service_item_code", "biz_num", "identity_number")):
            raise _Refused(Code.FIELD_WRONG)
        if body["identity_type"] not in HOLDER_TYPES:
            raise _Refused(Code.HOLDER_TYPE_WRONG)
        kind = self._licences.types.get(body["license_item_code"])
        if kind is None:
            raise _Refused(Code.TYPE_UNKNOWN)
        if not kind.granted:
            raise _Refused(Code.ITEM_REFUSED)
        found = self._licences.of(body["identity_type"], body["identity_number"], kind.code)
        if not found:
            raise _Refused(Code.NO_LICENCE)
        return [self._listed(one, body["service_item_code"], body["biz_num"]) for one in found]

    async def get_license(self, request: Request) -> Any:
        licence = self._opened(request)
        return {**_about(licence), "data_fields": dict(licence.face)}

    async def viewing(self, request: Request) -> Any:
        self._opened(request)
        return {"license_access_token": self._ids.secret(), "expires_in": 300}

    async def archive(self, request: Request) -> Any:
        licence = self._opened(request)
        return {
            "file_name": f"{licence.face['zzmc']}.{licence.file}",
            "file_data": base64.b64encode(licence.content).decode(),
        }

    async def expire(self, _request: Request) -> Response:
        """End every access token."""
        for token, _ in self._store.items(_TOKEN):
            self._store.delete(_TOKEN, token)
        return Response(status_code=204)

    def _listed(self, licence: SampleLicence, item: str, case: str) -> dict[str, Any]:
        if licence.state not in VALID:
            return _about(licence)
        now = beijing(self._clock.now())
        stamp = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03}"
        code = stamp + self._ids.secret().replace("-", "").replace("_", "")[:24]
        entry = {
            "identifier": licence.identifier,
            "item": item,
            "case": case,
            "until": self._until(),
        }
        self._store.put(_CODE, code, entry)
        return {**_about(licence), "auth_code": code}

    def _opened(self, request: Request) -> SampleLicence:
        self._require_token(request)
        entry = self._store.get(_CODE, request.query_params["auth_code"])
        if entry is None or self._is_past(entry["until"]):
            raise _Refused(Code.CODE_OVER)
        found = self._licences.by_identifier(entry["identifier"])
        if found is None:
            raise _Refused(Code.NO_LICENCE)
        return found

    def _require_token(self, request: Request) -> None:
        until = self._store.get(_TOKEN, request.query_params.get("access_token", ""))
        if until is None or self._is_past(until):
            raise _Refused(Code.TOKEN_INVALID)

    def _until(self) -> str:
        return (self._clock.now() + _LIFE).isoformat()

    def _is_past(self, until: str) -> bool:
        return datetime.fromisoformat(until) <= self._clock.now()

    def _envelope(self, data: Any, fault: str = "") -> Response:
        said = {
            "ack_code": "FAILURE" if fault else SUCCESS,
            "correlation_id": self._ids.new("cor"),
            "response_id": self._ids.new("rsp"),
            "timestamp": beijing(self._clock.now()).isoformat(),
        }
        text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        lines = "\n".join([*(said[name] for name in said), text])
        secret = self._store.get(_ACCOUNT, _APP_KEY)["secret"]
        errors = [{"code": fault, "message": ""}] if fault else []
        sign = sm3.hmac(secret.encode(), lines.encode()).hex()
        return JSONResponse(
            {**said, "errors": errors, "sign": sign, "sign_method": "HMAC-SM3", "data": data}
        )


def _about(licence: SampleLicence) -> dict[str, Any]:
    status = "ISSUED" if licence.state in VALID else "SUSPENDED"
    return {
        "license_item_code": licence.type,
        "license_code": licence.identifier,
        "license_number": licence.face["zzbh"],
        "name": licence.face["zzmc"],
        "holder_name": licence.face["czzt"],
        "holder_identity_num": licence.holder,
        "issue_org_name": licence.face["zzbfjg"],
        "valid_from": licence.face["zzyxqqsrq"],
        "valid_to": licence.face["zzyxqjzrq"],
        "license_status": "EXPIRED" if licence.state in EXPIRED else status,
    }
