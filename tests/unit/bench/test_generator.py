"""The load generator: requests byte for byte, answers in pieces, errors counted, a real socket."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import workloads
from bench.generator import BadAnswer, Figures, Plan, answered, measure
from bench.workloads import Workload, renderer

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\nbusy"

Answering = Callable[[bytes], bytes]


@asynccontextmanager
async def server(answering: Answering) -> AsyncIterator[int]:
    """An HTTP server of a few lines; an empty answer closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", request)
                request += await reader.readexactly(int(length[1])) if length else b""
                answer = answering(request)
                if not answer:
                    break
                # In two pieces, since TCP knows no messages.
                writer.write(answer[:30])
                await asyncio.sleep(0)
                writer.write(answer[30:])
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()

    opened = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield opened.sockets[0].getsockname()[1]
    finally:
        opened.close()


async def run(answering: Answering, workload: Workload, seconds: float = 0.2) -> Figures:
    async with server(answering) as port:
        plan = Plan(
            host="127.0.0.1",
            port=port,
            connections=3,
            seconds=seconds,
            warm_up=0.05,
            server_group=os.getpgrp(),
            database_pid=0,
            workload=workload.as_json(),
        )
        return await measure(plan)


def test_a_write_has_its_own_key_and_body():
    body = {"form": {"location": f"泉城路 {workloads.NUMBER}", "share": "50%"}}
    work = workloads.post("/v1/cases/{value}/accept", "accept", "tok", body, ("a1", "b2"))
    render = renderer(work, "127.0.0.1:8000")
    first, second, third = (render(n) for n in range(3))
    head, _, content = first.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/cases/a1/accept HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n")
    assert b"\r\nIdempotency-Key: accept-000000000\r\n" in first
    assert b"\r\nAuthorization: Bearer tok\r\n" in first
    assert content.decode() == '{"form": {"location": "泉城路 000000000", "share": "50%"}}'
    assert f"Content-Length: {len(content)}".encode() in head
    assert b"/b2/accept" in second
    assert b"000000001" in second.partition(b"\r\n\r\n")[2]
    assert b"/a1/accept" in third


def test_a_write_without_a_body_says_so():
    request = renderer(workloads.post("/x", "k"), "h")(7)
    assert request == (
        b"POST /x HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k-000000007\r\nContent-Length: 0\r\n\r\n"
    )


def test_a_read_has_no_key():
    assert (
        renderer(workloads.get("/x?q=%E5"), "h")(1) == b"GET /x?q=%E5 HTTP/1.1\r\nHost: h\r\n\r\n"
    )


def test_a_workload_survives_its_trip_to_the_generator():
    work = workloads.post("/{value}", "k", "t", {"a": 1}, ("x", "y"))
    assert Workload.from_json(work.as_json()) == work
    assert work.spent
    assert not workloads.get("/{value}", values=("x",)).spent


@given(st.integers(min_value=0, max_value=len(OK) - 1))
def test_a_part_of_an_answer_is_none_yet(cut):
    assert answered(OK[:cut]) is None


def test_a_complete_answer_has_status_and_length():
    assert answered(OK) == (200, len(OK))
    assert answered(OK + b"HTTP/1.1 2") == (200, len(OK))
    assert answered(BAD) == (409, len(BAD))


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"],
)
def test_other_answers_are_refused(data):
    with pytest.raises(BadAnswer):
        answered(data)


async def test_requests_are_answered_and_timed():
    figures = await run(lambda _: OK, workloads.get("/"))
    assert figures.errors == 0
    assert figures.requests > 10
    assert figures.seconds >= 0.2
    assert figures.rps == pytest.approx(figures.requests / figures.seconds)
    assert 0 < figures.p50_ms <= figures.p99_ms < 1000
    assert figures.cpu_us > 0
    assert figures.generator_us > 0
    assert figures.database_us == 0


async def test_every_key_is_sent_once_over_warm_up_and_round():
    keys: Counter[bytes] = Counter()

    def note(request: bytes) -> bytes:
        found = re.search(rb"Idempotency-Key: (\S+)", request)
        assert found is not None
        keys[found[1]] += 1
        return OK

    await run(note, workloads.post("/", "k", body={"n": workloads.NUMBER}))
    assert len(keys) > 10
    assert set(keys.values()) == {1}


async def test_a_round_ends_when_its_values_are_used_up():
    paths: Counter[bytes] = Counter()

    def note(request: bytes) -> bytes:
        paths[request.split(b" ")[1]] += 1
        return OK

    values = tuple(str(n) for n in range(40))
    figures = await run(note, workloads.post("/{value}", "k", values=values), seconds=20)
    assert figures.exhausted
    assert figures.requests + 4 == 40  # a tenth was the warm-up's
    assert figures.seconds < 10
    assert sorted(paths) == sorted(f"/{value}".encode() for value in values)
    assert set(paths.values()) == {1}


async def test_other_answers_than_success_are_errors():
    figures = await run(lambda _: BAD, workloads.get("/"))
    assert figures.errors >= figures.requests > 0
    assert figures.samples[0].endswith("busy")


async def test_a_lost_connection_is_an_error_and_no_endless_wait():
    figures = await run(lambda _: b"", workloads.get("/"), seconds=0.1)
    assert figures.requests == 0
    assert figures.errors > 0
    assert "connection" in figures.samples[0]
