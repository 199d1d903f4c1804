"""The simulated face verification service: a page, and results that it signs itself.

``/sim/finish`` and ``/sim/tamper`` are described in adapters.sandbox.factors; ``/sim/score`` sets
the similarity of every pass.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
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
from adapters.upstreams.face.wire import APPLY_PATH, RESULT_PATH, Code, State

LIFE: Final = timedelta(minutes=10)
SIMILARITY: Final = "93.25"
SOMEBODY_ELSE: Final = ("王建国", "370112196505010119")
_CODES: Final = Codes(Code.OK, Code.APP_UNKNOWN, Code.SIGN_WRONG, Code.TIME_STALE)


def provision(place: Place) -> Onboarding:
    """Register the gateway as an application, once; the same account comes back ever after."""
    return SignedDesk.provision(place)


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    found = Verifications(store, place.clock, "实人核验（仿真）")
    desk = SignedDesk(store, place.clock, _CODES)
    service = _Service(store, found, desk, place.url)
    app = Starlette(
        routes=[
            Route(APPLY_PATH, service.apply, methods=["POST"]),
            Route(RESULT_PATH, service.result, methods=["POST"]),
            Route("/sim/score", service.set_score, methods=["POST"]),
            *found.routes(),
        ],
        exception_handlers={Refused: refusal},
    )

    async def close() -> None:
        store.close()

    return Simulator(app, close=close)


class _Service:
    """The two endpoints."""

    def __init__(self, store: Store, found: Verifications, desk: SignedDesk, url: str) -> None:
        self._store = store
        self._found = found
        self._desk = desk
        self._url = url

    async def apply(self, request: Request) -> Response:
        fields = await self._desk.opened(request)
        whole = all(fields.get(name) for name in ("bizSeq", "name", "idNo", "idType"))
        if not whole or not self._desk.returns_home(fields.get("returnUrl", "")):
            raise Refused(Code.FIELD_WRONG)
        try:
            begun = self._found.begin(fields["bizSeq"], fields, LIFE)
        except Taken:
            raise Refused(Code.REFERENCE_TAKEN) from None
        return self._desk.signed(
            {
                "bizSeq": begun.reference,
                "url": f"{self._url}/verify/{begun.token}",
                "expireTime": digits(begun.until),
            }
        )

    async def result(self, request: Request) -> Response:
        fields = await self._desk.opened(request)
        found = self._found.find(fields.get("bizSeq", ""))
        if found is None:
            raise Refused(Code.REFERENCE_UNKNOWN)
        return self._desk.signed(self._told(found), spoilt=self._found.take_tamper())

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
        return data | {
            "state": State.PASSED,
            "subjectDigest": digest_of(found.reference, name, number),
            "similarity": self._store.get("knob", "score") or SIMILARITY,
            "serialNo": found.serial,
            "verifyTime": digits(found.finished),
        }
