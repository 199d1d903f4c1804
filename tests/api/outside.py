"""A second process of the same installation: ``onewindow serve`` on a world's database."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import tomli_w
from pydantic import BaseModel, SecretStr

from gateway.settings import Settings

_START_SECONDS = 30.0
_MAIN = "from gateway.cli.main import main; main()"


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
async def serving(settings: Settings, folder: Path) -> AsyncIterator[str]:
    """Run ``onewindow serve`` while the block runs, and yield its address."""
    path = written(settings, folder)
    url = f"http://{settings.server.host}:{settings.server.port}"
    with (folder / "serve.log").open("wb") as log:
        command = [sys.executable, "-c", _MAIN, "serve", "--config", str(path)]
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            async with httpx.AsyncClient() as probe, asyncio.timeout(_START_SECONDS):
                while not await _up(probe, url):
                    assert process.returncode is None, (folder / "serve.log").read_text("utf-8")
                    await asyncio.sleep(0.05)
            yield url
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _up(probe: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await probe.get(f"{url}/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


class Stream:
    """A client of the event stream that keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str, Any]] = []
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
                    self._news.set()
                    fields = {}
                else:
                    fields = {}

    async def wait_for(self, topic: str, seconds: float) -> float:
        """Return the seconds until an event of this type was heard. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with asyncio.timeout(seconds):
            while topic not in self.topics:
                await self._news.wait()
                self._news.clear()
        return loop.time() - started

    @property
    def topics(self) -> list[str]:
        return [topic for _, topic, _ in self.heard]
