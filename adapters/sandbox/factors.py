"""What the simulators of second factors share: verifications that a person finishes on a page, or
a test by a knob.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from adapters.sandbox.place import Onboarding, Place
from adapters.sandbox.store import Store
from kernel.clock import Clock, beijing
from kernel.crypto import sm2, sm3
from kernel.ids import RandomIds

PENDING: Final = "pending"
EXPIRED: Final = "expired"
OUTCOMES: Final = frozenset({"pass", "fail", "other"})
"""What a person can do: pass, fail, or be somebody else."""
APP_ID: Final = "onewindow"
_KIND: Final = "verification"
_TIME: Final = "%Y%m%d%H%M%S"
_FRESHNESS: Final = timedelta(minutes=5)
_PAGE: Final = """<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>
<body style="font:16px/1.6 system-ui,sans-serif;max-width:30rem;margin:8vh auto;padding:1rem">
<h1 style="font-size:1.3rem">{title}</h1>
<p>这是仿真系统，不采集任何影像。<br>This is a simulator; no picture is taken.</p>
<form method="post">
<button name="outcome" value="pass">核验通过 Pass</button>
<button name="outcome" value="fail">核验不通过 Fail</button>
<button name="outcome" value="other">换他人核验 Somebody else</button>
</form></body></html>
"""


class Taken(ValueError):
    """This reference was begun before."""


@dataclass(frozen=True)
class Verification:
    """One verification as it stands now; ``outcome`` is one of OUTCOMES, PENDING or EXPIRED."""

    reference: str
    facts: Mapping[str, Any]
    outcome: str
    token: str
    serial: str
    until: datetime
    finished: datetime | None


class Verifications:
    """Everything durable is in the store; times come from the clock of the place."""

    def __init__(self, store: Store, clock: Clock, title: str) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds(clock)
        self._title = title
        self._tampered = 0

    def begin(self, reference: str, facts: Mapping[str, Any], life: timedelta) -> Verification:
        """Begin a verification; raise Taken when there is one of this reference."""
        entry = {
            "facts": dict(facts),
            "outcome": PENDING,
            "token": self._ids.secret(),
            "serial": self._ids.new("V"),
            "until": (self._clock.now() + life).isoformat(),
        }
        if not self._store.add(_KIND, reference, entry):
            raise Taken(reference)
        self._store.put("token", str(entry["token"]), reference)
        return self._read(reference, entry)

    def find(self, reference: str) -> Verification | None:
        """Return one verification."""
        entry = self._store.get(_KIND, reference)
        return None if entry is None else self._read(reference, entry)

    def take_tamper(self) -> bool:
        """Return whether the next result is to be spoilt, once."""
        self._tampered, spoil = 0, self._tampered > 0
        return spoil

    def routes(self) -> list[Route]:
        """Return the person's page and the knobs of tests."""
        return [
            Route("/verify/{token}", self._page, methods=["GET"]),
            Route("/verify/{token}", self._page_done, methods=["POST"]),
            Route("/sim/finish", self._knob_finish, methods=["POST"]),
            Route("/sim/tamper", self._knob_tamper, methods=["POST"]),
        ]

    def _finish(self, reference: str, outcome: str) -> bool:
        found = self.find(reference)
        if found is None or found.outcome != PENDING:
            return False
        entry = self._store.get(_KIND, reference)
        now = self._clock.now().isoformat()
        change = {"until": now} if outcome == "expire" else {"outcome": outcome, "finished": now}
        self._store.put(_KIND, reference, {**entry, **change})
        return True

    def _read(self, reference: str, entry: Mapping[str, Any]) -> Verification:
        until = datetime.fromisoformat(entry["until"])
        outcome = entry["outcome"]
        if outcome == PENDING and self._clock.now() >= until:
            outcome = EXPIRED
        finished = entry.get("finished")
        return Verification(
            reference=reference,
            facts=entry["facts"],
            outcome=outcome,
            token=entry["token"],
            serial=entry["serial"],
            until=until,
            finished=None if finished is None else datetime.fromisoformat(finished),
        )

    async def _page(self, request: Request) -> Response:
        if self._store.get("token", request.path_params["token"]) is None:
            return PlainTextResponse("没有此次核验", 404)
        page = _PAGE.format(title=escape(self._title))
        return HTMLResponse(page, headers={"cache-control": "no-store"})

    async def _page_done(self, request: Request) -> Response:
        reference = self._store.get("token", request.path_params["token"])
        async with request.form() as form:
            outcome = str(form.get("outcome", ""))
        if reference is None or outcome not in OUTCOMES or not self._finish(reference, outcome):
            return PlainTextResponse("核验已结束", 410)
        found = self._store.get(_KIND, reference)
        back = found["facts"].get("returnUrl")
        if not back:
            return PlainTextResponse("核验完成，请返回原页面")
        # Only the reference travels with the browser: it proves nothing.
        glue = "&" if "?" in back else "?"
        return RedirectResponse(f"{back}{glue}{urlencode({'reference': reference})}", 303)

    async def _knob_finish(self, request: Request) -> Response:
        wanted = await request.json()
        outcome = wanted["outcome"]
        if outcome not in {*OUTCOMES, "expire"}:
            return PlainTextResponse("no such outcome", 422)
        done = self._finish(wanted["reference"], outcome)
        return Response(status_code=204 if done else 409)

    async def _knob_tamper(self, _request: Request) -> Response:
        self._tampered = 1
        return Response(status_code=204)


