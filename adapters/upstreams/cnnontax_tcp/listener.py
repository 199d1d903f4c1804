"""Listens for frames that the finance system pushes, and answers each only when it was kept."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from adapters.upstreams.cnnontax_tcp.wire import PREFIX, BadFrame, frame_length

OnPush = Callable[[bytes], Awaitable[bytes]]
"""Gets a complete frame, stores it, and returns the answer frame; an exception means no answer."""

OnRefused = Callable[[bytes, str], Awaitable[None]]
"""Gets what arrived of bytes that are no frame, and why; it keeps a trace of them."""

_BUFFER: Final = 16 * 1024

_log = structlog.get_logger("cnnontax.listener")


@dataclass(frozen=True)
class Limits:
    """What a peer may take up; times in seconds, sizes in bytes (OURS)."""

    connections: int = 64
    frame_bytes: int = 64 * 1024
    frame_seconds: float = 10.0
    """From waiting for a frame to having all of it, however slowly its bytes drip in."""
    answer_seconds: float = 10.0
    frames: int = 16
    """Frames on one connection; the specification has one."""


class PushListener:
    """A TCP server for 5996 pushes; memory and time per peer are bounded."""

    def __init__(
        self,
        on_push: OnPush,
        limits: Limits | None = None,
        *,
        on_refused: OnRefused | None = None,
    ) -> None:
        self._on_push = on_push
        self._on_refused = on_refused
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Return the port that is listened on. Raises RuntimeError before ``start``."""
        if self._server is None:
            raise RuntimeError("the listener was not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, host: str, port: int) -> None:
        """Begin to listen; port 0 takes any free one. Raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._connected, host, port, limit=_BUFFER)

    async def close(self) -> None:
        """Stop listening and hang up on everybody; what was not acknowledged will be repeated."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        if len(self._open) >= self._limits.connections:
            _log.warning("push_connections_exhausted", limit=self._limits.connections)
            writer.transport.abort()
            return
        task = asyncio.create_task(self.handle(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            for _ in range(self._limits.frames):
                raw = await self._frame(reader)
                if raw is None or not await self._answer(raw, writer):
                    break
        except (OSError, EOFError):
            # TimeoutError is an OSError: peers that are slow, silent or gone.
            _log.info("push_peer_gone")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _frame(self, reader: StreamReader) -> bytes | None:
        prefix = b""
        try:
            async with asyncio.timeout(self._limits.frame_seconds):
                prefix = await reader.readexactly(PREFIX)
                total = frame_length(prefix, self._limits.frame_bytes)
                return prefix + await reader.readexactly(total - PREFIX)
        except asyncio.IncompleteReadError as exc:
            if prefix or exc.partial:
                await self._refuse(prefix + exc.partial, "90003: the frame was broken off")
            return None
        except BadFrame as exc:
            # Where the frame ends is unknown, so nothing that follows can be trusted either.
            await self._refuse(prefix, f"{exc.code}: {exc}")
            return None
        except TimeoutError:
            if prefix:
                await self._refuse(prefix, "90003: the frame was not complete in time")
            raise

    async def _refuse(self, received: bytes, reason: str) -> None:
        _log.warning("push_frame_refused", detail=reason, received=len(received))
        if self._on_refused is None:
            return
        try:
            await self._on_refused(received, reason)
        except Exception as exc:  # noqa: BLE001 - the edge of the process
            _log.error("push_trace_not_kept", error=type(exc).__name__)

    async def _answer(self, raw: bytes, writer: StreamWriter) -> bool:
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                answer = await self._on_push(raw)
        except Exception as exc:  # noqa: BLE001 - the edge of the process
            # Without an answer the sender repeats, and nothing is lost.
            _log.error("push_not_answered", error=type(exc).__name__)
            return False
        writer.write(answer)
        async with asyncio.timeout(self._limits.answer_seconds):
            await writer.drain()
        return True
