"""The gateway's own signing keys: published before they sign, kept until nothing signed lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from identity.jose import Keys, SigningKey, public_keys
from identity.oauth.model import StoredKey
from identity.oauth.ports import OAuthRows
from kernel.clock import Clock
from kernel.crypto.fields import FieldCipher, Place
from kernel.work import WorkSource

PUBLISHED_BEFORE: Final = timedelta(hours=24)
"""How long a key is in the key set before it signs (OURS, after common practice)."""
KEPT_AFTER: Final = timedelta(hours=1)
"""How long a key stays after the last token that it signed has ended."""
_BELIEVED: Final = 60.0
_HURRY: Final = 1.0


@dataclass(frozen=True)
class _Known:
    keys: tuple[tuple[SigningKey, datetime], ...]
    read_at: float
    public: Keys


class SigningKeys:
    """Signing keys by their start. ``life`` is the longest life of anything they sign."""

    def __init__(
        self,
        rows: OAuthRows,
        works: WorkSource,
        clock: Clock,
        cipher: FieldCipher,
        *,
        life: timedelta,
        rotate_after: timedelta,
    ) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._cipher = cipher
        self._life = life
        self._rotate_after = rotate_after
        self._known: _Known | None = None

    async def current(self) -> SigningKey:
        """Return the key that signs now; the first one of all is made here."""
        now = self._clock.now()
        known = await self._load()
        for key, starts_at in reversed(known.keys):
            if starts_at <= now:
                return key
        await self._add(now)
        return (await self._load(fresh=True)).keys[0][0]

    async def published(self) -> Sequence[dict[str, Any]]:
        """Return every key that anybody may need, as JWKs."""
        await self.current()
        return [key.public() for key, _ in (await self._load()).keys]

    async def verifying(self, kid: str) -> Keys:
        """Return our keys for verification; read again for an unknown ``kid``, at most once a
        second.
        """
        await self.current()
        known = await self._load()
        missing = all(key.kid != kid for key, _ in known.keys)
        if missing and self._clock.monotonic() - known.read_at >= _HURRY:
            known = await self._load(fresh=True)
        return known.public

    async def rotate(self) -> bool:
        """Publish the next key when the newest is old enough, and delete what nobody needs; tell
        whether anything changed.
        """
        await self.current()
        now = self._clock.now()
        known = await self._load(fresh=True)
        changed = False
        if now - known.keys[-1][1] >= self._rotate_after:
            await self._add(now + PUBLISHED_BEFORE)
            changed = True
        starts = [starts_at for _, starts_at in known.keys[1:]]
        for (key, _), successor in zip(known.keys, starts, strict=False):
            if successor + self._life + KEPT_AFTER <= now:
                async with self._works.begin() as work:
                    await self._rows.delete_key(work, key.kid)
                changed = True
        if changed:
            await self._load(fresh=True)
        return changed

    async def _add(self, starts_at: datetime) -> None:
        key = SigningKey.generate()
        sealed = self._cipher.encrypt(key.as_text(), _place(key.kid))
        stored = StoredKey(
            kid=key.kid, private=sealed, created_at=self._clock.now(), starts_at=starts_at
        )
        async with self._works.begin() as work:
            await self._rows.add_key(work, stored)

    async def _load(self, *, fresh: bool = False) -> _Known:
        known = self._known
        if known is not None and not fresh and self._clock.monotonic() - known.read_at < _BELIEVED:
            return known
        async with self._works.read() as work:
            rows = await self._rows.keys(work)
        keys = tuple(
            (SigningKey.of_text(self._cipher.decrypt(row.private, _place(row.kid))), row.starts_at)
            for row in rows
        )
        public = public_keys({"keys": [key.public() for key, _ in keys]}) if keys else Keys([])
        self._known = _Known(keys, self._clock.monotonic(), public)
        return self._known


def _place(kid: str) -> Place:
    return Place("identity_signing_key", "private", kid)
