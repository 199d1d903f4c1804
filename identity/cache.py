"""A small bounded memory of verified tokens, so that a request costs no query and no decryption."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from identity.model import Principal
from kernel.clock import Clock


class VerifiedTokens:
    """Principals by the hash of their token, each for ``seconds`` and never beyond its own end.

    A logout in this process takes effect at once; one in another process within ``seconds``.
    """

    def __init__(self, clock: Clock, *, seconds: int, size: int) -> None:
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._size = size
        self._known: OrderedDict[str, tuple[Principal, datetime]] = OrderedDict()
        self._dropped = 0

    @property
    def generation(self) -> int:
        """A number that every ``drop`` raises; ``put`` wants the one from before the row
        was read.
        """
        return self._dropped

    def get(self, token_hash: str) -> Principal | None:
        """Return the principal of a token verified a moment ago."""
        found = self._known.get(token_hash)
        if found is None:
            return None
        principal, until = found
        if self._clock.now() >= until:
            del self._known[token_hash]
            return None
        return principal

    def put(
        self, token_hash: str, principal: Principal, ends: datetime, *, generation: int
    ) -> None:
        """Remember a token that was verified just now; nothing when a logout came in between."""
        if generation != self._dropped:
            return
        until = min(self._clock.now() + self._life, ends)
        self._known[token_hash] = (principal, until)
        self._known.move_to_end(token_hash)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def drop(self, token_hash: str) -> None:
        """Forget a token."""
        self._dropped += 1
        self._known.pop(token_hash, None)
