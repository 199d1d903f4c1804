"""Whose address counts behind proxies: never one that the caller wrote itself."""

from __future__ import annotations

import ipaddress

import pytest

from gateway.api.peer import client_address, is_allowed

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def real_address(peer, forwarded, trusted):
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": headers}
    return client_address(scope, trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 10.9.9.9, 198.51.100.1,10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "10.0.0.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_rightmost_hop_that_is_not_ours(peer, forwarded, expected):
    assert real_address(peer, forwarded, TRUSTED) == expected


def test_nobody_is_believed_by_default():
    assert real_address("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"


def test_allowed_networks():
    assert is_allowed("198.51.100.1", ())
    assert is_allowed("10.1.2.3", ("192.0.2.0/24", "10.1.0.0/16"))
    assert is_allowed("::ffff:10.1.2.3", ("10.1.0.0/16",))
    assert not is_allowed("10.2.0.1", ("10.1.0.0/16",))
    assert not is_allowed("", ("0.0.0.0/0",))
