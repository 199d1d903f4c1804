"""What a registration must satisfy, one rule per field; nothing here reads or writes."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from identity.clients.errors import ClientInvalid
from identity.clients.model import SCOPES, Client, ClientKind
from kernel import divisions
from kernel.errors import InvalidInput
from kernel.gbcodes import parse_uscc

CLIENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
KEY_ID: Final = re.compile(r"[a-z0-9-]{3,40}")
_HOST: Final = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]*")
_PURPOSE: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MOST: Final = 50
_LONGEST_NAME: Final = 80
_LONGEST_URI: Final = 500


def require_valid(client: Client) -> None:
    """Raise ClientInvalid naming the first field that cannot be registered."""
    if CLIENT_ID.fullmatch(client.client_id) is None:
        raise ClientInvalid("client_id has 2 to 63 of a-z, 0-9 and -")
    if not 1 < len(client.name) <= _LONGEST_NAME or not client.name.isprintable():
        raise ClientInvalid("name has 2 to 80 characters")
    _organisation(client)
    _addresses(client)
    if unknown := (client.scopes | client.may_act_scopes) - SCOPES:
        raise ClientInvalid("unknown scopes", scopes=sorted(unknown))
    _limits(client)


def _addresses(client: Client) -> None:
    for uri in (*client.redirect_uris, *client.post_logout_uris):
        require_address(uri)
    if client.backchannel_logout_uri is not None:
        require_address(client.backchannel_logout_uri)
    for host in client.callback_hosts:
        if _HOST.fullmatch(host) is None:
            raise ClientInvalid("callback_hosts are names in lower case, never addresses")


def _limits(client: Client) -> None:
    for cidr in client.ip_cidrs:
        _require_network(cidr)
    for region in client.region_codes:
        _require_region(region)
    if not all(_PURPOSE.fullmatch(code) for code in client.purpose_codes):
        raise ClientInvalid("purpose_codes have 1 to 40 of A-Z, a-z, 0-9, . _ -")
    if client.not_before and client.not_after and client.not_before >= client.not_after:
        raise ClientInvalid("not_after lies before not_before")
    many = (client.redirect_uris, client.callback_hosts, client.ip_cidrs, client.region_codes)
    if any(len(values) > _MOST for values in many):
        raise ClientInvalid(f"a list has more than {_MOST} entries")


def require_address(uri: str) -> None:
    """Raise ClientInvalid unless a browser may be sent there: https, or http on this machine."""
    parts = urlsplit(uri)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not plain:
        raise ClientInvalid("an address is https, or http on the loopback interface")
    if not parts.hostname or parts.username is not None or parts.fragment or not uri.isascii():
        raise ClientInvalid("an address is absolute, ASCII, without user and fragment")
    if len(uri) > _LONGEST_URI:
        raise ClientInvalid("an address has at most 500 characters")


def _organisation(client: Client) -> None:
    if client.org_uscc is None:
        if client.kind is ClientKind.DEPT_SYSTEM:
            raise ClientInvalid("a department's system needs org_uscc: it decides what it may see")
        return
    try:
        parse_uscc(client.org_uscc)
    except InvalidInput as exc:
        raise ClientInvalid("org_uscc is no unified social credit code") from exc


def _require_network(cidr: str) -> None:
    try:
        ipaddress.ip_network(cidr)
    except ValueError as exc:
        raise ClientInvalid("ip_cidrs are networks such as 10.1.0.0/16") from exc


def _require_region(region: str) -> None:
    try:
        divisions.find(region)
    except InvalidInput as exc:
        raise ClientInvalid("region_codes are six digits of a division") from exc