class Refused(Exception):
    """The service says no, with one of its codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Codes:
    """How a service calls what every one of this dialect can say."""

    ok: str
    app_unknown: str
    sign_wrong: str
    time_stale: str


class SignedDesk:
    """The service's side of signed questions and answers (OURS): one application, one key.

    Signatures are computed here a second time, on purpose: a mistake in the adapters' shared code
    must not hide in shared code.
    """

    def __init__(self, store: Store, clock: Clock, codes: Codes) -> None:
        self._store = store
        self._clock = clock
        self._codes = codes

    @staticmethod
    def provision(place: Place) -> Onboarding:
        """Register the gateway as an application, once; the same account comes back ever after."""
        store = Store(place.folder)
        try:
            store.add("app", APP_ID, {"key": RandomIds(place.clock).secret()})
            store.add("service", "key", sm2.generate().scalar.hex())
            # The gateway may have moved since: its registered address is corrected, its key kept.
            app = store.get("app", APP_ID) | {"returns": place.gateway_url}
            store.put("app", APP_ID, app)
            public = sm2.PrivateKey.from_hex(store.get("service", "key")).public.point.hex()
        finally:
            store.close()
        return Onboarding(
            options={"base_url": place.url, "app_id": APP_ID, "service_public_key": public},
            secrets={"app_key": app["key"]},
        )

    def returns_home(self, return_url: str) -> bool:
        """Return whether a browser may be sent there."""
        registered: str = self._store.get("app", APP_ID)["returns"]
        return return_url.startswith(f"{registered}/")

    async def opened(self, request: Request) -> dict[str, str]:
        """Return the fields of a question whose signature holds; raise Refused."""
        fields: dict[str, str] = await request.json()
        app = self._store.get("app", fields.get("appId", ""))
        if app is None:
            raise Refused(self._codes.app_unknown)
        given = fields.pop("sign", "")
        covered = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        wanted = sm3.hmac(app["key"].encode(), covered.encode()).hex()
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise Refused(self._codes.sign_wrong)
        try:
            at = datetime.strptime(f"{fields['timestamp']}+0800", f"{_TIME}%z")
        except (KeyError, ValueError):
            raise Refused(self._codes.time_stale) from None
        if abs(self._clock.now() - at) > _FRESHNESS:
            raise Refused(self._codes.time_stale)
        return fields

    def signed(self, data: Mapping[str, Any], *, spoilt: bool = False) -> Response:
        """Return an answer, signed; ``spoilt``: changed after it was signed."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        key = sm2.PrivateKey.from_hex(self._store.get("service", "key"))
        signature = base64.b64encode(sm2.sign(key, text.encode())).decode()
        shown = text.replace(":", ": ", 1) if spoilt else text
        return JSONResponse({"code": self._codes.ok, "data": shown, "signature": signature})


async def refusal(_request: Request, exc: Exception) -> Response:
    """Answer a Refused with its code, as a handler of exceptions."""
    code = exc.code if isinstance(exc, Refused) else ""
    return JSONResponse({"code": code, "message": "失败"})


def digits(at: datetime) -> str:
    """Return a moment as fourteen digits of Beijing time."""
    return beijing(at).strftime(_TIME)


def digest_of(reference: str, name: str, number: str) -> str:
    """Return what a result says about who passed: SM3 over reference, name and number."""
    return sm3.digest(f"{reference}\n{name}\n{number}".encode()).hex()
