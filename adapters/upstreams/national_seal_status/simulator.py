"""The simulated national system: an account, tokens, states, and a list that it signs itself.

Password and ``sign`` are computed here a second time, on purpose. ``/sim/revocations`` takes
``{sealCode, sealName, revocationTime}`` and shows the whole list.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.national_seal_status.wire import (
    OK,
    PATH,
    TIME_FORMAT,
    Catalogue,
    Code,
    Method,
    SealStatus,
)
from kernel.clock import Clock, beijing
from kernel.crypto import sm2
from kernel.ids import RandomIds

USERNAME: Final = "onewindow"
APP_KEY: Final = "onewindow-sandbox"
SALT: Final = "sandbox-salt"
TOKEN_SECONDS: Final = 7200
COMPANY: Final = "国家电子印章状态发布系统 SANDBOX"
_HEAD: Final = ("version", "invalidEffectTime", "nextUpdateTime", "awardCompany")
_LIST_VALID: Final = timedelta(days=30)
_ACCOUNT: Final = "account"
_TOKEN: Final = "token"
_SEAL: Final = "seal"
_LIST: Final = "revocation"
SEALS: Final[Mapping[str, str]] = {
    "37010000000104": "济南市行政审批服务局",
    "37010200000107": "济南市历下区卫生健康局",
    "37010200000902": "济南市历下区示例吊销局",
}
"""Seals that are registered from the start; the last one has been dead for ten days then."""
_DEAD: Final = "37010200000902"

Fields = Mapping[str, Any]


class Refused(Exception):
    """The question is answered with this code and no data."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


def provision(place: Place) -> Onboarding:
    """Open the account and make the list's key; the same ever after."""
    store = Store(place.folder)
    try:
        with store.transaction():
            account = store.get(_ACCOUNT, USERNAME)
            if account is None:
                ids = RandomIds(place.clock)
                account = {
                    "password": ids.secret(),
                    "client_secret": ids.secret(),
                    "key": sm2.generate().to_pem(),
                }
                store.put(_ACCOUNT, USERNAME, account)
                for code, name in SEALS.items():
                    store.put(_SEAL, code, name)
                died = beijing(place.clock.now() - timedelta(days=10)).strftime(TIME_FORMAT)
                store.put(_LIST, _DEAD, _line(_DEAD, SEALS[_DEAD], died))
        key = sm2.PrivateKey.from_pem(account["key"])
    finally:
        store.close()
    return Onboarding(
        options={
            "base_url": place.url,
            "username": USERNAME,
            "app_key": APP_KEY,
            "user_salt": SALT,
            "list_public_key": key.public.point.hex(),
        },
        secrets={"password": account["password"], "client_secret": account["client_secret"]},
    )


