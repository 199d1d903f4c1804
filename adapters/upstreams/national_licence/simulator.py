"""A national index over the sandbox's licences, and the sources that issued them.

``POST /sim/sources`` with ``{"370100": "down"}`` or ``{"370100": 400}`` lets the source of an area
fail, or answer so many milliseconds late.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.licences import EXPIRED, HOLDER_TYPES, VALID, Licences, SampleLicence
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.national_licence.wire import (
    FETCH_PATH,
    FILE_PATH,
    INDEX_PATH,
    TOKEN_HEADER,
    Code,
)
from kernel.ids import RandomIds

_ACCOUNT: Final = "account"
_SYSTEM: Final = "onewindow-sandbox"
_Answering = Callable[[Mapping[str, Any]], Awaitable[Any]]


def provision(place: Place) -> Onboarding:
    """Open an account, once; the same comes back ever after."""
    store = Store(place.folder)
    try:
        store.add(_ACCOUNT, _SYSTEM, RandomIds(place.clock).secret())
        token: str = store.get(_ACCOUNT, _SYSTEM)
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "system_code": _SYSTEM}, secrets={"access_token": token}
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    service = _Service(store)
    app = Starlette(
        routes=[
            Route(INDEX_PATH, service.answering(service.index), methods=["POST"]),
            Route(FETCH_PATH, service.answering(service.fetch), methods=["POST"]),
            Route(FILE_PATH, service.answering(service.file), methods=["POST"]),
            Route("/sim/sources", service.set_sources, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Service:
    """Index and sources."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._licences = Licences()

    def answering(self, operation: _Answering) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint: HTTP 200 with the envelope, whatever the business says."""

        async def answer(request: Request) -> Response:
            try:
                body = json.loads(await request.body())
                self._require_account(request, body)
                found = {"code": Code.OK, "data": await operation(body)}
            except _Refused as exc:
                found = {"code": exc.code}
            except (ValueError, KeyError, TypeError):
                found = {"code": Code.FIELD_WRONG}
            return JSONResponse(found)

        return answer

    async def index(self, body: Mapping[str, Any]) -> Any:
        if "certificate_source_id" in body:
            return [_row(self._by(body["certificate_source_id"]))]
        kind = body["certificate_holder_type"]
        if kind not in HOLDER_TYPES:
            raise _Refused(Code.FIELD_WRONG)
        self._require_type(body["certificate_type_code"])
        asked = (kind, body["certificate_holder_code"], body["certificate_type_code"])
        return [_row(one) for one in self._licences.of(*asked)]

    async def fetch(self, body: Mapping[str, Any]) -> Any:
        licence = self._by(body["certificate_source_id"])
        await self._source(licence)
        return {
            "certificate_source_id": licence.identifier,
            "state": _state(licence),
            "valid_from": licence.face["zzyxqqsrq"],
            "valid_to": licence.face["zzyxqjzrq"],
            "face": dict(licence.face) if licence.state in VALID else {},
        }

    async def file(self, body: Mapping[str, Any]) -> Any:
        licence = self._by(body["certificate_source_id"])
        await self._source(licence)
        if licence.state not in VALID:
            raise _Refused(Code.NOT_GRANTED)
        return {"content": base64.b64encode(licence.content).decode()}

    async def set_sources(self, request: Request) -> Response:
        """Let the sources of areas be down or slow."""
        self._store.put("knob", "sources", await request.json())
        return Response(status_code=204)

    def _require_account(self, request: Request, body: Mapping[str, Any]) -> None:
        token = self._store.get(_ACCOUNT, str(body["system_code"]))
        if token is None or request.headers.get(TOKEN_HEADER) != token:
            raise _Refused(Code.TOKEN_WRONG)
        if not body["biz_num"] or not body["use_cause"]:
            raise _Refused(Code.FIELD_WRONG)

    def _require_type(self, code: str) -> None:
        found = self._licences.types.get(code)
        if found is None:
            raise _Refused(Code.TYPE_UNKNOWN)
        if not found.granted:
            raise _Refused(Code.NOT_GRANTED)

    def _by(self, identifier: str) -> SampleLicence:
        found = self._licences.by_identifier(identifier)
        if found is None:
            raise _Refused(Code.NO_LICENCE)
        self._require_type(found.type)
        return found

    async def _source(self, licence: SampleLicence) -> None:
        knob = (self._store.get("knob", "sources") or {}).get(_area(licence), 0)
        if knob == "down":
            raise _Refused(Code.SOURCE_DOWN)
        await asyncio.sleep(knob / 1000)


def _area(licence: SampleLicence) -> str:
    """Return the area of the issuer: the identifier's sixth part in the sandbox."""
    return licence.identifier.split(".")[6]


def _state(licence: SampleLicence) -> str:
    if licence.state in VALID:
        return "10"
    return "02" if licence.state in EXPIRED else "06"


def _row(licence: SampleLicence) -> dict[str, str]:
    return {
        "certificate_type": licence.face["zzmc"],
        "certificate_type_code": licence.type,
        "certificate_source_id": licence.identifier,
        "certificate_name": licence.face["zzmc"],
        "certificate_number": licence.face["zzbh"],
        "certificate_holder": licence.face["czzt"],
        "certificate_holder_code": licence.holder,
        "certificate_holder_type": licence.holder_type,
        "certificate_area_code": _area(licence),
        "issue_dept": licence.face["zzbfjg"],
        "issue_dept_code": _area(licence),
        "issue_date": licence.face["zzyxqqsrq"],
        "cd_operation": "I",
    }
