"""What the simulated provider remembers: pushed requests, codes, tokens, used assertions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.sandbox.citizens import Account, Citizens
from adapters.sandbox.store import Store
from kernel.clock import Clock
from kernel.ids import RandomIds

LIVES: Final[Mapping[str, timedelta]] = {
    "request": timedelta(seconds=90),
    "code": timedelta(seconds=60),
    "access": timedelta(minutes=10),
}


class Book:
    """Everything durable is in the store; times come from the clock of the place."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds(clock)
        self.citizens = Citizens(store, clock, "op")

    def account(self, uuid: str) -> Account | None:
        """Return one account."""
        return self.citizens.find(uuid)

    def hand_out(self, kind: str, content: Mapping[str, Any]) -> str:
        """Return a new secret of a kind of LIVES that stands for ``content``."""
        secret = self._ids.secret()
        until = (self._clock.now() + LIVES[kind]).isoformat()
        self._store.put(kind, secret, {**content, "until": until})
        return secret

    def look(self, kind: str, secret: str) -> dict[str, Any] | None:
        """Return what a secret stands for, while it lives."""
        found: dict[str, Any] | None = self._store.get(kind, secret)
        if found is None or self._clock.now() >= datetime.fromisoformat(found["until"]):
            return None
        return found

    def take(self, kind: str, secret: str) -> dict[str, Any] | None:
        """Return what a secret stands for, once."""
        with self._store.transaction():
            found = self.look(kind, secret)
            self._store.delete(kind, secret)
        return found

    def first_use(self, jti: str) -> bool:
        """Note the id of an assertion; False when it was seen before."""
        return self._store.add("jti", jti[:200], True)

    def expire(self) -> None:
        """End the life of every code and token that was handed out."""
        past = self._clock.now().isoformat()
        for kind in LIVES:
            for secret, entry in self._store.items(kind):
                self._store.put(kind, secret, {**entry, "until": past})

    def sign_out(self, sub: str) -> None:
        """End every token of an account."""
        for secret, entry in self._store.items("access"):
            if entry["uuid"] == sub:
                self._store.delete("access", secret)
