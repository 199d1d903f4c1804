"""Who is at the other end: the socket's peer, or what a trusted proxy in front says about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

Networks = Sequence[IPv4Network | IPv6Network]
_FORWARDED: Final = "x-forwarded-for"
_MOST_HOPS: Final = 20


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket of both families shows 10.0.0.1 as ::ffff:10.0.0.1.
    return getattr(address, "ipv4_mapped", None) or address


def is_in(address: str, networks: Networks) -> bool:
    """Whether an address belongs to one of the networks."""
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)


def is_allowed(address: str, cidrs: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks; none at all allow everywhere."""
    networks = [ip_network(cidr) for cidr in cidrs]
    return not networks or is_in(address, networks)


def socket_peer(scope: Scope) -> str:
    """Return the address at the other end of the socket; empty for a local one."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def through_proxy(scope: Scope, proxies: Networks) -> bool:
    """Whether the request came from a trusted proxy, whose headers about the client count."""
    return is_in(socket_peer(scope), proxies)


def client_address(scope: Scope, proxies: Networks) -> str:
    """Return the client's address: the last one in X-Forwarded-For that is no proxy of ours.

    Without a trusted proxy at the socket the header is what anybody may write, and not read.
    """
    address = socket_peer(scope)
    if not is_in(address, proxies):
        return address
    hops = [
        hop
        for value in Headers(scope=scope).getlist(_FORWARDED)
        for hop in value.split(",")
        if hop.strip()
    ]
    for hop in reversed(hops[-_MOST_HOPS:]):
        found = _parsed(hop)
        if found is None:
            return address
        address = str(found)
        if not is_in(address, proxies):
            return address
    return address
