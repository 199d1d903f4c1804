"""A bare upstream on a loopback socket, a manifest for it, and a client connected to it."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from adapters.kit.client import Addresses, Client
from adapters.kit.manifest import Manifest, parse
from adapters.kit.telemetry import CallRecord, Telemetry
from adapters.sandbox.server import listening, tcp_server
from kernel.clock import Clock, SystemClock
from kernel.ids import SequentialIds

Script = Callable[[bytes, StreamReader, StreamWriter], Awaitable[None]]

OPERATIONS: dict[str, dict[str, Any]] = {
    "ask": {"safe": True, "read_ms": 400, "connect_ms": 400},
    "other": {"safe": True, "read_ms": 400, "connect_ms": 400},
    "pay": {"read_ms": 400, "connect_ms": 400},
    "keyed": {"keyed": True, "read_ms": 400, "connect_ms": 400},
    "small": {"safe": True, "answer_bytes": 2048},
}


def manifest(**changes: Any) -> Manifest:
    """Return a manifest with one operation of every kind."""
    return parse(
        {
            "name": "test_upstream",
            "title": {"zh": "测试上游", "en": "Test"},
            "port": "payments",
            "port_version": 1,
            "region": "370000",
            "owner": "tests",
            "operations": OPERATIONS,
            "spec": {"title": "none", "version": "1", "dated": "2024", "origin": "OURS"},
            **changes,
        },
        "test",
    )


def http(
    body: bytes, status: str = "200 OK", kind: str = "application/json", extra: str = ""
) -> bytes:
    """Return a whole HTTP answer."""
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    ).encode() + body


@dataclass
class Upstream:
    """Counts requests and does what its script says; the script may be exchanged at any time."""

    script: Script
    heads: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def seen(self) -> int:
        return len(self.heads)

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        while not writer.is_closing():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            self.heads.append(head)
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            await self.script(head, reader, writer)


def answering(answer: bytes) -> Script:
    """Return a script that always answers the same."""

    async def script(_head: bytes, _reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return script


async def silent(_head: bytes, reader: StreamReader, _writer: StreamWriter) -> None:
    """Never answer; end when the peer goes."""
    with contextlib.suppress(ConnectionError):
        await reader.read()


async def dropping(_head: bytes, _reader: StreamReader, writer: StreamWriter) -> None:
    """Take the request and close without a word."""
    writer.close()


@asynccontextmanager
async def upstream(script: Script) -> AsyncIterator[Upstream]:
    """Listen on a free port."""
    up = Upstream(script)
    sock = listening("127.0.0.1", 0, "test")
    up.port = sock.getsockname()[1]
    async with tcp_server(up.handle, sock):
        yield up


@dataclass
class Connection:
    """A client with its records."""

    client: Client
    telemetry: Telemetry
    records: list[CallRecord]


@asynccontextmanager
async def client(
    port: int, *, clock: Clock | None = None, tcp: bool = False, **changes: Any
) -> AsyncIterator[Connection]:
    """Connect the kit's client to a port."""
    clock = clock or SystemClock()
    telemetry = Telemetry(CollectorRegistry(), clock)
    records: list[CallRecord] = []
    telemetry.subscribe(records.append)
    addresses = (
        Addresses(tcp_host="127.0.0.1", tcp_port=port)
        if tcp
        else Addresses(base_url=f"http://127.0.0.1:{port}/base/")
    )
    made = Client(
        manifest(**changes), addresses, clock=clock, ids=SequentialIds(), telemetry=telemetry
    )
    try:
        yield Connection(made, telemetry, records)
    finally:
        await made.aclose()
