"""The gateway's own SM2 keys (网关签名密钥): signs callbacks, publishes the public halves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from gateway.events.model import SigningKey
from gateway.events.ports import KeyRepository
from kernel.clock import Clock
from kernel.crypto import sm2
from kernel.ids import IdSource
from kernel.signing import sdgw1
from kernel.signing.canonical import Covered
from kernel.work import Work, WorkSource

AHEAD: Final = timedelta(hours=24)
"""A new key is published this long before it signs, so that receivers know it in time."""
LIFE: Final = timedelta(days=365)
KEPT: Final = timedelta(days=30)
"""A key is still published this long after its end, for messages that are checked late."""


class GatewayKeys:
    """Makes, uses and rotates the gateway's keys; the first one is made when it is needed."""

    def __init__(self, rows: KeyRepository, works: WorkSource, clock: Clock, ids: IdSource) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._ids = ids
        self._using: SigningKey | None = None
        self._until = 0.0

    async def published(self) -> Sequence[SigningKey]:
        """Return every key that a receiver should know, the newest first."""
        now = self._clock.now()
        await self.current()
        async with self._works.read() as work:
            return [key for key in await self._rows.all(work) if now < key.use_until + KEPT]

    async def current(self) -> SigningKey:
        """Return the key that signs at this moment; looked up once a minute."""
        now = self._clock.now()
        kept = self._using
        if kept is not None and self._clock.monotonic() < self._until and now < kept.use_until:
            return kept
        async with self._works.read() as work:
            found = _usable(await self._rows.all(work), now)
        if found is None:
            async with self._works.begin() as work:
                await self._add(work, now)
                found = _usable(await self._rows.all(work), now)
        if found is None:
            raise RuntimeError("the gateway's first key was not stored")
        self._using, self._until = found, self._clock.monotonic() + 60
        return found

    async def rotate(self) -> SigningKey:
        """Make a new key, published from now on and used after a day; the old one then ends."""
        await self.current()
        start = self._clock.now() + AHEAD
        async with self._works.begin() as work:
            await self._rows.end(work, start)
            return await self._add(work, start)

    async def headers(self, url: str, body: bytes) -> dict[str, str]:
        """Return the headers that sign a POST of a JSON body to an address."""
        key = await self.current()
        parts = urlsplit(url)
        covered = Covered(
            algorithm=sdgw1.Algorithm.SM2_SM3,
            method="POST",
            path=parts.path or "/",
            query=parts.query,
            key_id=key.key_id,
            timestamp=str(int(self._clock.now().timestamp())),
            nonce=self._ids.secret()[:32],
            idempotency_key="",
            content_type="application/json",
            digest=sdgw1.digest_of(body),
        )
        return {**sdgw1.sign(covered, key.private), "Content-Type": "application/json"}

    async def _add(self, work: Work, start: datetime) -> SigningKey:
        pair = sm2.generate()
        number = len(await self._rows.all(work)) + 1
        key = SigningKey(
            key_id=f"gw-{start.year}-{number}",
            private=pair,
            public_key=pair.public.to_pem(),
            use_from=start,
            use_until=start + LIFE,
        )
        await self._rows.add(work, key, self._clock.now())
        return key


def _usable(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    return next((key for key in keys if key.use_from <= now < key.use_until), None)
