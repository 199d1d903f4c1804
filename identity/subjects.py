"""Subjects (用户标识) as portals see them: pairwise, so that two portals cannot compare notes."""

from __future__ import annotations

import base64
from typing import Final

from kernel.crypto import sm3

_PURPOSE: Final = b"identity.pairwise\x01"
_LENGTH: Final = 32


class PairwiseSubjects:
    """Makes pairwise subjects under a key of their own.

    The key is derived from the index key (32 bytes), which outlives the keys that encrypt: a
    portal's accounts must not change when those are rotated. The form is OURS.
    """

    def __init__(self, index_key: bytes) -> None:
        self._key = sm3.hmac(index_key, _PURPOSE)

    def pairwise(self, sub: str, sector: str) -> str:
        """Return base32(HMAC-SM3(k_pairwise, sub|sector))[:32] (OpenID Connect Core, 8.1).

        ``sector`` is the client's sector identifier, usually its client_id. Raises ValueError when
        ``sub`` is empty or holds the separator, or ``sector`` is empty.
        """
        if not sub or not sector or "|" in sub:
            raise ValueError("a subject and a sector are needed, the subject without separator")
        digest = sm3.hmac(self._key, f"{sub}|{sector}".encode())
        return base64.b32encode(digest).decode("ascii")[:_LENGTH]
