"""All SQL of clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from identity.clients.model import (
    Client,
    ClientKey,
    ClientKind,
    ClientStatus,
    CryptoProfile,
    KeyKind,
    KeyStatus,
    RateClass,
)
from identity.clients.tables import client_keys, clients, nonces
from identity.model import PortalKind
from kernel.crypto.fields import FieldCipher, Place
from kernel.db.base import INSERTS, upsert
from kernel.db.work import connection
from kernel.work import Work

_LISTS: Final = (
    "redirect_uris",
    "post_logout_uris",
    "callback_hosts",
    "region_codes",
    "ip_cidrs",
    "purpose_codes",
)
_SETS: Final = ("scopes", "may_act_scopes")
_NONCE: Final = {
    name: into(nonces)
    .on_conflict_do_nothing(index_elements=["key_id", "nonce"])
    .returning(nonces.c.nonce)
    for name, into in INSERTS.items()
}


class SqlClientRows:
    """The rows of clients on PostgreSQL and SQLite (``ports.ClientRows``)."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, client: Client, at: datetime) -> bool:
        conn = connection(work)
        row = {**_columns(client), "client_id": client.client_id, "status": client.status}
        added = await conn.execute(
            upsert(conn, clients)
            .values(**row, version=1, created_at=at, updated_at=at)
            .on_conflict_do_nothing(index_elements=["client_id"])
            .returning(clients.c.client_id)
        )
        return added.first() is not None

    async def change(self, work: Work, client: Client, at: datetime) -> None:
        await connection(work).execute(
            update(clients)
            .where(clients.c.client_id == client.client_id)
            .values(**_columns(client), version=clients.c.version + 1, updated_at=at)
        )

    async def move(self, work: Work, client_id: str, old: ClientStatus, new: ClientStatus) -> bool:
        changed = await connection(work).execute(
            update(clients)
            .where(clients.c.client_id == client_id, clients.c.status == old)
            .values(status=new)
        )
        return changed.rowcount == 1

    async def get(self, work: Work, client_id: str) -> Client | None:
        conn = connection(work)
        row = (await conn.execute(select(clients).where(clients.c.client_id == client_id))).first()
        if row is None:
            return None
        found = await conn.execute(
            select(client_keys)
            .where(client_keys.c.client_id == client_id)
            .order_by(client_keys.c.created_at, client_keys.c.key_id)
        )
        return _client(row, tuple(self._key(key) for key in found))

    async def owner(self, work: Work, key_id: str) -> str | None:
        found = await connection(work).execute(
            select(client_keys.c.client_id).where(client_keys.c.key_id == key_id)
        )
        owner: str | None = found.scalar_one_or_none()
        return owner

    async def all(self, work: Work) -> Sequence[Client]:
        conn = connection(work)
        keys: dict[str, list[ClientKey]] = {}
        for row in await conn.execute(select(client_keys).order_by(client_keys.c.created_at)):
            keys.setdefault(row.client_id, []).append(_shown(row))
        found = await conn.execute(select(clients).order_by(clients.c.client_id))
        return [_client(row, tuple(keys.get(row.client_id, ()))) for row in found]

    async def lock(self, work: Work, client_id: str) -> bool:
        # A write, since SQLite knows no SELECT … FOR UPDATE.
        touched = await connection(work).execute(
            update(clients)
            .where(clients.c.client_id == client_id)
            .values(version=clients.c.version)
        )
        return touched.rowcount == 1

    async def add_key(self, work: Work, key: ClientKey) -> None:
        values = {**vars(key), "secret": None, "warned_days": None}
        if key.secret is not None:
            values["secret"] = self._cipher.encrypt(key.secret.hex(), _place(key.key_id))
        await connection(work).execute(insert(client_keys).values(**values))

    async def move_key(self, work: Work, key_id: str, new: KeyStatus) -> bool:
        changed = await connection(work).execute(
            update(client_keys)
            .where(client_keys.c.key_id == key_id, client_keys.c.status == KeyStatus.ACTIVE)
            .values(status=new)
        )
        return changed.rowcount == 1

    async def expiring(
        self, work: Work, before: datetime
    ) -> Sequence[tuple[ClientKey, int | None]]:
        found = await connection(work).execute(
            select(client_keys)
            .where(client_keys.c.status == KeyStatus.ACTIVE, client_keys.c.expires_at <= before)
            .order_by(client_keys.c.key_id)
        )
        return [(_shown(row), row.warned_days) for row in found]

    async def warned(self, work: Work, key_id: str, days: int) -> None:
        await connection(work).execute(
            update(client_keys).where(client_keys.c.key_id == key_id).values(warned_days=days)
        )

    async def use_nonce(self, work: Work, key_id: str, nonce: str, until: datetime) -> bool:
        conn = connection(work)
        row = {"key_id": key_id, "nonce": nonce, "expires_at": until}
        added = await conn.execute(_NONCE[conn.dialect.name], row)
        return added.first() is not None

    async def forget_nonces(self, work: Work, now: datetime, limit: int) -> int:
        conn = connection(work)
        old = select(nonces.c.nonce).where(nonces.c.expires_at < now).limit(limit)
        deleted = await conn.execute(
            delete(nonces).where(nonces.c.nonce.in_(old), nonces.c.expires_at < now)
        )
        return deleted.rowcount

    def _key(self, row: Row[*tuple[Any, ...]]) -> ClientKey:
        # A key that no longer signs has no use for its secret.
        secret = row.secret if row.status == KeyStatus.ACTIVE else None
        opened = None if secret is None else self._cipher.decrypt(secret, _place(row.key_id))
        return _shown(row, None if opened is None else bytes.fromhex(opened))


def _place(key_id: str) -> Place:
    return Place("identity_client_key", "secret", key_id)


def _shown(row: Row[*tuple[Any, ...]], secret: bytes | None = None) -> ClientKey:
    return ClientKey(
        key_id=row.key_id,
        client_id=row.client_id,
        kind=KeyKind(row.kind),
        secret=secret,
        public_key=row.public_key,
        status=KeyStatus(row.status),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _columns(client: Client) -> dict[str, Any]:
    grants: dict[str, Any] = {name: list(getattr(client, name)) for name in _LISTS}
    grants |= {name: sorted(getattr(client, name)) for name in _SETS}
    grants["jwks"] = None if client.jwks is None else dict(client.jwks)
    grants["backchannel_logout_uri"] = client.backchannel_logout_uri
    return {
        "name": client.name,
        "org_uscc": client.org_uscc,
        "kind": client.kind,
        "channel": client.channel,
        "profile": client.profile,
        "rate_class": client.rate_class,
        "sector": client.sector,
        "grants": grants,
        "not_before": client.not_before,
        "not_after": client.not_after,
    }


def _client(row: Row[*tuple[Any, ...]], keys: tuple[ClientKey, ...]) -> Client:
    grants: Mapping[str, Any] = row.grants
    listed: dict[str, Any] = {name: tuple(grants[name]) for name in _LISTS}
    permitted: dict[str, Any] = {name: frozenset(grants[name]) for name in _SETS}
    return Client(
        client_id=row.client_id,
        name=row.name,
        org_uscc=row.org_uscc,
        kind=ClientKind(row.kind),
        channel=PortalKind(row.channel),
        status=ClientStatus(row.status),
        profile=CryptoProfile(row.profile),
        rate_class=RateClass(row.rate_class),
        sector=row.sector,
        **listed,
        **permitted,
        jwks=grants["jwks"],
        backchannel_logout_uri=grants["backchannel_logout_uri"],
        not_before=row.not_before,
        not_after=row.not_after,
        keys=keys,
    )
