"""All SQL of the gateway's own keys; private halves are stored encrypted."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from gateway.events.model import SigningKey
from gateway.events.tables import signing_keys
from kernel.crypto import sm2
from kernel.crypto.fields import FieldCipher, Place
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.work import Work


class SqlSigningKeys:
    """The rows of the gateway's keys on PostgreSQL and SQLite (``ports.KeyRepository``)."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    async def all(self, work: Work) -> Sequence[SigningKey]:
        rows = await connection(work).execute(
            select(signing_keys).order_by(signing_keys.c.use_from.desc())
        )
        return [self._key(row) for row in rows]

    async def add(self, work: Work, key: SigningKey, at: datetime) -> None:
        conn = connection(work)
        text = base64.b64encode(key.private.scalar).decode("ascii")
        await conn.execute(
            upsert(conn, signing_keys)
            .values(
                key_id=key.key_id,
                private_key=self._cipher.encrypt(text, _place(key.key_id)),
                public_key=key.public_key,
                created_at=at,
                use_from=key.use_from,
                use_until=key.use_until,
            )
            .on_conflict_do_nothing(index_elements=["key_id"])
        )

    async def end(self, work: Work, at: datetime) -> None:
        await connection(work).execute(
            update(signing_keys).where(signing_keys.c.use_until > at).values(use_until=at)
        )

    def _key(self, row: Row[*tuple[Any, ...]]) -> SigningKey:
        opened = self._cipher.decrypt(row.private_key, _place(row.key_id))
        return SigningKey(
            key_id=row.key_id,
            private=sm2.PrivateKey.from_scalar(base64.b64decode(opened)),
            public_key=row.public_key,
            use_from=row.use_from,
            use_until=row.use_until,
        )


def _place(key_id: str) -> Place:
    return Place("gateway_signing_key", "private_key", key_id)
