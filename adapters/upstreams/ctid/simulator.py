"""The simulated 网证 service: two people with credentials and 网号, an app's page, signed packages.

``/sim/finish`` and ``/sim/tamper`` are described in adapters.sandbox.factors: ``pass`` is a
confirmation by the person at ``/sim/holder`` (an id number), ``other`` one by the other person.
``/sim/mode`` makes passes come from another mode.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.sandbox.factors import EXPIRED, PENDING, Taken, Verification, Verifications
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.ctid.wire import (
    APPLY_PATH,
    AUTH_PATH,
    STAMP_DIGITS,
    AuthResult,
    Code,
)
from kernel.clock import Clock, beijing
from kernel.crypto import sm2
from kernel.crypto.errors import DecryptionFailed

ORG: Final = "00001234"
APP: Final = "0001"
CUSTOMER: Final = "OW370000"
LIFE: Final = timedelta(minutes=5)
FRESHNESS: Final = timedelta(minutes=5)
HOLDERS: Final[Mapping[str, tuple[str, str]]] = {
    "370102199003071238": ("张明轩", "WHA7K2M9Q4T8X1C6B3N5"),
    "370202198811120246": ("李静怡", "WHZ5R8D2F6H1J4L7P9S3"),
}
"""Name and 网号 by id number; nobody of them exists."""
_TIME: Final = "%Y%m%d%H%M%S%f"


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def provision(place: Place) -> Onboarding:
    """Register the gateway, once; the same account and keys come back ever after."""
    store = Store(place.folder)
    try:
        store.add("service", "key", sm2.generate().scalar.hex())
        store.add("org", ORG, {"key": sm2.generate().scalar.hex()})
        # The gateway may have moved since: its registered address is corrected, its key kept.
        org = store.get("org", ORG) | {"returns": place.gateway_url}
        store.put("org", ORG, org)
        public = _key(store).public.point.hex()
    finally:
        store.close()
    return Onboarding(
        options={
            "base_url": place.url,
            "org_id": ORG,
            "app_id": APP,
            "customer_number": CUSTOMER,
            "service_public_key": public,
        },
        secrets={"signing_key": org["key"]},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    found = Verifications(store, place.clock, "国家网络身份认证 App（仿真）")
    service = _Service(store, found, place.clock, place.url)
    app = Starlette(
        routes=[
            Route(APPLY_PATH, service.apply, methods=["POST"]),
            Route(AUTH_PATH, service.authenticate, methods=["POST"]),
            Route("/sim/holder", service.set_holder, methods=["POST"]),
            Route("/sim/mode", service.set_mode, methods=["POST"]),
            Route("/sim/asked", service.asked, methods=["GET"]),
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
            fields = await self._opened(request)
            if (fields.get("orgID"), fields.get("appID")) != (ORG, APP):
                raise _Refused(Code.ORG_UNKNOWN)
            returns = self._store.get("org", ORG)["returns"]
            back = str(fields.get("backUrl", ""))
            if fields.get("type") not in {0, 1} or not back.startswith(f"{returns}/"):
                raise _Refused(Code.FIELD_WRONG)
            try:
                facts = {**fields, "returnUrl": back}
                begun = self._found.begin(str(fields["bizSeq"]), facts, LIFE)
            except Taken:
                raise _Refused(Code.SEQ_TAKEN) from None
        except _Refused as refused:
            return self._signed({"resultCode": refused.code, "resultDesc": "失败"})
        return self._signed(
            {
                "resultCode": Code.OK,
                "resultDesc": "成功",
                "bizSeq": begun.reference,
                "link": f"{self._url}/verify/{begun.token}",
                "expireTime": _stamp(begun.until),
            }
        )

    async def authenticate(self, request: Request) -> Response:
        try:
            fields = await self._opened(request)
            if fields.get("customNumber") != CUSTOMER:
                raise _Refused(Code.ORG_UNKNOWN)
            named = self._named(str(fields.get("reserved", "")))
            self._store.put("knob", "asked", sorted(named))
            found = self._found.find(str(fields.get("businessSerialNumber", "")))
            if found is None:
                raise _Refused(Code.SEQ_UNKNOWN)
        except _Refused as refused:
            return self._signed({"resultCode": refused.code, "resultDesc": "失败"})
        told = self._told(found, named, fields)
        return self._signed(told, spoilt=self._found.take_tamper())

    def _told(
        self, found: Verification, named: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> dict[str, Any]:
        data = {
            "resultCode": Code.OK,
            "resultDesc": "成功",
            "businessSerialNumber": found.reference,
            "authMode": self._store.get("knob", "mode") or fields["authMode"],
        }
        if found.outcome in {PENDING, EXPIRED}:
            waiting = found.outcome == PENDING
            return data | {"authResult": AuthResult.PENDING if waiting else AuthResult.EXPIRED}
        if found.outcome == "fail" or found.finished is None:
            return data | {"authResult": AuthResult.REFUSED}
        holders = list(HOLDERS)
        number = self._store.get("knob", "holder") or holders[0]
        if found.outcome == "other":
            number = next(one for one in holders if one != number)
        name, pid = HOLDERS[number]
        person = {"XM": name, "GMSFZHM": number}
        same = named.get("SFXX") == person or named.get("WH") == {"WH": pid}
        if not same:
            return data | {"authResult": AuthResult.NOT_SAME}
        data |= {
            "authResult": AuthResult.PASSED,
            "authNo": found.serial,
            "authTime": _stamp(found.finished),
        }
        return data | {"pid": pid} if fields.get("wantPid") else data

    def _named(self, reserved: str) -> dict[str, Any]:
        try:
            cipher = base64.b64decode(reserved, validate=True)
            named: dict[str, Any] = json.loads(sm2.decrypt(_key(self._store), cipher))
        except (ValueError, DecryptionFailed):
            raise _Refused(Code.FIELD_WRONG) from None
        if set(named) not in ({"SFXX", "WZXX"}, {"WH", "WZXX"}):
            raise _Refused(Code.FIELD_WRONG)
        return named

    async def _opened(self, request: Request) -> dict[str, Any]:
        envelope = await request.json()
        text = str(envelope.get("bizPackage", ""))
        public = sm2.PrivateKey.from_hex(self._store.get("org", ORG)["key"]).public
        try:
            signature = base64.b64decode(str(envelope.get("sign", "")), validate=True)
            fields: dict[str, Any] = json.loads(text)
            at = datetime.strptime(f"{fields['timeStamp']}000+0800", f"{_TIME}%z")
        except (KeyError, ValueError):
            raise _Refused(Code.FIELD_WRONG) from None
        if not sm2.verify(public, text.encode(), signature):
            raise _Refused(Code.SIGN_WRONG)
        if abs(self._clock.now() - at) > FRESHNESS:
            raise _Refused(Code.TIME_STALE)
        return fields

    def _signed(self, data: Mapping[str, Any], *, spoilt: bool = False) -> Response:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        signature = base64.b64encode(sm2.sign(_key(self._store), text.encode())).decode()
        shown = text.replace(":", ": ", 1) if spoilt else text
        return JSONResponse({"bizPackage": shown, "sign": signature})

    async def set_holder(self, request: Request) -> Response:
        number = (await request.json())["idNo"]
        if number not in HOLDERS:
            return PlainTextResponse("nobody has such a credential", 404)
        self._store.put("knob", "holder", number)
        return Response(status_code=204)

    async def set_mode(self, request: Request) -> Response:
        self._store.put("knob", "mode", (await request.json())["mode"])
        return Response(status_code=204)

    async def asked(self, _request: Request) -> Response:
        """Return what the last question named somebody by, without the values."""
        return JSONResponse(self._store.get("knob", "asked"))


def _key(store: Store) -> sm2.PrivateKey:
    return sm2.PrivateKey.from_hex(store.get("service", "key"))


def _stamp(at: datetime) -> str:
    return beijing(at).strftime(_TIME)[:STAMP_DIGITS]
