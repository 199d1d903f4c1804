"""Headless Chromium, driven through its debugging protocol: one page, and all that it asks for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_START_SECONDS = 60.0
_WAIT_SECONDS = 40.0


class Page:
    """One tab. ``requests`` are the addresses it asked for, ``faults`` what its console told."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.faults: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Stop listening."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._waiting.pop(told["id"]).set_result(told)
            else:
                self._note(told["method"], told["params"])

    def _note(self, event: str, about: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.faults.append(str(about["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and about["type"] in {"error", "warning"}:
            self.faults.append(str(about["args"]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in {"error", "warning"}:
            self.faults.append(str(about["entry"]))

    async def call(self, method: str, **values: Any) -> Any:
        """Send one command and return its result."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": values})
        told = await asyncio.wait_for(answer, _WAIT_SECONDS)
        assert "error" not in told, told
        return told["result"]

    async def run(self, script: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        told = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression is true in the page."""
        ends = time.monotonic() + _WAIT_SECONDS
        while not await self.run(f"!!({condition})"):
            if time.monotonic() > ends:
                seen = await self.run("document.body.innerText")
                raise AssertionError(f"never came true: {condition}; the page shows: {seen}")
            await asyncio.sleep(0.03)

    async def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href === {json.dumps(url)}")
        await self.until("document.readyState === 'complete'")

    async def text(self, selector: str) -> str:
        """Return the text that is seen in an element; nothing for a hidden one."""
        name = json.dumps(selector)
        return str(await self.run(f"document.querySelector({name}).innerText"))

    async def window(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Give the page a size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    async def dark(self, scheme: str = "dark") -> None:
        """Prefer dark colours."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def drop(self, *files: Path) -> None:
        """Drag files over the middle of the page and drop them."""
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await self.call("Input.dispatchDragEvent", type=kind, x=180, y=250, data=data)

    async def choose(self, selector: str, file: Path) -> None:
        """Choose a file in a form field."""
        root = await self.call("DOM.getDocument")
        node = root["root"]["nodeId"]
        found = await self.call("DOM.querySelector", nodeId=node, selector=selector)
        await self.call("DOM.setFileInputFiles", files=[str(file)], nodeId=found["nodeId"])

    async def press(self, key: str, code: int) -> None:
        """Press a key."""
        typed = {"\r": "Enter"}.get(key, key)
        more = {"text": key} if key == "\r" else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=typed,
                code=typed,
                windowsVirtualKeyCode=code,
                **(more if kind == "keyDown" else {}),
            )


@contextmanager
def _started(program: str, folder: Path) -> Iterator[Callable[[], int | None]]:
    """Start Chromium and yield what tells its port, None while it is starting."""
    log, told = folder / "chromium.log", folder / "profile" / "DevToolsActivePort"
    command = [program, *FLAGS, f"--user-data-dir={told.parent}", "about:blank"]

    def port() -> int | None:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        words = told.read_text("utf-8").split() if told.exists() else []
        return int(words[0]) if words else None

    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield port
        finally:
            process.kill()
            process.wait()


@asynccontextmanager
async def running(program: str, folder: Path) -> AsyncIterator[Page]:
    """Start Chromium with a profile in a folder and yield its page."""
    with _started(program, folder) as told:
        ends = time.monotonic() + _START_SECONDS
        while (port := told()) is None:
            assert time.monotonic() < ends, "the browser does not start"
            await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = await answer.json()
            url = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(url, max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
                    await page.call(f"{domain}.enable")
                yield page
                await page.close()
