"""Where callbacks may go: every disguise of an inner address, redirects, names that change."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from adapters.kit.callbacks import AddressRefused, CallbackClient, Guard, resolved

PUBLIC = "https://hooks.example.gov.cn/in"
INNER = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::7f00:1"),
    "64:ff9b:1::7f00:1",
]


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_refused(address):
    guard = Guard()
    with pytest.raises(AddressRefused):
        guard.check(PUBLIC, [address])
    with pytest.raises(AddressRefused):
        guard.check(PUBLIC, ["1.1.1.1", address])


def test_a_public_address():
    Guard().check(PUBLIC, ["1.1.1.1", "2606:4700::1111"])
    with pytest.raises(AddressRefused):
        Guard().check(PUBLIC, [])


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.gov.cn/", "https://hooks.example.gov.cn:8443/", "ftp://x/"),
        *("https://user@hooks.example.gov.cn/", "https://u:p@h.example/", "https:///x"),
        *("https://127.0.0.1/", "https://[::1]/", "https://0177.0.0.1/", "https://2130706433/"),
        *("https://127.1/", "https://0x7f.1/", "https://0x7f000001/", "https://h.example/#f"),
        *("https://h.example:99999/", "https://例子.example/"),
    ],
)
def test_an_address_that_is_refused_before_any_lookup(url):
    with pytest.raises(AddressRefused):
        Guard().check_url(url)


def test_a_network_of_our_own():
    guard = Guard((ipaddress.ip_network("10.20.0.0/16"),))
    guard.check_url("https://inner.example.gov.cn:8443/in")
    guard.check("https://inner.example.gov.cn:8443/in", ["10.20.1.1"])
    for url, address in (
        ("https://inner.example.gov.cn:8443/in", "1.1.1.1"),
        ("https://inner.example.gov.cn/in", "10.21.1.1"),
        ("http://inner.example.gov.cn/in", "10.20.1.1"),
    ):
        with pytest.raises(AddressRefused):
            guard.check(url, [address])


@asynccontextmanager
async def receiver(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers always the same."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


LOOPBACK = Guard((ipaddress.ip_network("127.0.0.0/8"),))


async def test_a_name_is_resolved_once_and_the_checked_address_is_used():
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with receiver(b"HTTP/1.1 204 No Content\r\n\r\n") as (port, seen):
        client = CallbackClient(LOOPBACK, rebinding)
        url = f"http://hooks.example.gov.cn:{port}/in?x=1"
        assert await client.post(url, {"X-A": "b"}, b"{}") == 204
    assert asked == ["hooks.example.gov.cn"]
    assert b"POST /in?x=1 HTTP/1.1" in seen[0]
    assert f"Host: hooks.example.gov.cn:{port}".encode() in seen[0]


async def test_a_redirect_is_not_followed():
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with receiver(moved) as (port, seen):
        url = f"http://localhost:{port}/"
        assert await CallbackClient(LOOPBACK).post(url, {}, b"") == 302
    assert len(seen) == 1


async def test_a_name_of_the_loopback_is_refused():
    async with receiver(b"") as (port, seen):
        with pytest.raises(AddressRefused):
            await CallbackClient(Guard()).post(f"https://localhost:{port}/", {}, b"")
        with pytest.raises(AddressRefused):
            await CallbackClient(Guard()).post("https://localhost/", {}, b"")
    assert seen == []


async def test_numbers_in_disguise_lead_inwards():
    for host in ("127.1", "2130706433", "0x7f.1"):
        assert await resolved(host, 443) == ["127.0.0.1"]


async def test_no_answer_is_an_error():
    async with receiver(b"") as (port, _):
        with pytest.raises(OSError):
            await CallbackClient(LOOPBACK).post(f"http://localhost:{port}/", {}, b"")
