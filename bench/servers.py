"""Starts the servers under test, each in a process group of its own on one core, and stops them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_START_S: Final = 60.0
_STOP_S: Final = 15.0
_PAUSE_S: Final = 0.05
_TAIL: Final = 2000


class ServerFailed(RuntimeError):
    """A server under test did not start, or ended by itself."""


@dataclass(frozen=True)
class Launch:
    """How to start one server."""

    command: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cores:
    """Which core serves and which one asks; the same one where there is only one."""

    server: int
    load: int

    @staticmethod
    def of_machine() -> Cores:
        """Return the first two cores that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return Cores(usable[0], usable[-1] if len(usable) < 2 else usable[1])


def free_port() -> int:
    """Return a port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def onewindow(settings_file: Path, port: int) -> Launch:
    """Return how ``onewindow serve`` is started."""
    program = Path(sys.executable).with_name("onewindow")
    return Launch((str(program), "serve", "--config", str(settings_file)), port)


def profiled(launch: Launch, output: Path) -> Launch:
    """Return the same ``onewindow`` under the sampling profiler, which writes to ``output``."""
    command = (sys.executable, "-m", "bench.profiled", str(output), *launch.command[1:])
    return Launch(command, launch.port, launch.environment)


def uvicorn(target: str, port: int, environment: Mapping[str, str], *, factory: bool) -> Launch:
    """Return how a baseline is started, under the gateway's own HTTP settings."""
    command = [sys.executable, "-m", "uvicorn", target, "--host", HOST, "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command += ["--log-level", "warning", "--no-server-header"]
    command += ["--factory"] if factory else []
    return Launch(tuple(command), port, environment)


@contextmanager
def running(launch: Launch, core: int, log: Path) -> Iterator[int]:
    """Run a server on one core and yield its process group; its output goes to ``log``.

    Raises ServerFailed with the end of its output when it does not start, or was not running any
    more when it should have been stopped.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **launch.environment},
            start_new_session=True,
        )
        # At once, while it has one thread: those that it starts stay on the same core.
        os.sched_setaffinity(process.pid, {core})
        try:
            _wait(process, launch.port, log)
            yield process.pid
            if process.poll() is not None:
                raise ServerFailed(f"the server ended with {process.returncode}:\n{_tail(log)}")
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        if process.poll() is not None:
            raise ServerFailed(f"the server did not start ({process.returncode}):\n{_tail(log)}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise ServerFailed(f"the server did not listen within {_START_S:.0f} s:\n{_tail(log)}")
        time.sleep(_PAUSE_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-_TAIL:].strip()
