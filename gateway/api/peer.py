"""Who is at the other end: the socket's peer, or what a trusted proxy in front says about it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

Networks = Sequence[IPv4Network | IPv6Network]
_FORWARDED: Final = "x-forwarded-for"


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


def is_trusted(address: str, proxies: Networks) -> bool:
    """Whether an address belongs to a proxy in front."""
    found = _parsed(address)
    return found is not None and any(found in network for network in proxies)


def socket_peer(scope: Scope) -> str:
    """Return the address at the other end of the socket; empty for a local one."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def through_proxy(scope: Scope, proxies: Networks) -> bool:
    """Whether the request came from a trusted proxy, whose headers about the client count."""
    return is_trusted(socket_peer(scope), proxies)


def client_address(scope: Scope, proxies: Networks) -> str:
    """Return the client's address: the last one in X-Forwarded-For that is no proxy of ours.

    Without a trusted proxy at the socket the header is what anybody may write, and not read.
    """
    address = socket_peer(scope)
    if not is_trusted(address, proxies):
        return address
    hops = [
        hop
        for value in Headers(scope=scope).getlist(_FORWARDED)
        for hop in value.split(",")
        if hop.strip()
    ]
    for hop in reversed(hops):
        found = _parsed(hop)
        if found is None:
            return address
        address = str(found)
        if not is_trusted(address, proxies):
            return address
    return address
