"""Sends messages to addresses that others registered (回调), guarded against being turned inwards.

A name is resolved here, every address it has is checked, and the connection goes to a checked
address: a name that changes its answer in between gains nothing (SSRF, DNS rebinding).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
SECONDS: Final = 5.0
MOST_ANSWER: Final = 64 * 1024
_HTTPS: Final = 443
DENIED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23"),
        *("2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10"),
        "ff00::/8",
    )
)
"""Written out, since ``is_global`` says yes to NAT64 and 6to4 disguises of 127.0.0.1."""


class AddressRefused(Exception):
    """We do not send there; the text says why, without the address."""


@dataclass(frozen=True)
class Guard:
    """Decides where a callback may go. ``allowed`` are networks of our own that it may reach."""

    allowed: Sequence[Network] = ()

    def check_url(self, url: str) -> None:
        """Raise AddressRefused unless the address has the form of one that could be used."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as exc:
            raise AddressRefused("the port is no port") from exc
        if parts.scheme not in {"https", "http"} or not parts.hostname or not url.isascii():
            raise AddressRefused("an address is absolute, ASCII, https or http")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise AddressRefused("an address has no user and no fragment")
        usual = parts.scheme == "https" and port in {None, _HTTPS}
        if not usual and not self.allowed:
            raise AddressRefused("an address is https on port 443")
        if _is_literal(parts.hostname):
            raise AddressRefused("an address names a host, not a number")

    def check(self, url: str, addresses: Sequence[str]) -> None:
        """Raise AddressRefused unless every address of the host may be connected to."""
        parts = urlsplit(url)
        usual = parts.scheme == "https" and parts.port in {None, _HTTPS}
        if not addresses:
            raise AddressRefused("the host has no address")
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            is_ours = any(address in network for network in self.allowed)
            if not is_ours and (not usual or not is_public(address)):
                raise AddressRefused("the host's address is not a public one")
            if parts.scheme == "http" and not address.is_loopback:
                raise AddressRefused("plain http goes to the loopback only")


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet, and no disguise of another."""
    return address.is_global and not any(address in network for network in DENIED)


class CallbackClient:
    """Posts callbacks. Every one has its own connection, no redirects, five seconds, 64 KiB."""

    def __init__(self, guard: Guard, resolve: Resolve | None = None) -> None:
        self._guard = guard
        self._resolve = resolve or resolved

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Return the status of the answer.

        Raises AddressRefused, OSError and TimeoutError for what never became an answer.
        """
        self._guard.check_url(url)
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            async with asyncio.timeout(SECONDS):
                addresses = await self._resolve(host, parts.port or _HTTPS)
                self._guard.check(url, addresses)
                connector = aiohttp.TCPConnector(
                    resolver=_Pinned(host, addresses), use_dns_cache=False, force_close=True
                )
                async with (
                    aiohttp.ClientSession(
                        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
                    ) as session,
                    session.post(
                        url, data=body, headers=dict(headers), allow_redirects=False
                    ) as answer,
                ):
                    await answer.content.read(MOST_ANSWER)
                    return answer.status
        except aiohttp.ClientError as exc:
            raise OSError(type(exc).__name__) from exc


@dataclass
class _Pinned(AbstractResolver):
    """Knows one host, with the addresses that were checked."""

    host: str
    addresses: Sequence[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host.rstrip(".").lower() != self.host.rstrip("."):
            raise OSError("another host than the one that was checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        return


async def resolved(host: str, port: int) -> Sequence[str]:
    """Return every address of a host as the system knows them."""
    loop = asyncio.get_running_loop()
    found: list[Any] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1, 0x7f.1 and 2130706433 are numbers to the system as well: no top level is one.
        last = host.rstrip(".").rpartition(".")[2]
        return last.isdigit() or last.startswith("0x")
    return True
