"""Starts the three processes of the demonstration, restarts one that dies, stops them together."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import httpx

from gateway.cli.demo.portal import DemoFailed
from gateway.settings import load

NAMES: Final = ("sandbox", "serve", "worker")
_WATCH: Final = 0.5
_START: Final = 60.0
_STOP: Final = 15.0


class Processes:
    """sandbox, serve and worker as separate processes with a log file each."""

    def __init__(self, settings_file: Path, logs: Path, tell: Callable[[str], None]) -> None:
        self._settings_file = settings_file
        self._logs = logs
        self._tell = tell
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            self._start(name)
            if name == "sandbox":
                self._wait_for_province()
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._watcher.join(_STOP)
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for file in self._files.values():
            file.close()

    def pid(self, name: str) -> int:
        """Return the id of a running process."""
        return self._running[name].pid

    def wait_until_ready(self, url: str) -> None:
        """Wait until the gateway and all four systems answer. Raises DemoFailed."""
        waited = 0.0
        while waited < _START:
            try:
                answer = httpx.get(f"{url}/health/dependencies", timeout=_START)
                if answer.is_success and answer.json()["status"] == "ok":
                    return
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(_WATCH)
            waited += _WATCH
        raise DemoFailed(f"进程未能就绪，请查看日志 / not ready, see the logs in {self._logs}")

    def _wait_for_province(self) -> None:
        # Whoever asks systems that are not there yet takes them for down, and items with them.
        sandbox = load(self._settings_file).sandbox
        ports = [] if sandbox is None else list(sandbox.ports.values())
        end = time.monotonic() + _START
        while ports and time.monotonic() < end and self._running["sandbox"].poll() is None:
            try:
                socket.create_connection(("127.0.0.1", ports[-1]), timeout=1).close()
                ports.pop()
            except OSError:
                time.sleep(0.1)

    def _start(self, name: str) -> None:
        if name not in self._files:
            self._files[name] = (self._logs / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "gateway.cli.main", name, "--config"]
        self._running[name] = subprocess.Popen(  # noqa: S603 - our own program
            [*command, str(self._settings_file)],
            stdout=self._files[name],
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches us alone, and we stop the others in order.
            process_group=0,
        )

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH):
            for name, process in list(self._running.items()):
                if process.poll() is not None and not self._stopping.is_set():
                    self._tell(f"进程 {name} 已结束，正在重启 · {name} died and is restarted")
                    self._start(name)
