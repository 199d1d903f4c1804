"""SM3 digests and HMAC-SM3 (GB/T 32905-2016)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives import constant_time, hashes
from cryptography.hazmat.primitives.hmac import HMAC

DIGEST_SIZE: Final = 32
"""Bytes of a digest."""


def digest(data: bytes) -> bytes:
    """Return the 32-byte SM3 digest of the data."""
    return digest_of((data,))


def digest_of(chunks: Iterable[bytes | memoryview]) -> bytes:
    """Return the 32-byte SM3 digest of chunks in their order, for files that should not be held
    whole.
    """
    state = hashes.Hash(hashes.SM3())
    for chunk in chunks:
        state.update(chunk)
    return state.finalize()


def hmac(key: bytes, data: bytes) -> bytes:
    """Return the 32-byte HMAC-SM3 of the data."""
    state = HMAC(key, hashes.SM3())
    state.update(data)
    return state.finalize()


def same(left: bytes, right: bytes) -> bool:
    """Return whether two digests are equal, in a time that does not depend on where they differ."""
    return constant_time.bytes_eq(left, right)
