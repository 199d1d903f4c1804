"""The push listener on real sockets: whatever peers send, and however slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.upstreams.cnnontax_tcp.listener import Limits, PushListener
from tests.unit.cnnontax_tcp.support import push

FIRST, SECOND = push(), push(TraNoBus="2")
QUICK = Limits(connections=4, frame_seconds=0.3, answer_seconds=0.3, frames=3)


async def echo(raw: bytes) -> bytes:
    return b"<%d>" % len(raw)


@asynccontextmanager
async def listening(
    on_push: Callable[[bytes], Awaitable[bytes]], limits: Limits = QUICK
) -> AsyncIterator[int]:
    listener = PushListener(on_push, limits)
    await listener.start("127.0.0.1", 0)
    try:
        yield listener.port
    finally:
        await listener.close()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def said(port: int, *pieces: bytes, pause: float = 0.0, eof: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if eof:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 5)
    except TimeoutError:
        pytest.fail("the listener holds on")
    except OSError:
        return b""
    finally:
        await hang_up(writer)


async def test_22_one_byte_at_a_time() -> None:
    async with listening(echo) as port:
        pieces = [FIRST[i : i + 1] for i in range(len(FIRST))]
        assert await said(port, *pieces, eof=True) == b"<%d>" % len(FIRST)


async def test_22_two_frames_in_one_segment() -> None:
    async with listening(echo) as port:
        answers = b"<%d><%d>" % (len(FIRST), len(SECOND))
        assert await said(port, FIRST + SECOND, eof=True) == answers


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, len(FIRST + SECOND)), max_size=12))
def test_22_any_segments(cuts: list[int]) -> None:
    both = FIRST + SECOND
    marks = [0, *sorted(cuts), len(both)]
    pieces = [both[a:b] for a, b in pairwise(marks)]

    async def run() -> None:
        async with listening(echo) as port:
            answers = b"<%d><%d>" % (len(FIRST), len(SECOND))
            assert await said(port, *pieces, eof=True) == answers

    asyncio.run(run())


@pytest.mark.parametrize(
    "raw",
    [
        b"10485760" + b"x" * 100_000,
        b"65537   " + b"x" * 70_000,
        b"80      " + b"x" * 72,
        b"abcdefgh" + FIRST,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        FIRST[:100],
        FIRST[:3],
        b"",
    ],
)
async def test_22_what_is_no_frame_is_hung_up_on(raw: bytes) -> None:
    seen: list[bytes] = []

    async def note(frame: bytes) -> bytes:
        seen.append(frame)
        return b"never"

    async with listening(note) as port:
        assert await said(port, raw, eof=True) == b""
    assert seen == []


async def test_22_a_length_that_is_too_long_times_out() -> None:
    async with listening(echo) as port:
        longer = b"%-8d" % (len(FIRST) + 10) + FIRST[8:]
        assert await said(port, longer) == b""


async def test_22_dripping_bytes_do_not_hold_a_connection() -> None:
    async with listening(echo) as port:
        began = asyncio.get_running_loop().time()
        pieces = [FIRST[i : i + 1] for i in range(20)]
        assert await said(port, *pieces, pause=0.05) == b""
        assert asyncio.get_running_loop().time() - began < 2


async def test_23_a_frame_of_more_than_4096_bytes() -> None:
    long = push(Hold2="x" * 6000)
    assert len(long) > 8000
    async with listening(echo) as port:
        assert await said(port, long, eof=True) == b"<%d>" % len(long)


async def test_connections_are_bounded() -> None:
    async with listening(echo) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert await said(port, FIRST, eof=True) == b""
        for _, writer in held:
            await hang_up(writer)
        await asyncio.sleep(0.05)
        assert await said(port, FIRST, eof=True) == b"<%d>" % len(FIRST)


async def test_frames_on_one_connection_are_bounded() -> None:
    async with listening(echo) as port:
        assert await said(port, FIRST * 5) == b"<%d>" % len(FIRST) * 3


async def test_27_no_answer_when_the_frame_could_not_be_kept() -> None:
    async def broken(raw: bytes) -> bytes:
        raise RuntimeError("the database is down")

    async with listening(broken) as port:
        assert await said(port, FIRST, eof=True) == b""
        assert await said(port, FIRST + SECOND, eof=True) == b""


async def test_27_no_answer_when_keeping_takes_too_long() -> None:
    async def stuck(raw: bytes) -> bytes:
        await asyncio.sleep(10)
        return b"late"

    async with listening(stuck) as port:
        assert await said(port, FIRST, eof=True) == b""


async def test_closing_hangs_up_on_everybody() -> None:
    listener = PushListener(echo)
    with pytest.raises(RuntimeError):
        _ = listener.port
    await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    await asyncio.sleep(0.05)
    await listener.close()
    async with asyncio.timeout(2):
        assert await reader.read() == b""
    await hang_up(writer)
