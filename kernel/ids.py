"""Identifiers that sort by time and cannot be guessed: the only module that draws randomness."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Protocol

from kernel.clock import Clock

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BYTES: Final = 10

Entropy = Callable[[int], bytes]
"""Returns that many unpredictable bytes."""


class IdSource(Protocol):
    """A source of new identifiers and of secrets."""

    def new(self, kind: str) -> str:
        """Return a new id ``<kind>_<26 characters>``; ids of one kind sort by time."""
        ...

    def secret(self, prefix: str = "") -> str:
        """Return ``prefix`` and 43 characters of base64url that carry 256 random bits."""
        ...


_PAIRS: Final = tuple(high + low for high in _CROCKFORD for low in _CROCKFORD)


def _base32(number: int, length: int) -> str:
    """Return ``length`` digits, an even number of them; two at a time, as many ids are drawn."""
    pairs = [_PAIRS[number >> shift & 1023] for shift in range(5 * length - 10, -1, -10)]
    return "".join(pairs)


@lru_cache(maxsize=4)
def _begun(milliseconds: int) -> str:
    """Return the first ten digits; many ids are drawn in one millisecond."""
    return _base32(milliseconds, 10)


class RandomIds:
    """Ids of 48 bits of milliseconds and 80 random bits in Crockford's base 32 (ULID layout)."""

    def __init__(self, clock: Clock, entropy: Entropy = secrets.token_bytes) -> None:
        self._clock = clock
        self._entropy = entropy

    def new(self, kind: str) -> str:
        """Return a new id of this kind."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        tail = int.from_bytes(self._entropy(_RANDOM_BYTES))
        return f"{kind}_{_begun(milliseconds)}{_base32(tail, 16)}"

    def secret(self, prefix: str = "") -> str:
        """Return a new secret."""
        return prefix + secrets.token_urlsafe(32)


class SequentialIds:
    """Ids that count from one, so that tests and reproducible documents can name them."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def new(self, kind: str) -> str:
        """Return ``<kind>_0001``, ``<kind>_0002`` and so on."""
        self._counts[kind] += 1
        return f"{kind}_{self._counts[kind]:04d}"

    def secret(self, prefix: str = "") -> str:
        """Return a predictable secret; for tests only."""
        self._counts["secret"] += 1
        return f"{prefix}secret{self._counts['secret']:037d}"


def random_bytes(count: int) -> bytes:
    """Return that many unpredictable bytes from the operating system."""
    return secrets.token_bytes(count)


def chance() -> float:
    """Return an unpredictable number from 0 up to 1, for waiting times with jitter."""
    return secrets.randbelow(2**53) / 2**53
