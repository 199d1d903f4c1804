"""One-time codes by time (RFC 6238): HMAC-SHA-1, 30 seconds, six digits, as apps make them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import quote

SECRET_BYTES: Final = 20
_STEP: Final = 30
_DIGITS: Final = 6
_ISSUER: Final = "OneWindow"


def code(secret: bytes, step: int, digits: int = _DIGITS) -> str:
    """Return the code of one time step (RFC 4226, 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8), "sha1")
    start = mac[-1] & 15
    number = int.from_bytes(mac[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def step_of(at: datetime) -> int:
    """Return the time step of a moment."""
    return int(at.timestamp()) // _STEP


def accepted(secret: bytes, given: str, at: datetime) -> Iterator[int]:
    """Yield the steps, one before and one behind allowed (5.2), whose code this is."""
    now = step_of(at)
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(code(secret, step).encode(), given.encode()):
            yield step


def enrolment(secret: bytes, account: str) -> str:
    """Return the address that an authenticator app scans."""
    text = base64.b32encode(secret).decode("ascii").rstrip("=")
    return f"otpauth://totp/{_ISSUER}:{quote(account)}?secret={text}&issuer={_ISSUER}"
