"""The HTTP and TCP servers of simulators: they start on given ports, can hang up on a
peer, and stop cleanly.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.sandbox.place import TcpHandler

ABORT: Final = "onewindow.abort"
CLOSE: Final = "onewindow.close"
"""Extensions of the ASGI scope: reset the connection, or close it after what was written."""
STOP_SECONDS: Final = 1

_log = structlog.get_logger("sandbox")


class PortTaken(RuntimeError):
    """A port that a simulator needs is in use."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(f"port {port}, which {name} needs, is in use by another program")
        self.port = port
        self.name = name


def listening(host: str, port: int, name: str) -> socket.socket:
    """Return a listening socket; port 0 takes any free one. Raises PortTaken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(512)
    except OSError as exc:
        sock.close()
        if exc.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise PortTaken(port, name) from exc
        raise
    sock.setblocking(False)
    return sock


class _Protocol(HttpToolsProtocol):
    """Lets an application hang up."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        transport = self.transport
        self.scope["extensions"] = {
            ABORT: {"call": transport.abort},
            CLOSE: {"call": transport.close},
        }


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def http_server(app: ASGIApp, sock: socket.socket) -> AsyncIterator[None]:
    """Serve an ASGI application on a listening socket while the block runs."""
    server = _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            if task.done():
                await task
                msg = "the server stopped while starting"
                raise RuntimeError(msg)
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task
        sock.close()


@asynccontextmanager
async def tcp_server(handler: TcpHandler, sock: socket.socket) -> AsyncIterator[None]:
    """Serve TCP connections on a listening socket while the block runs."""
    open_now: set[asyncio.Task[None]] = set()

    async def served(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (OSError, EOFError):
            _log.info("tcp_peer_gone")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(served(reader, writer))
        open_now.add(task)
        task.add_done_callback(open_now.discard)

    server = await asyncio.start_server(connected, sock=sock)
    try:
        yield
    finally:
        server.close()
        tasks = tuple(open_now)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
