"""The load generator: keeps connections busy, and reads the server's processor time around it.

It runs as a process of its own, on another core than the server: ``python -m bench.generator``
with a plan as JSON on standard input and the figures as JSON on standard output.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import uvloop

from bench.schedstat import cpu_ns, family, group_members
from bench.stats import percentile
from bench.workloads import Workload, renderer

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_PATIENCE_S: Final = 30.0
_WARM_UP_PART: Final = 10
_SAMPLES: Final = 3


class BadAnswer(ValueError):
    """The server's bytes are no HTTP answer that this generator understands."""


@dataclass(frozen=True)
class Plan:
    """What to do: which workload, against which server, for how long."""

    host: str
    port: int
    connections: int
    seconds: float
    warm_up: float
    server_group: int
    """Process group of the server."""
    database_pid: int
    """PostgreSQL's first process; 0 for none."""
    workload: str
    mark: str = ""
    """A file to create when the measured part begins, for a profiler that waits for it."""


@dataclass(frozen=True)
class Figures:
    """What was measured between the first and the last answer of the measured part."""

    requests: int
    seconds: float
    rps: float
    cpu_us: float
    """Processor time of the server per request, in microseconds."""
    database_us: float
    """The same of PostgreSQL's processes; 0 for SQLite, which works inside the server."""
    generator_us: float
    """The same of this generator: its own cost, on its own core."""
    p50_ms: float
    p99_ms: float
    errors: int
    samples: list[str] = field(default_factory=list)
    """Some of the answers that were errors."""
    exhausted: bool = False
    """Whether the round ended early because every prepared value was used."""


def answered(data: bytes) -> tuple[int, int] | None:
    """Return status and length in bytes of the complete answer in ``data``; None for a part of one.

    Raises BadAnswer for anything but HTTP/1.1 with Content-Length.
    """
    end = data.find(_END)
    if end < 0:
        return None
    if not data.startswith(b"HTTP/1."):
        raise BadAnswer(data[:40])
    length = _LENGTH.search(data, 0, end + 2)
    if length is None:
        raise BadAnswer(data[:end])
    total = end + len(_END) + int(length[1])
    return (int(data[9:12]), total) if len(data) >= total else None


class Load:
    """One run of a workload over all connections; each sends its next request after an answer."""

    def __init__(self, workload: Workload, host: str) -> None:
        self._render = renderer(workload, host)
        self._limit = len(workload.values) if workload.spent else sys.maxsize
        self._next = 0
        self._stop_ns = 0
        self._until = 0
        self._busy = 0
        self._idle = asyncio.Event()
        self.latencies: list[int] = []
        self.errors = 0
        self.samples: list[str] = []

    @property
    def exhausted(self) -> bool:
        """Whether every value was used."""
        return self._next >= self._limit

    async def run(self, connections: list[Connection], seconds: float, part: int = 1) -> None:
        """Keep the connections busy for a while, then wait for the last answers."""
        self.latencies.clear()
        self._until = self._limit if part == 1 else self._limit // part
        self._stop_ns = time.perf_counter_ns() + int(seconds * 1e9)
        self._idle.clear()
        self._busy = len(connections)
        for connection in connections:
            connection.ask()
        await asyncio.wait_for(self._idle.wait(), seconds + _PATIENCE_S)

    def next(self, now: int) -> bytes | None:
        """Return the next request; None when it is time to stop."""
        if now >= self._stop_ns or self._next >= self._until:
            self._busy -= 1
            if not self._busy:
                self._idle.set()
            return None
        self._next += 1
        return self._render(self._next - 1)

    def failed(self, what: bytes) -> None:
        """Note an answer that is an error."""
        self.errors += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(what.decode("utf-8", "replace")[-600:])


@runtime_checkable
class Writable(Protocol):
    """What is needed of a transport; uvloop's do not derive from asyncio's."""

    def write(self, data: bytes) -> None: ...

    def is_closing(self) -> bool: ...

    def close(self) -> None: ...


class Connection(asyncio.Protocol):
    """One connection that is kept open."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: Writable | None = None
        self._sent = 0
        self._waiting = False
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, Writable):
            raise TypeError("a stream was expected")
        self._transport = transport

    def ask(self) -> None:
        """Send the next request, if there is one."""
        now = time.perf_counter_ns()
        request = self._load.next(now)
        self._waiting = request is not None
        if request is None:
            return
        if self._transport is None or self._transport.is_closing():
            self._give_up(b"the connection is closed")
            return
        self._sent = now
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        found = answered(self._buffer)
        if found is None:
            return
        status, length = found
        self._load.latencies.append(time.perf_counter_ns() - self._sent)
        if not 200 <= status < 300:
            self._load.failed(self._buffer[:length])
        self._buffer = self._buffer[length:]
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._give_up(f"the connection was lost: {exc}".encode())

    def _give_up(self, why: bytes) -> None:
        # One error: every request from here on would be one more of the same cause.
        self._waiting = False
        self._load.failed(why)
        self._load.next(sys.maxsize)


async def measure(plan: Plan) -> Figures:
    """Carry out a plan."""
    load = Load(Workload.from_json(plan.workload), f"{plan.host}:{plan.port}")
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(plan.connections):
        _, connection = await loop.create_connection(lambda: Connection(load), plan.host, plan.port)
        connections.append(connection)
    await load.run(connections, plan.warm_up, part=_WARM_UP_PART)
    _mark(plan)
    before = _used(plan)
    started = time.perf_counter()
    await load.run(connections, plan.seconds)
    elapsed = time.perf_counter() - started
    after = _used(plan)
    for connection in connections:
        connection.close()
    count = len(load.latencies)
    ordered = sorted(load.latencies) or [0]
    server, database, own = (
        (b - a) / 1000 / max(count, 1) for a, b in zip(before, after, strict=True)
    )
    return Figures(
        requests=count,
        seconds=elapsed,
        rps=count / elapsed,
        cpu_us=server,
        database_us=database,
        generator_us=own,
        p50_ms=percentile(ordered, 0.5) / 1e6,
        p99_ms=percentile(ordered, 0.99) / 1e6,
        errors=load.errors if count else load.errors + 1,
        samples=load.samples,
        exhausted=load.exhausted,
    )


def _mark(plan: Plan) -> None:
    if plan.mark:
        Path(plan.mark).touch()


def _used(plan: Plan) -> tuple[int, int, int]:
    server = cpu_ns(group_members(plan.server_group))
    database = cpu_ns(family(plan.database_pid)) if plan.database_pid else 0
    return server, database, time.process_time_ns()


def main() -> None:
    """Read the plan, carry it out, write the figures."""
    plan: dict[str, Any] = json.load(sys.stdin)
    gc.disable()  # the generator makes no cycles, and a collection would look like a slow answer
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(Plan(**plan)))
    json.dump(asdict(figures), sys.stdout)


if __name__ == "__main__":
    main()
