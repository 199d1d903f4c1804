"""A data-sharing platform that knows the sandbox's people and organisations, and says nothing
about them but whether given data are right.

``POST /sim/registers`` with ``{"down": [operation, …], "unapproved": […], "forged": true}`` makes
registers fail, be refused, or answer with a wrong signature.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.citizens import Citizens
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.data_share.wire import Code, Operation, Result
from kernel.clock import Clock
from kernel.crypto import sm3
from kernel.ids import RandomIds

_ACCOUNT: Final = "account"
_APP_ID: Final = "onewindow-sandbox"
_STALE: Final = timedelta(minutes=5)
_LISTED: Final = frozenset({"91370100MA3YCH048H"})
"""In the sandbox's list of serious discredit."""
_PATHS: Final = {
    "/check/population": Operation.POPULATION,
    "/check/legal-person": Operation.LEGAL_PERSON,
    "/check/credit": Operation.CREDIT,
}


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same account comes back ever after."""
    store = Store(place.folder)
    try:
        store.add(_ACCOUNT, _APP_ID, RandomIds(place.clock).secret())
        secret: str = store.get(_ACCOUNT, _APP_ID)
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "app_id": _APP_ID}, secrets={"app_secret": secret}
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    platform = _Platform(store, place.clock)
    app = Starlette(
        routes=[
            *(Route(path, platform.check, methods=["POST"]) for path in _PATHS),
            Route("/sim/registers", platform.set_registers, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Platform:
    """The three registers behind one door."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds(clock)
        accounts = Citizens(store, clock, "data").all()
        self._people = {one.id_number: one.name for one in accounts if one.corporation is None}
        self._companies = {
            one.corporation.uscc: one.corporation for one in accounts if one.corporation
        }
        self._registers: Mapping[str, Callable[[Mapping[str, str]], str]] = {
            Operation.POPULATION: self._population,
            Operation.LEGAL_PERSON: self._legal_person,
            Operation.CREDIT: self._credit,
        }

    async def check(self, request: Request) -> Response:
        """Answer one question; HTTP 200 whatever the register says."""
        request_id, data = "none", None
        try:
            body = json.loads(await request.body())
            request_id = str(body["requestId"])
            operation = _PATHS[request.url.path]
            fields = self._opened(body)
            self._require_open(operation)
            data = {
                "result": self._registers[operation](fields),
                "serialNo": self._ids.new("hy"),
            }
            code = Code.OK
        except _Refused as exc:
            code = exc.code
        except (ValueError, KeyError, TypeError):
            code = Code.FIELD_WRONG
        return JSONResponse(self._signed(request_id, code, data))

    async def set_registers(self, request: Request) -> Response:
        """Let registers be down, unapproved or forged."""
        self._store.put("knob", "registers", await request.json())
        return Response(status_code=204)

    def _opened(self, body: Mapping[str, Any]) -> Mapping[str, str]:
        secret = self._store.get(_ACCOUNT, str(body["appId"]))
        if secret is None:
            raise _Refused(Code.APP_UNKNOWN)
        fields: Mapping[str, str] = body["data"]
        lines = [str(body["appId"]), str(body["timestamp"]), str(body["requestId"])]
        lines += [f"{name}={fields[name]}" for name in sorted(fields)]
        wanted = sm3.hmac(secret.encode(), "\n".join(lines).encode()).hex()
        if body["sign"] != wanted:
            raise _Refused(Code.SIGN_WRONG)
        sent = datetime.fromtimestamp(int(body["timestamp"]) / 1000, UTC)
        if abs(self._clock.now() - sent) > _STALE:
            raise _Refused(Code.TIME_STALE)
        if not fields.get("bizNo") or not fields.get("cause"):
            raise _Refused(Code.FIELD_WRONG)
        return fields

    def _require_open(self, operation: str) -> None:
        if operation in self._knobs().get("unapproved", ()):
            raise _Refused(Code.NOT_APPROVED)
        if operation in self._knobs().get("down", ()):
            raise _Refused(Code.SOURCE_DOWN)

    def _knobs(self) -> Mapping[str, Any]:
        return self._store.get("knob", "registers") or {}

    def _population(self, fields: Mapping[str, str]) -> str:
        return _compared(self._people.get(fields["idNumber"]), fields["name"])

    def _legal_person(self, fields: Mapping[str, str]) -> str:
        found = self._companies.get(fields["uscc"])
        known = None if found is None else (found.name, found.rep_name)
        return _compared(known, (fields["name"], fields["legalRepresentative"]))

    def _credit(self, fields: Mapping[str, str]) -> str:
        found = self._companies.get(fields["uscc"])
        if found is None or found.name != fields["name"]:
            return Result.NOT_FOUND
        return Result.MISMATCH if found.uscc in _LISTED else Result.MATCH

    def _signed(self, request_id: str, code: str, data: dict[str, str] | None) -> dict[str, Any]:
        said = [data["result"], data["serialNo"]] if data else ["", ""]
        text = "\n".join([request_id, code, *said])
        secret: str = self._store.get(_ACCOUNT, _APP_ID)
        sign = sm3.hmac(secret.encode(), text.encode()).hex()
        if self._knobs().get("forged"):
            sign = sign[::-1]
        return {"code": code, "requestId": request_id, "data": data, "sign": sign}


def _compared(known: object, given: object) -> str:
    if known is None:
        return Result.NOT_FOUND
    return Result.MATCH if known == given else Result.MISMATCH
