"""Remembers ids that were used, so that a proof or an assertion works once."""

from __future__ import annotations

from datetime import datetime

from identity import codec
from identity.oauth.ports import AccessRows


class Replays:
    """Used ids in the database, since several processes serve the same clients."""

    def __init__(self, rows: AccessRows) -> None:
        self._rows = rows

    async def first(self, owner: str, jti: str, until: datetime) -> bool:
        """Return whether ``jti`` of ``owner`` comes for the first time; remembered until then."""
        return await self._rows.burn_jti(owner, codec.hashed(jti), until)
