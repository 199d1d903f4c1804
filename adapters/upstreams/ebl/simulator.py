"""The simulated business licence service: one company's licence, who may use it, and codes to scan.

``/sim/finish`` and ``/sim/tamper`` are described in adapters.sandbox.factors: ``pass`` is a scan by
the person at ``/sim/scanner`` (an id number), at first the company's manager, ``other`` one by the
legal representative. ``POST /sim/holders`` appoints ``{name, idNo, role, matters}``, ``DELETE
/sim/holders/{idNo}`` removes, ``POST /sim/licence`` sets ``{state}``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.sandbox.factors import (
    EXPIRED,
    PENDING,
    Codes,
    Refused,
    SignedDesk,
    Taken,
    Verification,
    Verifications,
    digest_of,
    digits,
    refusal,
)
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.ebl.wire import (
    CREATE_PATH,
    EVERYTHING,
    MANAGERS_AT_MOST,
    QR_SECONDS,
    RESULT_PATH,
    Code,
    Licence,
    Role,
    State,
)

USCC: Final = "91370100MA3ABCDE1G"
LEGAL_REP: Final = "370202198811120246"
MANAGER: Final = "370102199003071238"
HOLDERS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "李静怡", "idNo": LEGAL_REP, "role": Role.LEGAL_REP, "matters": [EVERYTHING]},
    {"name": "张明轩", "idNo": MANAGER, "role": Role.MANAGER, "matters": [EVERYTHING]},
)
"""Nobody of them exists."""
_CODES: Final = Codes(Code.OK, Code.APP_UNKNOWN, Code.SIGN_WRONG, Code.TIME_STALE)


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same account comes back ever after."""
    return SignedDesk.provision(place)


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    if store.add("knob", "licence", Licence.VALID):
        for holder in HOLDERS:
            store.put("holder", holder["idNo"], holder)
    found = Verifications(store, place.clock, "电子营业执照扫码（仿真）")
    desk = SignedDesk(store, place.clock, _CODES)
    service = _Service(store, found, desk, place.url)
    app = Starlette(
        routes=[
            Route(CREATE_PATH, service.create, methods=["POST"]),
            Route(RESULT_PATH, service.result, methods=["POST"]),
            Route("/sim/scanner", service.set_scanner, methods=["POST"]),
            Route("/sim/licence", service.set_licence, methods=["POST"]),
            Route("/sim/holders", service.appoint, methods=["POST"]),
            Route("/sim/holders/{number}", service.remove, methods=["DELETE"]),
            *found.routes(),
        ],
        exception_handlers={Refused: refusal},
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Service:
    """The two endpoints and the roster of the licence."""

    def __init__(self, store: Store, found: Verifications, desk: SignedDesk, url: str) -> None:
        self._store = store
        self._found = found
        self._desk = desk
        self._url = url

    async def create(self, request: Request) -> Response:
        fields = await self._desk.opened(request)
        whole = all(fields.get(name) for name in ("bizSeq", "uscc", "matter"))
        if not whole or not self._desk.returns_home(fields.get("returnUrl", "")):
            raise Refused(Code.FIELD_WRONG)
        if fields["uscc"] != USCC:
            raise Refused(Code.NO_LICENCE)
        try:
            begun = self._found.begin(fields["bizSeq"], fields, timedelta(seconds=QR_SECONDS))
        except Taken:
            raise Refused(Code.REFERENCE_TAKEN) from None
        return self._desk.signed(
            {
                "bizSeq": begun.reference,
                "qrText": f"{self._url}/verify/{begun.token}",
                "expireTime": digits(begun.until),
            }
        )

    async def result(self, request: Request) -> Response:
        fields = await self._desk.opened(request)
        found = self._found.find(fields.get("bizSeq", ""))
        if found is None:
            raise Refused(Code.REFERENCE_UNKNOWN)
        return self._desk.signed(self._told(found), spoilt=self._found.take_tamper())

    def _told(self, found: Verification) -> dict[str, Any]:
        data: dict[str, Any] = {"bizSeq": found.reference}
        if found.outcome in {PENDING, EXPIRED}:
            return data | {"state": State.WAITING if found.outcome == PENDING else State.EXPIRED}
        if found.outcome == "fail" or found.finished is None:
            return data | {"state": State.REJECTED, "reason": "CANCELLED_BY_HOLDER"}
        scanner = self._store.get("knob", "scanner") or MANAGER
        number = LEGAL_REP if found.outcome == "other" else scanner
        holder = self._store.get("holder", number)
        if holder is None:
            # Who was removed holds a licence that is dead on the phone too.
            return data | {"state": State.REJECTED, "reason": "NOT_A_HOLDER"}
        return data | {
            "state": State.CONFIRMED,
            "uscc": USCC,
            "licenceState": self._store.get("knob", "licence"),
            "role": holder["role"],
            "holderDigest": digest_of(found.reference, holder["name"], number),
            "matters": holder["matters"],
            "serialNo": found.serial,
            "confirmTime": digits(found.finished),
        }

    async def set_scanner(self, request: Request) -> Response:
        self._store.put("knob", "scanner", (await request.json())["idNo"])
        return Response(status_code=204)

    async def set_licence(self, request: Request) -> Response:
        self._store.put("knob", "licence", (await request.json())["state"])
        return Response(status_code=204)

    async def appoint(self, request: Request) -> Response:
        holder = await request.json()
        managers = [one for _, one in self._store.items("holder") if one["role"] == Role.MANAGER]
        if holder["role"] == Role.MANAGER and len(managers) >= MANAGERS_AT_MOST:
            return PlainTextResponse(f"at most {MANAGERS_AT_MOST} managers", 409)
        self._store.put("holder", holder["idNo"], holder)
        return Response(status_code=204)

    async def remove(self, request: Request) -> Response:
        gone = self._store.delete("holder", request.path_params["number"])
        return Response(status_code=204 if gone else 404)
