"""The legacy MAC of the frame: a hash over the shared token and the XML bytes.

A hash with a secret prefix can be extended by who has seen one (length extension); the strict
reader refuses whatever follows ``</CFX>``, and the connection belongs on TLS or a private line.
"""

from __future__ import annotations

import hashlib
import hmac


def sign(token: str, xml: bytes) -> str:
    """Return 64 lower-case hexadecimal digits of SHA-256(token ‖ xml)."""
    return hashlib.sha256(token.encode("utf-8") + xml).hexdigest()


def matches(token: str, xml: bytes, mac: str) -> bool:
    """Compare in constant time and whatever the case: senders differ in it."""
    return hmac.compare_digest(sign(token, xml).encode("ascii"), mac.lower().encode("utf-8"))
