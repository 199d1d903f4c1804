"""A small bounded memory of verified tokens, so that a request costs no query and no decryption."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from kernel.clock import Clock

V = TypeVar("V")


class VerifiedTokens(Generic[V]):
    """What was found out by the hash of a token, for ``seconds`` and never beyond its own end.

    A logout in this process takes effect at once; one in another process within ``seconds``.
    """

    def __init__(self, clock: Clock, *, seconds: int, size: int) -> None:
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._size = size
        self._known: OrderedDict[str, tuple[V, datetime]] = OrderedDict()
        self._dropped = 0

    @property
    def generation(self) -> int:
        """A number that every ``drop`` raises; ``put`` wants the one from before the row
        was read.
        """
        return self._dropped

    def get(self, token_hash: str) -> V | None:
        """Return what is known of a token verified a moment ago."""
        found = self._known.get(token_hash)
        if found is None:
            return None
        value, until = found
        if self._clock.now() >= until:
            del self._known[token_hash]
            return None
        return value

    def put(self, token_hash: str, found: V, ends: datetime, *, generation: int) -> None:
        """Remember a token that was verified just now; nothing when a logout came in between."""
        if generation != self._dropped:
            return
        until = min(self._clock.now() + self._life, ends)
        self._known[token_hash] = (found, until)
        self._known.move_to_end(token_hash)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def drop(self, token_hash: str) -> None:
        """Forget a token."""
        self._dropped += 1
        self._known.pop(token_hash, None)

    def drop_where(self, over: Callable[[V], bool]) -> None:
        """Forget every token of which ``over`` holds."""
        self._dropped += 1
        for token_hash in [name for name, (value, _) in self._known.items() if over(value)]:
            del self._known[token_hash]
