"""The province's app as the simulated platform sees it: codes that citizens show, and the consent
that they give or refuse.

``POST /sim/qrcode`` is the citizen opening a code: ``{holder_type, holder}`` for consent,
``{identifier}`` to show one licence. ``POST /sim/consent`` with ``{qrcode, decision}`` is the
citizen's thumb: AUTHORISED or DENIED.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from adapters.sandbox.store import Store
from adapters.upstreams.sd_certshare.simulator.desk import (
    CERT_DATA,
    WHOLE,
    Answering,
    Refused,
    require_cause,
    required,
)
from adapters.upstreams.sd_certshare.simulator.register import QRCODE, Register, face_of
from adapters.upstreams.sd_certshare.wire import (
    AUTHORISED,
    AUTHORISING,
    BEGUN,
    CONSENT_SECONDS,
    Consent,
    Operation,
    Status,
)
from kernel.clock import Clock
from kernel.ids import IdSource

PATH: Final = "/ChannelVerify"
_CODE_SECONDS: Final = 60
_TRX: Final = "trx"
_REFUSED: Final = "3"
_ALREADY: Final = max(BEGUN)
_DECISIONS: Final = {"AUTHORISED": AUTHORISED, "DENIED": _REFUSED}


class Consents:
    """Codes, transactions, and the query that one transaction opens."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._register = register
        self.operations: Mapping[str, Answering] = {
            Consent.BEGIN_PATH: self._begin,
            Consent.STATUS_PATH: self._status,
        }
        self.query: Mapping[str, Answering] = {Operation.BY_CONSENT: self._by_consent}

    async def show_code(self, request: Request) -> Response:
        """Open a code in the app."""
        asked: dict[str, str] = await request.json()
        code = self._ids.secret("qr")
        until = self._clock.now() + timedelta(seconds=_CODE_SECONDS)
        self._store.put(QRCODE, code, {**asked, "until": until.isoformat()})
        return JSONResponse({"qrcode": code}, 201)

    async def decide(self, request: Request) -> Response:
        """Give or refuse the consent that is being asked for."""
        asked: dict[str, str] = await request.json()
        with self._store.transaction():
            code = self._store.get(QRCODE, asked.get("qrcode", "")) or {}
            trx = self._store.get(_TRX, code.get("trx", ""))
            if trx is None or trx["status"] != AUTHORISING:
                return PlainTextResponse("nobody asks for it", 409)
            changed = {**trx, "status": _DECISIONS[asked["decision"]]}
            self._store.put(_TRX, code["trx"], changed)
        return Response(status_code=204)

    def _begin(self, data: Mapping[str, Any]) -> tuple[Any, str, int]:
        name = required(data, "qrcode")
        types = data.get("certCodes")
        if not isinstance(types, list) or not types:
            raise Refused(Status.REQUIRED_EMPTY)
        for one in types:
            self._register.require_type(str(one))
        with self._store.transaction():
            code = self._store.get(QRCODE, name)
            if code is None or "holder" not in code or self._is_past(code["until"]):
                raise Refused(Status.BAD_VALUE)
            if "trx" in code:
                # The citizen is being asked already; the city's platform has a status for it.
                return {"trxId": code["trx"]}, WHOLE, _ALREADY
            trx = self._ids.secret("trx")
            until = self._clock.now() + timedelta(seconds=CONSENT_SECONDS)
            entry = {
                "holder": code["holder"],
                "holder_type": code["holder_type"],
                "types": types,
                "used": [],
                "status": AUTHORISING,
                "until": until.isoformat(),
            }
            self._store.put(_TRX, trx, entry)
            self._store.put(QRCODE, name, {**code, "trx": trx})
        return {"trxId": trx}, WHOLE, Status.OK

    def _status(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        trx = self._trx(data)
        over = self._is_past(trx["until"])
        return {"verifyStatus": _REFUSED if over else trx["status"]}, WHOLE

    def _by_consent(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("useCause"))
        code = required(data, "certTypeCode")
        with self._store.transaction():
            trx = self._trx(data)
            open_to_us = trx["status"] == AUTHORISED and not self._is_past(trx["until"])
            if not open_to_us or code not in trx["types"] or code in trx["used"]:
                raise Refused(Status.TYPE_NOT_GRANTED)
            self._store.put(_TRX, data["trxId"], {**trx, "used": [*trx["used"], code]})
        found = self._register.licences.of(trx["holder_type"], trx["holder"], code)
        return [face_of(one) for one in self._register.valid(found)], CERT_DATA

    def _trx(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self._store.get(_TRX, required(data, "trxId"))
        if found is None:
            raise Refused(Status.BAD_VALUE)
        return found

    def _is_past(self, until: str) -> bool:
        return datetime.fromisoformat(until) <= self._clock.now()
