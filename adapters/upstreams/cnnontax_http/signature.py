"""The header signature of the HTTP binding (OURS): HMAC-SHA256 over what must not change."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from adapters.upstreams.cnnontax_http.wire import (
    KEY_ID,
    NONCE,
    NONCE_FORM,
    SIGNATURE,
    TIMESTAMP,
    TIMESTAMP_FORM,
    TOLERANCE,
    VERSION,
)

MOST_KEYS: Final = 2


class NotSigned(ValueError):
    """A message whose headers do not prove where it comes from."""


class NotFresh(ValueError):
    """A message whose time is too far from ours."""


@dataclass(frozen=True)
class Key:
    """A shared key and its name."""

    key_id: str
    secret: str = field(repr=False)


def parse_keys(text: str) -> tuple[Key, ...]:
    """Return the active keys of ``id=secret;id=secret``, the one that signs first.

    Raises ValueError when there are none, more than two, or one without name or secret.
    """
    keys = []
    for part in text.split(";"):
        key_id, _, secret = part.strip().partition("=")
        if not key_id or len(secret) < 8:
            raise ValueError("a key is written as id=secret, eight characters or more")
        keys.append(Key(key_id, secret))
    if len(keys) > MOST_KEYS or len({key.key_id for key in keys}) != len(keys):
        raise ValueError("there are at most two active keys, each with its own id")
    return tuple(keys)


def sign(secret: str, start: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the signature in hexadecimal; ``start`` is the method, or the answer's status."""
    text = "\n".join((start, path, timestamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), text.encode("ascii"), hashlib.sha256).hexdigest()


def headers_of(
    key: Key, start: str, path: str, at: datetime, nonce: str, body: bytes
) -> dict[str, str]:
    """Return the four headers of a message that is sent now."""
    timestamp = str(int(at.timestamp()))
    signature = sign(key.secret, start, path, timestamp, nonce, body)
    return {
        KEY_ID: key.key_id,
        TIMESTAMP: timestamp,
        NONCE: nonce,
        SIGNATURE: VERSION + signature,
    }


def require_signed(
    keys: Mapping[str, str],
    start: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> str:
    """Return the nonce of a message that is signed with one of the keys (id to secret) and fresh.

    Raises NotSigned or NotFresh. The time is judged first: a replay is refused before any other
    question is asked.
    """
    timestamp, nonce = headers.get(TIMESTAMP, ""), headers.get(NONCE, "")
    if TIMESTAMP_FORM.fullmatch(timestamp) is None or NONCE_FORM.fullmatch(nonce) is None:
        raise NotSigned("the time or the nonce is missing or malformed")
    if abs(now.timestamp() - int(timestamp)) > timedelta(seconds=TOLERANCE).total_seconds():
        raise NotFresh("the time is more than 300 seconds off")
    secret = keys.get(headers.get(KEY_ID, ""))
    if secret is None:
        raise NotSigned("the key is not known, or no longer")
    wanted = VERSION + sign(secret, start, path, timestamp, nonce, body)
    given = headers.get(SIGNATURE, "")
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise NotSigned("the signature is not made with our key")
    return nonce
