"""Answers the busiest question, whether an item can be done online, before anything else runs."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.availability.engine import Availability
from kernel.ids import IdSource

_BEFORE: Final = "/v1/items/"
_AFTER: Final = "/availability"
_FROM: Final = len(_BEFORE)
_TO: Final = -len(_AFTER)
CACHE: Final = b"public, max-age=2"
"""Intermediaries may keep an answer for two seconds (OURS): news is to arrive within five."""
_HEADERS: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", CACHE),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class HotReads:
    """Sends prepared bytes; whatever it does not know goes the usual way.

    These reads are counted, not logged one by one: a line costs more than the answer.
    """

    def __init__(
        self, app: ASGIApp, *, availability: Availability, ids: IdSource, metrics: CollectorRegistry
    ) -> None:
        self._app = app
        self._availability = availability
        self._ids = ids
        counter = Counter(
            "onewindow_hot_reads", "Prepared answers sent", ("status",), registry=metrics
        )
        self._sent = counter.labels("200")
        self._unchanged = counter.labels("304")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            path: str = scope["path"]
            if path.startswith(_BEFORE) and path.endswith(_AFTER):
                found = self._availability.snapshot.answer(path[_FROM:_TO])
                if found is not None:
                    await self._send(scope, send, *found)
                    return
        await self._app(scope, receive, send)

    async def _send(self, scope: Scope, send: Send, body: bytes, etag: bytes) -> None:
        trace = self._ids.new("trace").removeprefix("trace_").encode()
        headers = [*_HEADERS, (b"etag", etag), (b"x-trace-id", trace)]
        for name, value in scope["headers"]:
            if name == b"if-none-match" and etag in value:
                self._unchanged.inc()
                await send({"type": "http.response.start", "status": 304, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        self._sent.inc()
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
