"""Fault knobs (故障注入) of a simulator: whatever can happen to a message on a real
network, on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.sandbox.server import ABORT, CLOSE

OPERATION_HEADER: Final = "x-onewindow-operation"
"""Where the adapter kit names the operation for simulators, see adapters.kit.client."""
SLOW_MS: Final = 300
SILENCE_MS: Final = 60_000
_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>系统维护</title></head><body>系统维护中</body></html>"
)
_DAMAGE: Final = b"\x00\xff"


class Action(StrEnum):
    """What happens to a message. *Before* and *after* mean before and after it has had
    its effect.
    """

    REFUSE = "refuse"
    """The connection is reset before anything is done."""
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR = "error"
    """HTTP 500, nothing done; over TCP the connection closes."""
    HTML = "html"
    """Somebody's maintenance page with status 200, nothing done."""
    MALFORMED = "malformed"
    """Done, and half of the answer is rubbish."""
    TRUNCATED = "truncated"
    """Done, and the connection closes in the middle of the answer."""
    SLOW = "slow"
    """Done and answered, but late by ``delay_ms``."""
    DUPLICATE = "duplicate"
    """The network delivers the message twice; the answer is the second one's."""


class Rule(BaseModel):
    """One fault: for an operation, a path and what lies below it, or everything; so many
    times, 0 for ever.
    """

    model_config = ConfigDict(extra="forbid")

    action: Action
    operation: str = ""
    path: str = ""
    times: int = Field(default=1, ge=0)
    delay_ms: int | None = Field(default=None, ge=0, le=120_000)
    used: int = Field(default=0, ge=0)

    def matches(self, operation: str, path: str) -> bool:
        """Return whether this rule is for such a message and not used up."""
        if self.times and self.used >= self.times:
            return False
        if self.operation and self.operation != operation:
            return False
        return not self.path or path == self.path or path.startswith(self.path.rstrip("/") + "/")

    def seconds(self, default_ms: int) -> float:
        """Return the rule's delay in seconds."""
        return (default_ms if self.delay_ms is None else self.delay_ms) / 1000


