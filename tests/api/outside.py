"""A second server of the same installation on a world's database, and clients of its streams."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import tomli_w
from pydantic import BaseModel, SecretStr

from gateway.bootstrap import build
from gateway.events.feed import EventFeed, Pace
from gateway.http_server import HttpServer
from gateway.settings import Settings
from tests.api.town import HOST
from tests.api.world import World


def plain(value: Any) -> Any:
    """Return settings as TOML can hold them, secrets included."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        # What was set: the rest keeps its defaults, which TOML may not be able to write.
        fields = {name: plain(getattr(value, name)) for name in value.model_fields_set}
        return {name: found for name, found in fields.items() if found is not None}
    if isinstance(value, dict):
        return {name: plain(found) for name, found in value.items() if found is not None}
    if isinstance(value, list | tuple):
        return [plain(found) for found in value]
    return str(value) if isinstance(value, Path) else value


def written(settings: Settings, folder: Path) -> Path:
    """Write settings to a file and return it."""
    path = folder / "onewindow.toml"
    path.write_text(tomli_w.dumps(plain(settings)), "utf-8")
    return path


@asynccontextmanager
async def serving(world: World, pace: Pace | None = None) -> AsyncIterator[str]:
    """Run the HTTP server on connections of its own while the block runs; yield its address.

    It has no object in common with the world: what the world commits reaches it as it would
    reach another process.
    """
    container = build(world.container.settings, process="beside")
    if pace is not None:
        container = replace(container, feed=EventFeed(container.works, container.events, pace))
    server = HttpServer(container)
    # Whoever comes before the server is ready waits in the socket's queue.
    with socket.create_server((HOST, world.town.gateway_port)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield world.town.gateway_url
        finally:
            server.should_exit = True
            await task


class Stream:
    """A client of the event stream that keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str, Any]] = []
        self.moments: list[float] = []
        """When each was heard, by the loop's clock."""
        self._news = asyncio.Event()

    async def listen(self, url: str, token: str, last: str = "") -> None:
        """Listen until cancelled, or until the stream ends."""
        headers = {"Authorization": f"Bearer {token}"}
        if last:
            headers["Last-Event-ID"] = last
        timeout = httpx.Timeout(10, read=None)
        async with (
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    data = json.loads(fields["data"])
                    self.heard.append((int(fields["id"]), fields["event"], data))
                    self.moments.append(asyncio.get_running_loop().time())
                    self._news.set()
                    fields = {}
                else:
                    fields = {}

    @asynccontextmanager
    async def listening(self, url: str, token: str, last: str = "") -> AsyncIterator[Stream]:
        """Listen while the block runs."""
        task = asyncio.create_task(self.listen(url, token, last))
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def news(self) -> None:
        """Wait until something more is heard."""
        await self._news.wait()
        self._news.clear()

    async def wait_for(self, topic: str, seconds: float) -> float:
        """Return the seconds until an event of this type was heard. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with asyncio.timeout(seconds):
            while topic not in self.topics:
                await self.news()
        return loop.time() - started

    @property
    def topics(self) -> list[str]:
        return [topic for _, topic, _ in self.heard]
