"""A ring of named keys: the active one writes, all of them read, so that keys can be changed in
operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from kernel.crypto import sm3
from kernel.crypto.errors import DecryptionFailed, InvalidKey

SHORTEST_KEY: Final = 32

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


class KeyRing:
    """Named secrets of at least 32 bytes, one of them active.

    ``derive`` gives every purpose its own key, so one configured secret never serves two
    algorithms. Raise InvalidKey for a short key, a name outside ``[A-Za-z0-9_-]{1,32}``, or an
    active name that is not there.
    """

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        if active not in keys:
            raise InvalidKey("the active key is not on the ring")
        for name, key in keys.items():
            if _NAME.fullmatch(name) is None:
                raise InvalidKey("a key's name has 1 to 32 of A-Z, a-z, 0-9, _ and -")
            if len(key) < SHORTEST_KEY:
                raise InvalidKey("a key of the ring is shorter than 32 bytes")
        self._keys = dict(keys)
        self.active = active

    def __repr__(self) -> str:
        return f"KeyRing({sorted(self._keys)}, active={self.active!r})"

    def __iter__(self) -> Iterator[str]:
        """Yield the names, the active one first: the order in which a MAC should be tried."""
        yield self.active
        yield from (name for name in self._keys if name != self.active)

    def derive(self, name: str, purpose: str, length: int) -> bytes:
        """Return up to 32 bytes that depend on this key and purpose alone (HKDF-Expand with
        HMAC-SM3, RFC 5869).

        Raise DecryptionFailed for a name that is not on the ring, as happens with data of a lost
        key.
        """
        key = self._keys.get(name)
        if key is None:
            raise DecryptionFailed("the data was protected with a key that is not on the ring")
        if not 1 <= length <= sm3.DIGEST_SIZE:
            raise ValueError("one derivation gives 1 to 32 bytes")
        return sm3.hmac(key, purpose.encode() + b"\x01")[:length]