@dataclass
class Faults:
    """The rules of one simulator. HTTP: wrap the application. TCP: answer through ``reply``."""

    rules: list[Rule] = field(default_factory=list)

    def take(self, operation: str, path: str = "") -> Rule | None:
        """Return the first rule for such a message and count its use."""
        for rule in self.rules:
            if rule.matches(operation, path):
                rule.used += 1
                return rule
        return None

    def wrap(self, app: ASGIApp) -> FaultyApp:
        """Return the application with the knobs at ``/sim/faults`` and its health at
        ``/sim/health``.
        """
        return FaultyApp(app, self)

    async def reply(
        self, operation: str, writer: StreamWriter, answer: Callable[[], Awaitable[bytes]]
    ) -> None:
        """Answer one TCP frame: ``answer`` does what was asked, once or as the rules say,
        and gives the frame.

        The connection is left open for the handler to close, unless a rule closes it.
        """
        rule = self.take(operation)
        action = rule.action if rule else None
        if rule is None or action is None:
            await _write(writer, await answer())
            return
        match action:
            case Action.REFUSE | Action.ERROR:
                writer.transport.abort()
            case Action.TIMEOUT_BEFORE:
                await asyncio.sleep(rule.seconds(SILENCE_MS))
                writer.transport.abort()
            case Action.TIMEOUT_AFTER:
                await answer()
                await asyncio.sleep(rule.seconds(SILENCE_MS))
                writer.transport.abort()
            case Action.HTML:
                await _write(writer, _PAGE.encode())
                writer.close()
            case Action.MALFORMED:
                await _write(writer, _damaged(await answer()))
                writer.close()
            case Action.TRUNCATED:
                whole = await answer()
                await _write(writer, whole[: len(whole) // 2])
                writer.close()
            case Action.SLOW:
                await asyncio.sleep(rule.seconds(SLOW_MS))
                await _write(writer, await answer())
            case Action.DUPLICATE:
                await answer()
                await _write(writer, await answer())


class FaultyApp:
    """An application behind the fault knobs; paths below ``/sim/`` are never disturbed."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path == "/sim/health":
            await JSONResponse({"status": "ok"})(scope, receive, send)
        elif path == "/sim/faults":
            await (await self._knobs(Request(scope, receive)))(scope, receive, send)
        elif path.startswith("/sim/"):
            await self._app(scope, receive, send)
        elif (rule := self.faults.take(_operation(scope), path)) is not None:
            await self._disturbed(rule, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _knobs(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                rule = Rule.model_validate_json(await request.body())
            except ValidationError as exc:
                return JSONResponse(
                    {"error": exc.errors(include_url=False, include_context=False)}, 422
                )
            self.faults.rules.append(rule)
            return JSONResponse(rule.model_dump(mode="json"), 201)
        if request.method == "DELETE":
            self.faults.rules.clear()
            return Response(status_code=204)
        if request.method == "GET":
            return JSONResponse([rule.model_dump(mode="json") for rule in self.faults.rules])
        return PlainTextResponse("method not allowed", 405)

    async def _disturbed(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        match rule.action:
            case Action.REFUSE:
                await _hang_up(scope, receive, ABORT)
            case Action.TIMEOUT_BEFORE:
                await _silence(rule, scope, receive)
            case Action.TIMEOUT_AFTER:
                await self._recorded(scope, receive)
                await _silence(rule, scope, receive)
            case Action.ERROR:
                await PlainTextResponse("internal error", 500)(scope, receive, send)
            case Action.HTML:
                await HTMLResponse(_PAGE)(scope, receive, send)
            case Action.MALFORMED:
                answer = await self._recorded(scope, receive)
                await answer.send(send, _damaged(answer.body))
            case Action.TRUNCATED:
                answer = await self._recorded(scope, receive)
                await answer.send_half(send)
                await _hang_up(scope, receive, CLOSE)
            case Action.SLOW:
                await asyncio.sleep(rule.seconds(SLOW_MS))
                await self._app(scope, receive, send)
            case Action.DUPLICATE:
                body = await Request(scope, receive).body()
                await self._recorded(dict(scope), _replay(body))
                await self._app(scope, _replay(body), send)

    async def _recorded(self, scope: Scope, receive: Receive) -> _Recorded:
        recorded = _Recorded()
        await self._app(scope, receive, recorded.take)
        return recorded


@dataclass
class _Recorded:
    """An answer that the application gave and that was not sent yet."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send, body: bytes) -> None:
        await self._start(send, len(body))
        await send({"type": "http.response.body", "body": body})

    async def send_half(self, send: Send) -> None:
        await self._start(send, max(2, len(self.body)))
        half = self.body[: len(self.body) // 2] or b"{"
        await send({"type": "http.response.body", "body": half, "more_body": True})

    async def _start(self, send: Send, length: int) -> None:
        kept = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        kept.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": kept})


def _operation(scope: Scope) -> str:
    wanted = OPERATION_HEADER.encode()
    found: list[bytes] = [value for name, value in scope["headers"] if name == wanted]
    return found[0].decode("latin-1") if found else ""


def _replay(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _damaged(whole: bytes) -> bytes:
    return whole[: len(whole) // 2] + _DAMAGE


async def _silence(rule: Rule, scope: Scope, receive: Receive) -> None:
    """Wait until the peer gives up or the rule's delay is over, then hang up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(rule.seconds(SILENCE_MS)):
            await _disconnected(receive)
    await _hang_up(scope, receive, ABORT)


async def _hang_up(scope: Scope, receive: Receive, how: str) -> None:
    extensions: dict[str, Any] = scope.get("extensions") or {}
    if how not in extensions:
        msg = "this fault needs the server of adapters.sandbox.server"
        raise RuntimeError(msg)
    extensions[how]["call"]()
    await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(writer: StreamWriter, frame: bytes) -> None:
    writer.write(frame)
    await writer.drain()
