"""Examines a connected upstream from the ground up and names the layer at fault."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.client import Addresses
from adapters.kit.deadline import deadline
from adapters.kit.registry import Connected
from kernel.clock import Clock, require_aware
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
)

STEP_SECONDS: Final = 5.0
CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""Signed messages of these dialects carry times that the other side compares with its own."""
_HEAD_LIMIT: Final = 16 * 1024


class _Fault(Exception):
    """A lower layer does not work; the text is for the engineer."""


@dataclass(frozen=True)
class Result:
    """How one step ended."""

    name: str
    layer: Layer
    ok: bool
    detail: str
    milliseconds: int


@dataclass(frozen=True)
class Examination:
    """The steps that were taken; the first failure is the last step, since later ones
    only repeat its cause.
    """

    upstream: str
    at: datetime
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Return whether every step went well; an examination of nothing did not."""
        return bool(self.results) and all(result.ok for result in self.results)

    @property
    def fault(self) -> Layer | None:
        """Return the layer at fault."""
        return next((result.layer for result in self.results if not result.ok), None)


@dataclass(frozen=True)
class _Step:
    name: str
    layer: Layer
    run: Callable[[], Awaitable[str]]


async def examine(connected: Connected, clock: Clock) -> Examination:
    """Take every step: settings, DNS, TCP, TLS, clock, then the provider's own checks by layer."""
    steps = [*_ground(connected.client.addresses, clock), *map(_own, _checks(connected))]
    return await _take(connected.manifest.name, steps, clock)


async def probe(connected: Connected, clock: Clock) -> Examination:
    """Take the provider's checks of operations that the manifest lets be probed: can it
    do its work, now?
    """
    operations = connected.manifest.operations
    steps = [
        _own(check)
        for check in _checks(connected)
        if check.operation in operations and operations[check.operation].probe
    ]
    return await _take(connected.manifest.name, steps, clock)


def _checks(connected: Connected) -> list[Check]:
    checks: Sequence[Check] = connected.provider.checks()
    order = list(Layer)
    return sorted(checks, key=lambda check: order.index(check.layer))


def _own(check: Check) -> _Step:
    async def run() -> str:
        await check.run()
        return "ok"

    return _Step(check.name, check.layer, run)


async def _take(upstream: str, steps: Sequence[_Step], clock: Clock) -> Examination:
    results: list[Result] = []
    for step in steps:
        began = clock.monotonic()
        layer, ok, detail = step.layer, True, ""
        try:
            async with asyncio.timeout(STEP_SECONDS), deadline(STEP_SECONDS):
                detail = await step.run()
        except UpstreamError as exc:
            layer, ok, detail = _layer_of(exc, step.layer), False, f"{exc.code}: {exc.detail}"
        except TimeoutError:
            ok, detail = False, f"no answer within {STEP_SECONDS:.0f} s"
        except (_Fault, OSError) as exc:
            ok, detail = False, str(exc)
        spent = round((clock.monotonic() - began) * 1000)
        results.append(Result(step.name, layer, ok, detail, spent))
        if not ok:
            break
    return Examination(upstream, clock.now(), tuple(results))


def _layer_of(exc: UpstreamError, layer: Layer) -> Layer:
    if isinstance(exc, UpstreamAuthFailed):
        return Layer.AUTHENTICATION
    if isinstance(exc, UpstreamProtocolError):
        return Layer.PROTOCOL
    return Layer.BUSINESS if isinstance(exc, UpstreamRejected) else layer


def _ground(addresses: Addresses, clock: Clock) -> list[_Step]:
    steps: list[_Step] = []
    if addresses.base_url:
        parts = urlsplit(addresses.base_url)
        tls = parts.scheme == "https"
        host = parts.hostname or ""
        try:
            port = parts.port or (443 if tls else 80)
        except ValueError:
            port = 0
        steps += [
            _Step("base_url", Layer.SETTINGS, partial(_settings, parts.scheme, host, port)),
            _Step("name of base_url", Layer.DNS, partial(_resolve, host, port)),
            _Step("port of base_url", Layer.TCP, partial(_connect, host, port)),
        ]
        context = ssl.create_default_context(cadata=addresses.ca_pem) if tls else None
        if context is not None:
            steps.append(_Step("certificate", Layer.TLS, partial(_handshake, host, port, context)))
        steps.append(_Step("clock", Layer.CLOCK, partial(_compare, host, port, context, clock)))
    if addresses.tcp_host and addresses.tcp_port:
        host, port = addresses.tcp_host, addresses.tcp_port
        steps += [
            _Step("name of tcp_host", Layer.DNS, partial(_resolve, host, port)),
            _Step("tcp_port", Layer.TCP, partial(_connect, host, port)),
        ]
    return steps


async def _settings(scheme: str, host: str, port: int) -> str:
    if scheme not in {"http", "https"} or not host or not port:
        raise _Fault("base_url is not an http or https address")
    return f"{scheme}://{host}:{port}"


async def _resolve(host: str, port: int) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError as exc:
        raise _Fault(f"the name {host} has no address") from exc
    return f"{len(found)} addresses"


async def _connect(host: str, port: int) -> str:
    try:
        _reader, writer = await asyncio.open_connection(host, port)
    except OSError as exc:
        raise _Fault(f"port {port} of {host} does not accept connections") from exc
    await _close(writer)
    return "accepts connections"


async def _handshake(host: str, port: int, context: ssl.SSLContext) -> str:
    try:
        _reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLError as exc:
        raise _Fault(f"TLS with {host}: {exc.reason or exc}") from exc
    version = writer.get_extra_info("ssl_object").version()
    await _close(writer)
    return str(version)


async def _compare(host: str, port: int, context: ssl.SSLContext | None, clock: Clock) -> str:
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_HEAD_LIMIT)
    try:
        writer.write(
            f"HEAD / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
        raise _Fault("the answer to HEAD / is not HTTP") from exc
    finally:
        await _close(writer)
    said = [line[5:].strip() for line in head.split("\r\n") if line.lower().startswith("date:")]
    if not said:
        return "the upstream does not tell its time"
    try:
        apart = abs(require_aware(parsedate_to_datetime(said[0])) - clock.now())
    except ValueError:
        return "the upstream tells its time in an unknown form"
    if apart > CLOCK_TOLERANCE:
        raise _Fault(f"the clocks are {apart.total_seconds():.0f} s apart")
    return f"{apart.total_seconds():.0f} s apart"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
