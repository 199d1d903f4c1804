"""Fault knobs on real sockets, the simulators' store, and the runner that starts and stops them."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from adapters.kit.client import visitor
from adapters.kit.conformance.world import HOST, free_port
from adapters.sandbox.faults import Action, Faults
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.runner import PortTaken, run, started
from adapters.sandbox.server import listening, tcp_server
from adapters.sandbox.store import Store
from kernel.clock import SystemClock


def place_in(folder: Path) -> Place:
    return Place(
        name="counter",
        folder=folder,
        host=HOST,
        http_port=free_port(),
        tcp_port=free_port(),
        gateway_url="http://127.0.0.1:1",
        push_host=HOST,
        push_port=1,
        clock=SystemClock(),
    )


class Counter(ModuleType):
    """A simulator that counts, over HTTP and over TCP, and whose loop may be told to fail."""

    def __init__(self, *, failing: bool = False) -> None:
        super().__init__("counter")
        self.failing = failing

    def provision(self, place: Place) -> Onboarding:
        return Onboarding({"base_url": place.url}, {})

    def create(self, place: Place) -> Simulator:
        store, faults = Store(place.folder), Faults()

        async def count(request: Request) -> JSONResponse:
            body = await request.body()
            return JSONResponse({"count": store.next_number("http"), "length": len(body)})

        async def tcp(reader: StreamReader, writer: StreamWriter) -> None:
            await reader.readexactly(4)

            async def answer() -> bytes:
                return f"{store.next_number('tcp'):08d}".encode()

            await faults.reply("count", writer, answer)

        async def loop() -> None:
            if self.failing:
                msg = "the loop broke"
                raise ValueError(msg)
            await asyncio.Event().wait()

        async def close() -> None:
            store.close()

        app = Starlette(routes=[Route("/count", count, methods=["GET", "POST"])])
        return Simulator(faults.wrap(app), tcp=tcp, close=close, tasks=(loop,))


@dataclass
class Source:
    module: ModuleType = field(default_factory=Counter)

    def simulator_of(self, name: str) -> ModuleType:
        return self.module


@asynccontextmanager
async def counter(folder: Path) -> AsyncIterator[tuple[Place, httpx.AsyncClient]]:
    place = place_in(folder)
    async with started(place, Counter()), visitor(place.url) as http:
        yield place, http


async def _count(http: httpx.AsyncClient, seconds: float = 5) -> Any:
    async with asyncio.timeout(seconds):
        return (await http.post("/count", content=b"12345")).raise_for_status().json()


@pytest.mark.parametrize(
    ("action", "effects"),
    [
        ("refuse", 0),
        ("timeout_before", 0),
        ("timeout_after", 1),
        ("error", 0),
        ("html", 0),
        ("malformed", 1),
        ("truncated", 1),
    ],
)
async def test_a_fault_spoils_the_answer_and_its_effect_is_as_named(
    action: str, effects: int, tmp_path: Path
) -> None:
    async with counter(tmp_path) as (_, http):
        rule = {"action": action, "path": "/count", "delay_ms": 100}
        assert (await http.post("/sim/faults", json=rule)).status_code == 201
        with pytest.raises((httpx.HTTPError, ValueError, TimeoutError)):
            await _count(http, 2)
        assert (await http.get("/sim/faults")).json()[0]["used"] == 1
        assert (await _count(http))["count"] == effects + 1


async def test_slow_and_duplicate_answer_properly(tmp_path: Path) -> None:
    async with counter(tmp_path) as (_, http):
        await http.post("/sim/faults", json={"action": "slow", "delay_ms": 80})
        began = asyncio.get_running_loop().time()
        assert (await _count(http))["count"] == 1
        assert asyncio.get_running_loop().time() - began >= 0.08
        await http.post("/sim/faults", json={"action": "duplicate"})
        assert await _count(http) == {"count": 3, "length": 5}


async def test_a_silent_server_notices_that_the_peer_gave_up(tmp_path: Path) -> None:
    async with counter(tmp_path) as (_, http):
        await http.post("/sim/faults", json={"action": "timeout_after"})
        with pytest.raises(TimeoutError):
            await _count(http, 0.1)
    # Leaving the block stops the server: it would take a minute if it still kept silence.


async def test_rules_are_chosen_by_operation_and_path_and_used_up(tmp_path: Path) -> None:
    async with counter(tmp_path) as (_, http):
        for rule in (
            {"action": "error", "operation": "other"},
            {"action": "error", "path": "/coun"},
            {"action": "error", "operation": "mine", "times": 2},
        ):
            await http.post("/sim/faults", json=rule)
        mine = {"x-onewindow-operation": "mine"}
        statuses = [(await http.post("/count", headers=mine)).status_code for _ in range(3)]
        assert statuses == [500, 500, 200]
        assert (await http.post("/count")).status_code == 200
        await http.post("/sim/faults", json={"action": "error", "times": 0})
        assert [(await http.post("/count")).status_code for _ in range(3)] == [500] * 3
        assert (await http.get("/sim/health")).json() == {"status": "ok"}
        assert (await http.delete("/sim/faults")).status_code == 204
        assert (await http.post("/count")).status_code == 200
        assert (await http.post("/sim/faults", json={"action": "burn"})).status_code == 422


async def _ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"ask!")
        async with asyncio.timeout(0.3):
            return await reader.readexactly(8)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("action", "effects", "answered"),
    [
        (Action.REFUSE, 0, False),
        (Action.ERROR, 0, False),
        (Action.TIMEOUT_BEFORE, 0, False),
        (Action.TIMEOUT_AFTER, 1, False),
        (Action.TRUNCATED, 1, False),
        (Action.SLOW, 1, True),
        (Action.DUPLICATE, 2, True),
    ],
)
async def test_the_same_faults_over_tcp(
    action: Action, effects: int, answered: bool, tmp_path: Path
) -> None:
    async with counter(tmp_path) as (place, http):
        rule = {"action": action.value, "operation": "count", "delay_ms": 50}
        if action in {Action.TIMEOUT_BEFORE, Action.TIMEOUT_AFTER}:
            rule["delay_ms"] = 2_000
        await http.post("/sim/faults", json=rule)
        if answered:
            assert int(await _ask(place.tcp_port)) == effects
        else:
            with pytest.raises((EOFError, OSError)):
                await _ask(place.tcp_port)
        assert int(await _ask(place.tcp_port)) == effects + 1


async def test_malformed_and_html_over_tcp_are_not_the_answer(tmp_path: Path) -> None:
    async with counter(tmp_path) as (place, http):
        await http.post("/sim/faults", json={"action": "html", "operation": "count"})
        assert await _ask(place.tcp_port) == b"<!DOCTYP"
        await http.post("/sim/faults", json={"action": "malformed", "operation": "count"})
        with pytest.raises((EOFError, OSError)):
            await _ask(place.tcp_port)


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        async with counter(tmp_path) as (_, http):
            assert (await _count(http))["count"] == expected


async def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    taken = listening(HOST, place.http_port, "somebody else")
    try:
        with pytest.raises(PortTaken) as caught:
            await run([place], Source(), asyncio.Event())
    finally:
        taken.close()
    assert str(caught.value) == (
        f"port {place.http_port}, which counter needs, is in use by another program"
    )
    assert (caught.value.port, caught.value.name) == (place.http_port, "counter")


async def test_run_ends_on_a_signal_and_frees_its_ports(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    task = asyncio.create_task(run([place], Source()))
    async with visitor(place.url) as http:
        for _ in range(200):
            with suppress(httpx.HTTPError):
                if (await http.get("/sim/health")).status_code == 200:
                    break
            await asyncio.sleep(0.01)
        assert (await _count(http))["count"] == 1
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await task
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    listening(HOST, place.http_port, "now free").close()
    listening(HOST, place.tcp_port, "now free").close()


async def test_a_broken_loop_ends_the_run_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the loop broke"):
        async with asyncio.timeout(5):
            await run([place_in(tmp_path)], Source(Counter(failing=True)), asyncio.Event())


async def test_a_tcp_server_cancels_what_still_hangs() -> None:
    sock = listening(HOST, 0, "test")
    cancelled = asyncio.Event()

    async def hang(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with tcp_server(hang, sock):
        _reader, writer = await asyncio.open_connection(HOST, sock.getsockname()[1])
        await asyncio.sleep(0.02)
    assert cancelled.is_set()
    writer.close()
    await writer.wait_closed()


def test_the_store_keeps_json_by_kind_and_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get("order", "1") is None
    assert store.add("order", "1", {"状态": "新", "fen": 1})
    assert not store.add("order", "1", {"fen": 2})
    store.put("order", "0", [1, None, True])
    store.put("bill", "1", "x")
    assert store.items("order") == [("0", [1, None, True]), ("1", {"状态": "新", "fen": 1})]
    assert store.delete("order", "0")
    assert not store.delete("order", "0")
    assert [store.next_number("a"), store.next_number("b"), store.next_number("a")] == [1, 1, 2]
    store.close()
    again = Store(tmp_path)
    assert again.get("order", "1") == {"状态": "新", "fen": 1}
    assert again.next_number("a") == 3
    again.close()


def test_a_transaction_is_undone_as_a_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def broken() -> None:
        with store.transaction():
            store.put("a", "1", 1)
            with store.transaction():
                store.put("a", "2", 2)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert store.items("a") == []
    with store.transaction():
        store.put("a", "3", 3)
    assert store.items("a") == [("3", 3)]
    store.close()
