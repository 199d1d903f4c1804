"""Plain ASGI around every request: trace id, dead-line, one log line, metrics, safe headers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Histogram
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.peer import Networks, client_address
from gateway.api.problems import (
    MEDIA_TYPE,
    BodyTooLarge,
    FieldsInvalid,
    RouteNotFound,
    english,
    problem,
    render,
)
from kernel.audit import circumstances
from kernel.clock import Clock
from kernel.crypto import sm3
from kernel.ids import IdSource
from kernel.signing.sdgw1 import REQUEST_DIGEST

_log = structlog.get_logger("access")
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_AGENT_DIGITS: Final = 16
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SAFE_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_NOT_CACHED: Final = (b"cache-control", b"no-store")

Deadline = Callable[[float], AbstractAsyncContextManager[None]]


class Surroundings:
    """The outermost layer of the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        ids: IdSource,
        trace_id: ContextVar[str],
        deadline: Deadline,
        deadline_seconds: float,
        longer: Mapping[str, float],
        metrics: CollectorRegistry,
        proxies: Networks = (),
    ) -> None:
        self._app = app
        self._clock = clock
        self._ids = ids
        self._trace_id = trace_id
        self._deadline = deadline
        self._seconds = deadline_seconds
        self._longer = longer
        self._proxies = proxies
        self._timing = Histogram(
            "onewindow_http_request_seconds",
            "Time to answer a request, by route and status class",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=metrics,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = self._trace(scope)
        scope["trace_id"] = trace_id
        mark = self._trace_id.set(trace_id)
        told = circumstances.set(self._circumstances(scope, trace_id))
        started = self._clock.monotonic()
        answer = _Answer(scope, send, trace_id)
        try:
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                try:
                    async with self._deadline(self._longer.get(scope["path"], self._seconds)):
                        await self._serve(scope, receive, answer.send)
                finally:
                    self._note(scope, answer.status, self._clock.monotonic() - started)
        finally:
            circumstances.reset(told)
            self._trace_id.reset(mark)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, unless its address holds NUL, which PostgreSQL takes for an error."""
        if "\0" in scope["path"]:
            refusal = render(Request(scope), RouteNotFound("the address holds the NUL character"))
        elif b"%00" in scope["query_string"]:
            refusal = render(Request(scope), FieldsInvalid("a parameter holds the NUL character"))
        else:
            await self._app(scope, receive, send)
            return
        await refusal(scope, receive, send)

    def _circumstances(self, scope: Scope, trace_id: str) -> dict[str, str]:
        """Return what the audit trail says about a request, beside the act itself."""
        agent = Headers(scope=scope).get("user-agent", "")
        return {
            "src_ip": client_address(scope, self._proxies),
            "ua_hash": sm3.digest(agent.encode()).hex()[:_AGENT_DIGITS],
            "trace_id": trace_id,
        }

    def _trace(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"traceparent":
                found = _TRACEPARENT.fullmatch(value.decode("latin-1"))
                if found is not None:
                    return found[1]
        return self._ids.new("trace").removeprefix("trace_")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, never the path: paths carry ids and one-time states.
        route = getattr(scope.get("route"), "path", "unknown")
        # Callers may invent methods: they must not invent time series.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._timing.labels(method, route, f"{status // 100}xx").observe(seconds)
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )


class _Answer:
    """Adds headers to an answer, and turns the framework's plain 413 into a problem."""

    def __init__(self, scope: Scope, send: Send, trace_id: str) -> None:
        self._scope = scope
        self._send = send
        self._trace_id = trace_id
        self._too_large = False
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._too_large:
            if not message.get("more_body", False):
                await self._explain()
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        self.status = message["status"]
        headers = list(message.get("headers", ()))
        names = {name.lower(): value for name, value in headers}
        if self.status == BodyTooLarge.status and names.get(b"content-type") != MEDIA_TYPE.encode():
            self._too_large = True
            return
        headers += [(b"x-trace-id", self._trace_id.encode()), *_SAFE_HEADERS]
        if digest := self._scope.get(REQUEST_DIGEST):
            headers.append((REQUEST_DIGEST.lower().encode(), digest.encode()))
        if b"cache-control" not in names:
            headers.append(_NOT_CACHED)
        await self._send({**message, "headers": headers})

    async def _explain(self) -> None:
        _, document = problem(
            BodyTooLarge("the body exceeds the route's limit"),
            in_english=english(Request(self._scope)),
            trace_id=self._trace_id,
        )
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-trace-id", self._trace_id.encode()),
            *_SAFE_HEADERS,
            _NOT_CACHED,
        ]
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
