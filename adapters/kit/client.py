"""The only way out: one HTTP client and one TCP exchange per upstream, both inside the guarded
path of calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from adapters.kit.calls import Calls
from adapters.kit.kit import Answer, ByteReader
from adapters.kit.manifest import Manifest, Operation
from adapters.kit.resilience import BreakerState
from adapters.kit.telemetry import Attempt, Telemetry, trace_id
from adapters.kit.translate import breach, parse_json, require_acceptable
from kernel.clock import Clock
from kernel.errors import UpstreamProtocolError
from kernel.ids import IdSource

KEEP_ALIVE_SECONDS: Final = 4.0
"""Below the five seconds that most servers keep an idle connection, so that they do not close it
under us.
"""
CLOSE_SECONDS: Final = 1.0
READ_PIECE: Final = 64 * 1024
TRACE_HEADER: Final = "x-trace-id"
OPERATION_HEADER: Final = "x-onewindow-operation"

Browser: TypeAlias = httpx.AsyncClient
T = TypeVar("T")
_current: Final[ContextVar[Attempt | None]] = ContextVar("attempt", default=None)


@dataclass(frozen=True)
class Addresses:
    """Where an upstream is reached."""

    base_url: str | None = None
    tcp_host: str | None = None
    tcp_port: int | None = None
    ca_pem: str | None = None
    """Certificates of the upstream's own authority; None for the system's."""


class Client:
    """The client of one upstream; implements adapters.kit.kit.UpstreamClient."""

    def __init__(
        self,
        manifest: Manifest,
        addresses: Addresses,
        *,
        clock: Clock,
        ids: IdSource,
        telemetry: Telemetry,
        mark_operations: bool = False,
    ) -> None:
        """``mark_operations`` tells a simulator the operation's name in a header, so that faults
        can aim at it.
        """
        self._manifest = manifest
        self._addresses = addresses
        self._clock = clock
        self._mark = mark_operations
        self._calls = Calls(manifest, clock=clock, ids=ids, telemetry=telemetry)
        self._kept = _http_client(manifest, addresses, clock, keep=True)
        # A kept connection that the other side has just closed would make a call
        # *unknown* that never arrived;
        # what may not be repeated gets a connection of its own.
        self._once = _http_client(manifest, addresses, clock, keep=False)

    @property
    def breakers(self) -> Mapping[str, BreakerState]:
        """Return the state of every operation's breaker."""
        return self._calls.breakers

    @property
    def addresses(self) -> Addresses:
        """Return where this client connects to."""
        return self._addresses

    async def aclose(self) -> None:
        """Close every connection; the client is of no use afterwards."""
        for http in (self._kept, self._once):
            if http is not None:
                await http.aclose()

    async def request(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send one HTTP request; see the port."""
        return await self._send(
            operation,
            lambda answer, _spec: answer,
            method,
            url,
            params=params,
            headers=headers,
            json=json,
            data=form,
            content=content,
        )

    async def request_json(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one HTTP request and parse the answer as JSON, fractions as Decimal; see
        the port.
        """
        return await self._send(
            operation,
            parse_json,
            method,
            url,
            params=params,
            headers=headers,
            json=json,
            data=form,
        )

    async def exchange(
        self,
        operation: str,
        frame: bytes,
        read: Callable[[ByteReader], Awaitable[bytes]],
    ) -> bytes:
        """Send one frame over a TCP connection of its own and read one answer; see the port."""
        host, port = self._addresses.tcp_host, self._addresses.tcp_port
        if host is None or port is None:
            msg = f"{self._manifest.name}: tcp_host and tcp_port are not set"
            raise ValueError(msg)
        spec = self._manifest.operation(operation)

        async def send(attempt: Attempt) -> bytes:
            async with asyncio.timeout(spec.connect_ms / 1000):
                reader, writer = await asyncio.open_connection(host, port, limit=READ_PIECE)
            limited = _LimitedReader(reader, spec, attempt, self._clock)
            try:
                attempt.sent = self._clock.monotonic()
                writer.write(frame)
                await writer.drain()
                return await read(limited)
            except UpstreamProtocolError as exc:
                if limited.received == 0:
                    raise ConnectionResetError("closed without an answer") from exc
                raise breach(spec, exc.detail) from exc
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await writer.wait_closed()

        return await self._calls.run(operation, send)

    async def _send(
        self,
        operation: str,
        decode: Callable[[Answer, Operation], T],
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        **parts: Any,
    ) -> T:
        spec = self._manifest.operation(operation)
        http = self._kept if spec.repeatable else self._once
        if http is None:
            msg = f"{self._manifest.name}: base_url is not set"
            raise ValueError(msg)
        target = _below_base(url)
        own = self._own_headers(operation)

        async def send(attempt: Attempt) -> T:
            seen = _current.set(attempt)
            try:
                request = http.build_request(
                    method,
                    target,
                    headers={**own, **(headers or {})},
                    timeout=_timeout(spec),
                    **parts,
                )
                response = await http.send(request, stream=True)
                attempt.first_byte, attempt.status = self._clock.monotonic(), response.status_code
                try:
                    body = await _body(response, spec)
                finally:
                    await response.aclose()
            except aiohttp.ClientResponseError:
                # Not chained: its text holds the query and a piece of the answer.
                raise breach(spec, "an answer that is not HTTP") from None
            finally:
                _current.reset(seen)
            answer = Answer(response.status_code, dict(response.headers), body)
            require_acceptable(answer, spec, attempt)
            return decode(answer, spec)

        return await self._calls.run(operation, send)

    def _own_headers(self, operation: str) -> dict[str, str]:
        own = {OPERATION_HEADER: operation} if self._mark else {}
        if trace := trace_id.get():
            own[TRACE_HEADER] = trace
        return own


class _LimitedReader:
    """Hands out a connection's bytes up to the operation's limit."""

    def __init__(
        self, reader: asyncio.StreamReader, spec: Operation, attempt: Attempt, clock: Clock
    ) -> None:
        self._reader = reader
        self._most = spec.answer_bytes
        self._attempt = attempt
        self._clock = clock
        self.received = 0

    async def exactly(self, count: int) -> bytes:
        """Read exactly this many bytes; raises UpstreamProtocolError when there are fewer or it
        asks too much.
        """
        if count < 0 or self.received + count > self._most:
            # Whatever the peer announced, it has begun to answer.
            self.received = max(self.received, 1)
            raise UpstreamProtocolError(f"an answer of more than {self._most} bytes was announced")
        try:
            got = await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as exc:
            self.received += len(exc.partial)
            raise UpstreamProtocolError(f"the answer ended after {self.received} bytes") from None
        if self._attempt.first_byte is None:
            self._attempt.first_byte = self._clock.monotonic()
        self.received += count
        return got


def visitor(base_url: str = "") -> Browser:
    """Return a browser-like client that keeps cookies and follows no redirects, for simulators
    and journeys.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        transport=AiohttpTransport(
            verify=False, client=lambda: _session(None, 20, None, keep=True)
        ),
        timeout=10.0,
        trust_env=False,
    )


def _http_client(
    manifest: Manifest, addresses: Addresses, clock: Clock, *, keep: bool
) -> httpx.AsyncClient | None:
    base_url, most = addresses.base_url, manifest.limits.concurrency
    if base_url is None:
        return None
    secure = base_url.startswith("https:")
    tls = ssl.create_default_context(cadata=addresses.ca_pem) if secure else None
    return httpx.AsyncClient(
        base_url=base_url.rstrip("/"),
        transport=AiohttpTransport(
            verify=tls or False, client=lambda: _session(tls, most, _stamps(clock), keep=keep)
        ),
        # One client serves every citizen: a cookie that one answer sets must not travel
        # with the next request.
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "onewindow"},
        follow_redirects=False,
        trust_env=False,
    )


def _session(
    tls: ssl.SSLContext | None, most: int, stamps: aiohttp.TraceConfig | None, *, keep: bool
) -> aiohttp.ClientSession:
    connector = (
        aiohttp.TCPConnector(ssl=tls or False, limit=most, keepalive_timeout=KEEP_ALIVE_SECONDS)
        if keep
        else aiohttp.TCPConnector(ssl=tls or False, limit=most, force_close=True)
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[stamps] if stamps else [],
    )
    # aiohttp repeats GET, PUT and DELETE by itself when a kept connection breaks; only
    # calls.py may repeat.
    session._retry_connection = False  # noqa: SLF001 - there is no public switch
    return session


def _stamps(clock: Clock) -> aiohttp.TraceConfig:
    """Return the hook that notes when a request's first bytes leave: from then on it may have had
    its effect.
    """
    trace = aiohttp.TraceConfig()

    async def leaving(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        _params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        attempt = _current.get()
        if attempt is not None:
            attempt.sent = clock.monotonic()

    trace.on_request_headers_sent.append(leaving)
    return trace


def _timeout(spec: Operation) -> httpx.Timeout:
    connect, read = spec.connect_ms / 1000, spec.read_ms / 1000
    return httpx.Timeout(connect=connect, read=read, write=read, pool=connect)


def _below_base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or ".." in parts.path.split("/"):
        msg = "a request goes to a path below the base address"
        raise ValueError(msg)
    return url


async def _body(response: httpx.Response, spec: Operation) -> bytes:
    pieces: list[bytes] = []
    size = 0
    pieces_in: AsyncIterator[bytes] = response.aiter_bytes(READ_PIECE)
    async for piece in pieces_in:
        size += len(piece)
        if size > spec.answer_bytes:
            raise breach(spec, f"an answer of more than {spec.answer_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)
