"""The kit's client over TCP: whole answers, and all the ways in which there is none."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter

import pytest

from adapters.kit.kit import ByteReader
from kernel.errors import (
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamUnavailable,
)
from tests.unit.kit.upstream import (
    client,
    http,
    silent,
    upstream,
)

OK = http(b'{"a": 1.10}')
PAGE = http(b"<!DOCTYPE html><html></html>", kind="text/html")


async def _framed(reader: ByteReader) -> bytes:
    return await reader.exactly(int(await reader.exactly(4)))


@pytest.mark.parametrize(
    ("answer", "close", "safe", "unsafe"),
    [
        (b"0005hel", True, UpstreamProtocolError, UpstreamOutcomeUnknown),
        (b"", True, UpstreamUnavailable, UpstreamOutcomeUnknown),
        (b"", False, UpstreamUnavailable, UpstreamOutcomeUnknown),
        (b"9999", False, UpstreamProtocolError, UpstreamOutcomeUnknown),
    ],
)
async def test_tcp_answers_that_are_none(
    answer: bytes, close: bool, safe: type[UpstreamError], unsafe: type[UpstreamError]
) -> None:
    async def script(head: bytes, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(answer)
        if close:
            writer.close()
        else:
            await silent(head, reader, writer)

    operations = {
        "ask": {"safe": True, "read_ms": 200, "connect_ms": 100, "answer_bytes": 5000},
        "pay": {"read_ms": 200, "connect_ms": 100, "answer_bytes": 5000},
    }
    async with upstream(script) as up, client(up.port, tcp=True, operations=operations) as c:
        for operation, kind in (("ask", safe), ("pay", unsafe)):
            with pytest.raises(UpstreamError) as caught:
                await c.client.exchange(operation, b"frame\r\n\r\n", _framed)
            assert type(caught.value) is kind


async def test_tcp_exchange() -> None:
    async def slowly(_head: bytes, _reader: StreamReader, writer: StreamWriter) -> None:
        for piece in (b"00", b"05he", b"llo"):
            writer.write(piece)
            await asyncio.sleep(0.01)

    async with upstream(slowly) as up, client(up.port, tcp=True) as c:
        assert await c.client.exchange("pay", b"frame\r\n\r\n", _framed) == b"hello"
    assert up.heads == [b"frame\r\n\r\n"]
    async with client(up.port, tcp=True) as c:
        with pytest.raises(UpstreamUnavailable):
            await c.client.exchange("pay", b"frame\r\n\r\n", _framed)