def create(place: Place) -> Simulator:
    """Return the system for what ``provision`` made."""
    store = Store(place.folder)
    system = _System(store, place.clock)
    app = Starlette(
        routes=[
            Route(PATH, system.post, methods=["POST"]),
            Route("/sim/revocations", system.revoke, methods=["POST"]),
            Route("/sim/revocations", system.show, methods=["GET"]),
            Route("/sim/tokens", system.forget_tokens, methods=["DELETE"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app=app, close=close)


class _System:
    """What happens behind the exchange platform."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._answers: Mapping[str, Callable[[Fields], Mapping[str, Any]]] = {
            Catalogue.TOKEN: self._token,
            Catalogue.STATUS: self._status,
            Catalogue.REVOCATIONS: self._revocations,
        }

    async def post(self, request: Request) -> Response:
        """Answer one question: HTTP 200 whatever the business says."""
        answer = self._answers.get(request.path_params["catalogue"])
        if answer is None:
            return JSONResponse({"code": "404", "message": "no such catalogue"}, status_code=404)
        fields: Fields = {}
        try:
            fields = _fields(await request.body())
            data = answer(fields)
        except Refused as exc:
            return _envelope(fields, exc.code, exc.code.name, [])
        return _envelope(fields, OK, "success", [data])

    async def revoke(self, request: Request) -> Response:
        """Add one line to the list."""
        found = json.loads(await request.body())
        code = str(found["sealCode"])
        line = _line(code, str(found["sealName"]), str(found["revocationTime"]))
        self._store.put(_LIST, code, line)
        return Response(status_code=204)

    async def show(self, _request: Request) -> Response:
        """Show the whole list."""
        return JSONResponse([line for _, line in self._store.items(_LIST)])

    async def forget_tokens(self, _request: Request) -> Response:
        """Take no token that was handed out, as after a restart."""
        for token, _ in self._store.items(_TOKEN):
            self._store.delete(_TOKEN, token)
        return Response(status_code=204)

    def _token(self, fields: Fields) -> Mapping[str, Any]:
        account = self._store.get(_ACCOUNT, str(fields.get("username")))
        if account is None or fields.get("method") != Method.TOKEN:
            raise Refused(Code.ACCOUNT_WRONG)
        inner = hashlib.new("sm3", account["password"].encode()).hexdigest()
        wanted = hashlib.new("sm3", (inner + SALT).encode()).hexdigest()
        if (fields.get("password"), fields.get("client_id"), fields.get("client_secret")) != (
            wanted,
            APP_KEY,
            account["client_secret"],
        ):
            raise Refused(Code.ACCOUNT_WRONG)
        token = RandomIds(self._clock).secret()
        ends = self._clock.now() + timedelta(seconds=TOKEN_SECONDS)
        self._store.put(_TOKEN, token, ends.isoformat())
        return {"access_token": token, "expires_in": TOKEN_SECONDS}

    def _authenticate(self, fields: Fields, method: Method, signed: tuple[str, ...]) -> None:
        ends = self._store.get(_TOKEN, str(fields.get("token")))
        if ends is None or datetime.fromisoformat(ends) < self._clock.now():
            raise Refused(Code.TOKEN_INVALID)
        if fields.get("method") != method or fields.get("appKey") != APP_KEY:
            raise Refused(Code.PARAMETER)
        text = "".join(f"{name}{fields.get(name)}" for name in signed)
        if fields.get("sign") != hashlib.new("sm3", text.encode()).hexdigest():
            raise Refused(Code.SIGN_WRONG)

    def _status(self, fields: Fields) -> Mapping[str, Any]:
        self._authenticate(fields, Method.STATUS, ("sealCode", "sealName", "queryTime"))
        code, asked = str(fields["sealCode"]), _time(fields, "queryTime")
        name = self._store.get(_SEAL, code)
        line = self._store.get(_LIST, code)
        if name is None and line is None:
            raise Refused(Code.SEAL_UNKNOWN)
        dead = line is not None and _time(line, "revocationTime") <= asked
        status = SealStatus.INVALID if dead else SealStatus.VALID
        return {"sealName": name or line["sealName"], "sealStatus": status}

    def _revocations(self, fields: Fields) -> Mapping[str, Any]:
        signed = ("queryStartTime", "queryEndTime", "pageSize", "pageNow")
        self._authenticate(fields, Method.REVOCATIONS, signed)
        start, end = _time(fields, "queryStartTime"), _time(fields, "queryEndTime")
        size, number = int(fields["pageSize"]), int(fields["pageNow"])
        lines = sorted(
            (line for _, line in self._store.items(_LIST)), key=lambda line: line["sealCode"]
        )
        lines = [line for line in lines if start <= _time(line, "revocationTime") <= end]
        now = self._clock.now()
        page = {
            "version": "1",
            "invalidEffectTime": beijing(now).strftime(TIME_FORMAT),
            "nextUpdateTime": beijing(now + _LIST_VALID).strftime(TIME_FORMAT),
            "awardCompany": COMPANY,
            "revocationList": lines[(number - 1) * size : number * size],
        }
        return {**page, **self._signature(page)}

    def _signature(self, page: Mapping[str, Any]) -> Mapping[str, str]:
        account = self._store.get(_ACCOUNT, USERNAME)
        key = sm2.PrivateKey.from_pem(account["key"])
        head = "|".join(page[name] for name in _HEAD)
        rows = [
            f"{line['sealCode']}|{line['sealName']}|{line['revocationTime']}"
            for line in page["revocationList"]
        ]
        value = sm2.sign(key, "\n".join([head, *rows]).encode())
        return {
            "signature": base64.b64encode(value).decode("ascii"),
            "signAlgorithm": "SM2",
            "signHashAlgorithm": "SM3",
            "secretKey": key.public.point.hex(),
        }


def _line(code: str, name: str, time: str) -> Mapping[str, str]:
    return {"sealCode": code, "sealName": name, "revocationTime": time}


def _fields(body: bytes) -> Fields:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(Code.PARAMETER) from None
    if not isinstance(found, dict):
        raise Refused(Code.PARAMETER)
    return found


def _time(fields: Fields, name: str) -> datetime:
    try:
        return datetime.strptime(str(fields[name]), TIME_FORMAT)  # noqa: DTZ007 - all in one zone
    except (KeyError, ValueError):
        raise Refused(Code.PARAMETER) from None


def _envelope(fields: Fields, code: str, message: str, data: list[Any]) -> Response:
    return JSONResponse(
        {
            "method": str(fields.get("method", "")),
            "requestId": "sandbox",
            "code": code,
            "message": message,
            "data": data,
        }
    )
