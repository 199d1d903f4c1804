"""The simulated province (仿真省) of a test session: real sockets, on a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from adapters.kit.conformance.world import free_port
from adapters.sandbox.place import Onboarding
from gateway.bootstrap import Province, onboard, province_of, run_sandbox, trust_file
from gateway.bootstrap.province import NAMES
from gateway.settings import SandboxSettings
from kernel.clock import SystemClock

HOST = "127.0.0.1"
_WITH_TCP = frozenset({"cnnontax_tcp"})
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Town:
    """The running province, and where it looks for the gateway."""

    folder: Path
    province: Province
    given: Mapping[str, Onboarding]
    trust_anchors: Path | None
    gateway_port: int
    push_port: int
    worlds: Iterator[int]
    """Numbers the gateways that came and went: each mints pay codes of its own."""

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.gateway_port}"

    def url(self, name: str) -> str:
        return self.province.place(name).url

    def fault(self, name: str, action: str, *, operation: str = "", times: int = 1) -> None:
        """Disturb a system's next messages."""
        rule = {"action": action, "operation": operation, "times": times}
        httpx.post(f"{self.url(name)}/sim/faults", json=rule).raise_for_status()

    def knob(self, action: str, *, value: int = 1, times: int = 1) -> None:
        """Let something go wrong with payments or the news of them."""
        rule = {"match": {}, "action": action, "value": value, "times": times}
        url = f"{self.url('cnnontax_tcp')}/sim/faults"
        httpx.post(url, json=rule).raise_for_status()

    def change_account(self, uuid: str, **changes: str) -> None:
        """Change an account of the identity system, until it is changed back."""
        httpx.post(f"{self.url('sd_jis')}/sim/accounts/{uuid}", json=changes).raise_for_status()

    def expire_tickets(self) -> None:
        """End the life of every login ticket."""
        httpx.post(f"{self.url('sd_jis')}/sim/expire").raise_for_status()

    def calm(self) -> None:
        """Disturb nothing any more."""
        for place in self.province.places:
            httpx.delete(f"{place.url}/sim/faults").raise_for_status()


@contextmanager
def running_town(folder: Path) -> Iterator[Town]:
    """Provision every simulator and run them all while the block runs."""
    ports = {name: free_port() for name in NAMES}
    ports |= {f"{name}.tcp": free_port() for name in NAMES if name in _WITH_TCP}
    gateway_port, push_port = free_port(), free_port()
    sandbox = SandboxSettings(folder=folder / "province", host=HOST, ports=ports)
    province = province_of(
        sandbox,
        gateway_url=f"http://{HOST}:{gateway_port}",
        push=(HOST, push_port),
        clock=SystemClock(),
    )
    given = onboard(province)
    town = Town(
        folder, province, given, trust_file(folder, given), gateway_port, push_port, count(1)
    )
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=[run_sandbox(province, stop)])
    thread.start()
    try:
        for port in ports.values():
            _wait_for(port)
        yield town
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _wait_for(port: int) -> None:
    ends = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return
