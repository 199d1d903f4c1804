"""The simulated face verification service: applications, a page, and results that it signs
itself.

``/sim/finish`` and ``/sim/tamper`` are described in adapters.sandbox.factors; ``/sim/score`` sets
the similarity of every pass.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.factors import EXPIRED, PENDING, Taken, Verification, Verifications
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.face.wire import APPLY_PATH, RESULT_PATH, TIME_FORMAT, Code, State
from kernel.clock import Clock, beijing
from kernel.crypto import sm2, sm3
from kernel.ids import RandomIds

APP_ID: Final = "onewindow"
LIFE: Final = timedelta(minutes=10)
FRESHNESS: Final = timedelta(minutes=5)
SIMILARITY: Final = "93.25"
SOMEBODY_ELSE: Final = ("王建国", "370112196505010119")


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same account comes back ever after."""
    store = Store(place.folder)
    try:
        store.add("app", APP_ID, {"key": RandomIds(place.clock).secret()})
        store.add("service", "key", sm2.generate().scalar.hex())
        app = store.get("app", APP_ID)
        # The gateway may have moved since: its registered address is corrected, its key kept.
        store.put("app", APP_ID, {**app, "returns": place.gateway_url})
        public = _key(store).public.point.hex()
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "app_id": APP_ID, "service_public_key": public},
        secrets={"app_key": app["key"]},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    found = Verifications(store, place.clock, "实人核验（仿真）")
    service = _Service(store, found, place.clock, place.url)
    app = Starlette(
        routes=[
            Route(APPLY_PATH, service.apply, methods=["POST"]),
            Route(RESULT_PATH, service.result, methods=["POST"]),
            Route("/sim/score", service.set_score, methods=["POST"]),
            *found.routes(),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Service:
    """The two endpoints."""

    def __init__(self, store: Store, found: Verifications, clock: Clock, url: str) -> None:
        self._store = store
        self._found = found
        self._clock = clock
        self._url = url

    async def apply(self, request: Request) -> Response:
        try:
            fields, app = await self._opened(request)
            if not all(fields.get(name) for name in ("bizSeq", "name", "idNo", "idType")):
                raise _Refused(Code.FIELD_WRONG)
            if not fields.get("returnUrl", "").startswith(f"{app['returns']}/"):
                raise _Refused(Code.FIELD_WRONG)
            try:
                begun = self._found.begin(fields["bizSeq"], fields, LIFE)
            except Taken:
                raise _Refused(Code.REFERENCE_TAKEN) from None
        except _Refused as refused:
            return _refusal(refused)
        data = {
            "bizSeq": begun.reference,
            "url": f"{self._url}/verify/{begun.token}",
            "expireTime": _time(begun.until),
        }
        return self._signed(data)

    async def result(self, request: Request) -> Response:
        try:
            fields, _ = await self._opened(request)
            found = self._found.find(fields.get("bizSeq", ""))
            if found is None:
                raise _Refused(Code.REFERENCE_UNKNOWN)
        except _Refused as refused:
            return _refusal(refused)
        return self._signed(self._told(found), spoilt=self._found.take_tamper())

    async def set_score(self, request: Request) -> Response:
        self._store.put("knob", "score", (await request.json())["similarity"])
        return Response(status_code=204)

    def _told(self, found: Verification) -> dict[str, Any]:
        data: dict[str, Any] = {"bizSeq": found.reference}
        if found.outcome in {PENDING, EXPIRED}:
            return data | {"state": State.PENDING if found.outcome == PENDING else State.EXPIRED}
        if found.outcome == "fail" or found.finished is None:
            return data | {"state": State.FAILED, "reason": "LIVENESS"}
        person = (found.facts["name"], found.facts["idNo"])
        name, number = SOMEBODY_ELSE if found.outcome == "other" else person
        # Written a second time on purpose, as the request's signature below.
        told = f"{found.reference}\n{name}\n{number}".encode()
        return data | {
            "state": State.PASSED,
            "subjectDigest": sm3.digest(told).hex(),
            "similarity": self._store.get("knob", "score") or SIMILARITY,
            "serialNo": found.serial,
            "verifyTime": _time(found.finished),
        }

    async def _opened(self, request: Request) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        fields: dict[str, str] = await request.json()
        app = self._store.get("app", fields.get("appId", ""))
        if app is None:
            raise _Refused(Code.APP_UNKNOWN)
        given = fields.pop("sign", "")
        covered = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        wanted = sm3.hmac(app["key"].encode(), covered.encode()).hex()
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise _Refused(Code.SIGN_WRONG)
        try:
            at = datetime.strptime(f"{fields['timestamp']}+0800", f"{TIME_FORMAT}%z")
        except (KeyError, ValueError):
            raise _Refused(Code.TIME_STALE) from None
        if abs(self._clock.now() - at) > FRESHNESS:
            raise _Refused(Code.TIME_STALE)
        return fields, app

    def _signed(self, data: Mapping[str, Any], *, spoilt: bool = False) -> Response:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        signature = base64.b64encode(sm2.sign(_key(self._store), text.encode())).decode()
        shown = text.replace('"bizSeq"', '"bizSeq" ') if spoilt else text
        return JSONResponse({"code": Code.OK, "data": shown, "signature": signature})


def _refusal(refused: _Refused) -> Response:
    return JSONResponse({"code": refused.code, "message": "失败"})


def _key(store: Store) -> sm2.PrivateKey:
    return sm2.PrivateKey.from_hex(store.get("service", "key"))


def _time(at: datetime) -> str:
    return beijing(at).strftime(TIME_FORMAT)
