"""Uses the sandbox's seals: the same request is the same use, every use is logged (用章日志)."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.seals.authority import Authority, KeptSeal, State
from adapters.sandbox.store import Store
from kernel.clock import Clock

_ACT: Final = "act"
_REQUEST: Final = "request"


class Form(StrEnum):
    """What is made: SES_Signature, or CMS signed data for a lock."""

    SES = "ses"
    CMS = "cms"


class RequestDiffers(Exception):
    """The request id was used for other content."""


class NotUsable(Exception):
    """The seal signs nothing in its present state."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class SealDesk:
    """The part of a simulated seal system that no dialect changes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.authority = Authority(store, clock)

    def use(
        self,
        seal: KeptSeal,
        *,
        digest: bytes,
        path: str,
        request_id: str,
        user: str,
        form: Form = Form.SES,
    ) -> bytes:
        """Return what the seal signs; a known request gets what it got the first time.

        An empty ``request_id`` is a new use every time. Raises RequestDiffers, NotUsable.
        """
        content = {
            "user": user,
            "sealId": seal.code,
            "digest": digest.hex(),
            "propertyInfo": path,
            "form": form.value,
        }
        with self._store.transaction():
            kept: Mapping[str, str] | None = (
                self._store.get(_REQUEST, request_id) if request_id else None
            )
            if kept is not None:
                if any(kept[name] != value for name, value in content.items()):
                    raise RequestDiffers
                return base64.b64decode(kept["signature"])
            if seal.state is not State.ACTIVE:
                raise NotUsable(seal.state)
            now = self._clock.now().replace(microsecond=0)
            made = seal.lock(digest) if form is Form.CMS else seal.sign(digest, path, now)
            number = self._store.next_number(_ACT)
            act = {"number": number, "requestId": request_id, **content, "time": now.isoformat()}
            self._store.put(_ACT, f"{number:09d}", act)
            if request_id:
                text = base64.b64encode(made).decode("ascii")
                self._store.put(_REQUEST, request_id, {**content, "signature": text})
        return made

    def find(self, request_id: str, user: str) -> bytes | None:
        """Return what was signed for a user's request, or None."""
        kept: Mapping[str, str] | None = self._store.get(_REQUEST, request_id)
        if kept is None or kept["user"] != user:
            return None
        return base64.b64decode(kept["signature"])

    def acts(self) -> list[Mapping[str, Any]]:
        """Return the log, in order."""
        return [act for _, act in self._store.items(_ACT)]

    def routes(self) -> list[Route]:
        """Return the knobs of the sandbox: the log, and a seal's renewal."""
        return [
            Route("/sim/acts", self._show_acts, methods=["GET"]),
            Route("/sim/seals/{code}/reissue", self._reissue, methods=["POST"]),
        ]

    async def _show_acts(self, _request: Request) -> Response:
        acts = self.acts()
        counts = Counter(act["requestId"] for act in acts if act["requestId"])
        return JSONResponse({"total": len(acts), "counts": counts, "acts": acts})

    async def _reissue(self, request: Request) -> Response:
        code = request.path_params["code"]
        if self.authority.seal(code) is None:
            return JSONResponse({"detail": "no such seal"}, status_code=404)
        self.authority.reissue(code)
        return Response(status_code=204)
