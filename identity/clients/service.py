"""The registry of clients (接入应用登记): who may call, and with which keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from identity.clients import rules
from identity.clients.errors import (
    ClientExists,
    ClientInvalid,
    ClientUnknown,
    KeyUnknown,
    TooManyKeys,
)
from identity.clients.model import (
    MAX_KEYS,
    SHORTEST_SECRET,
    Client,
    ClientKey,
    ClientKind,
    ClientStatus,
    KeyKind,
    KeyStatus,
    NewKey,
)
from identity.clients.ports import ClientRows
from identity.clients.states import CLIENT, KEY
from identity.options import Options, PortalClient
from kernel.clock import Clock
from kernel.crypto.sm2 import PublicKey
from kernel.errors import Conflict
from kernel.ids import Entropy, IdSource
from kernel.work import Move, Work, WorkSource

_CACHED: Final = 2_000
_NONCES_AT_ONCE: Final = 5_000
_PORTAL_SCOPES: Final = frozenset(
    {"openid", "profile", "offline_access", "event.read", "case.read"}
)
"""What a portal of the settings may ask for; more needs a registration."""


@dataclass(frozen=True)
class Warned:
    """What the daily look at the keys found."""

    expiring: Mapping[int, int]
    """Active keys by the days of the warning that they are in."""
    expired: int


class ClientRegistry:
    """接入应用登记. What was read is believed for ``cache_seconds`` by other processes."""

    def __init__(
        self,
        rows: ClientRows,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        options: Options,
        entropy: Entropy,
    ) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._ids = ids
        self._options = options
        self._entropy = entropy
        self._portals = {portal.client_id: portal for portal in options.portals}
        self._known: OrderedDict[str, tuple[Client | None, float]] = OrderedDict()
        self._owners: OrderedDict[str, tuple[str | None, float]] = OrderedDict()

    async def find(self, client_id: str) -> Client | None:
        """Return a client whatever its status; None when none is registered under this id.

        A portal of the settings is registered when it is first asked for; what the settings say
        about it wins over the row.
        """
        if rules.CLIENT_ID.fullmatch(client_id) is None:
            return None
        known = self._known.get(client_id)
        if known is not None and self._clock.monotonic() < known[1]:
            return known[0]
        async with self._works.read() as work:
            client = await self._rows.get(work, client_id)
        portal = self._portals.get(client_id)
        if portal is not None:
            if client is None:
                client = await self._seed(portal)
            client = _with_settings(client, portal)
        self._remember(self._known, client_id, client)
        return client

    async def find_key(self, key_id: str) -> tuple[Client, ClientKey] | None:
        """Return a key and whose it is, whatever the status of both."""
        if rules.KEY_ID.fullmatch(key_id) is None:
            return None
        known = self._owners.get(key_id)
        if known is not None and self._clock.monotonic() < known[1]:
            owner = known[0]
        else:
            async with self._works.read() as work:
                owner = await self._rows.owner(work, key_id)
            self._remember(self._owners, key_id, owner)
        client = None if owner is None else await self.find(owner)
        key = None if client is None else client.key(key_id)
        return None if client is None or key is None else (client, key)

    async def all(self) -> Sequence[Client]:
        """Return every client without secrets, the settings' portals too."""
        for portal in self._portals:
            await self.find(portal)
        async with self._works.read() as work:
            found = await self._rows.all(work)
        return [
            _with_settings(client, self._portals[client.client_id])
            if client.client_id in self._portals
            else client
            for client in found
        ]

    async def register(self, client: Client, actor: str) -> Client:
        """Register a client. Raises ClientInvalid, ClientExists."""
        rules.require_valid(client)
        async with self._works.begin() as work:
            if not await self._rows.add(work, client, self._clock.now()):
                raise ClientExists
            await work.moved(
                _move(client, None, CLIENT.initial, "identity.client_registered", actor)
            )
        self._forget(client.client_id)
        return client

    async def change(self, client_id: str, actor: str, **changes: Any) -> Client:
        """Change what is registered; keys and status have their own acts.

        Raises ClientUnknown, ClientInvalid.
        """
        if {"client_id", "status", "keys"} & set(changes):
            raise ClientInvalid("id, status and keys are not changed this way")
        async with self._works.begin() as work:
            client = replace(await self._locked(work, client_id), **changes)
            rules.require_valid(client)
            await self._rows.change(work, client, self._clock.now())
            data: dict[str, Any] = {"changed": sorted(changes)}
            await work.emit("identity.client_changed", client_id, {**data, "actor": actor})
        self._forget(client_id)
        return client

    async def move(self, client_id: str, new: ClientStatus, actor: str, note: str = "") -> Client:
        """Suspend, resume or close a client. Raises ClientUnknown, IllegalTransition."""
        async with self._works.begin() as work:
            client = await self._locked(work, client_id)
            event = CLIENT.event(client.status, new)
            await self._rows.move(work, client_id, client.status, new)
            await work.moved(_move(client, client.status, new, event, actor, note))
        self._forget(client_id)
        return replace(client, status=new)

    async def add_secret(self, client_id: str, actor: str, key_id: str | None = None) -> NewKey:
        """Make an HMAC secret (显示一次). Raises ClientUnknown, ClientInvalid, TooManyKeys."""
        secret = self._entropy(SHORTEST_SECRET)
        key = self._key(client_id, KeyKind.HMAC, key_id, secret=secret)
        await self._add(key, actor)
        return NewKey(key, secret.hex())

    async def add_public_key(
        self, client_id: str, pem: str, actor: str, key_id: str | None = None
    ) -> NewKey:
        """Register the public half of the client's own SM2 pair.

        Raises ClientUnknown, ClientInvalid, InvalidKey, TooManyKeys.
        """
        public = PublicKey.from_pem(pem).to_pem()
        key = self._key(client_id, KeyKind.SM2, key_id, public_key=public)
        await self._add(key, actor)
        return NewKey(key)

    async def retire(self, client_id: str, key_id: str, actor: str) -> None:
        """Take a key away. Raises ClientUnknown, KeyUnknown, IllegalTransition."""
        async with self._works.begin() as work:
            client = await self._locked(work, client_id)
            key = client.key(key_id)
            if key is None:
                raise KeyUnknown
            event = KEY.event(key.status, KeyStatus.RETIRED)
            await self._rows.move_key(work, key_id, KeyStatus.RETIRED)
            await work.moved(_key_move(key, KeyStatus.RETIRED, event, actor))
        self._forget(client_id)

    async def use_nonce(self, key_id: str, nonce: str, until: datetime) -> bool:
        """Note the nonce of a request whose signature was right; False when it came before."""
        async with self._works.begin() as work:
            return await self._rows.use_nonce(work, key_id, nonce, until)

    async def forget_nonces(self) -> int:
        """Delete some old nonces; return how many. Call again until it returns 0."""
        async with self._works.begin() as work:
            return await self._rows.forget_nonces(work, self._clock.now(), _NONCES_AT_ONCE)

    async def watch_keys(self) -> Warned:
        """Warn of keys that will expire, once per threshold, and end those that have.

        Each warning is an event ``identity.client_key_expiring`` of its client.
        """
        now = self._clock.now()
        thresholds = sorted(self._options.key_warning_days)
        counts = dict.fromkeys(thresholds, 0)
        expired = 0
        async with self._works.begin() as work:
            horizon = now + timedelta(days=max(thresholds, default=0))
            for key, warned in await self._rows.expiring(work, horizon):
                if key.expires_at <= now:
                    expired += 1
                    await self._rows.move_key(work, key.key_id, KeyStatus.EXPIRED)
                    event = KEY.event(KeyStatus.ACTIVE, KeyStatus.EXPIRED)
                    await work.moved(_key_move(key, KeyStatus.EXPIRED, event, "system"))
                    continue
                left = key.expires_at - now
                days = next(days for days in thresholds if left <= timedelta(days=days))
                counts[days] += 1
                if warned is None or days < warned:
                    await self._rows.warned(work, key.key_id, days)
                    data: dict[str, Any] = {"key_id": key.key_id, "days": days}
                    await work.emit("identity.client_key_expiring", key.client_id, data)
        return Warned(counts, expired)

    async def _seed(self, portal: PortalClient) -> Client:
        host = urlsplit(portal.return_to[0]).hostname or portal.client_id
        client = Client(
            client_id=portal.client_id,
            name=portal.name,
            org_uscc=None,
            kind=ClientKind.PORTAL,
            channel=portal.kind,
            sector=host,
            redirect_uris=portal.return_to,
            scopes=_PORTAL_SCOPES,
        )
        async with self._works.begin() as work:
            if await self._rows.add(work, client, self._clock.now()):
                event = "identity.client_registered"
                await work.moved(_move(client, None, CLIENT.initial, event, "system"))
            stored = await self._rows.get(work, portal.client_id)
        return stored or client

    def _key(self, client_id: str, kind: KeyKind, key_id: str | None, **content: Any) -> ClientKey:
        chosen = key_id or self._ids.new("ak").replace("_", "-")
        if rules.KEY_ID.fullmatch(chosen) is None:
            raise ClientInvalid("a key's id has 3 to 40 of a-z, 0-9 and -")
        now = self._clock.now()
        return ClientKey(
            key_id=chosen,
            client_id=client_id,
            kind=kind,
            status=KEY.initial,
            created_at=now,
            expires_at=now + timedelta(days=self._options.key_days),
            **content,
        )

    async def _add(self, key: ClientKey, actor: str) -> None:
        async with self._works.begin() as work:
            client = await self._locked(work, key.client_id)
            if client.status is ClientStatus.CLOSED:
                raise Conflict("a closed client gets no keys")
            same = [
                one for one in client.keys if one.kind is key.kind and one.usable(key.created_at)
            ]
            if len(same) >= MAX_KEYS:
                raise TooManyKeys(active=[one.key_id for one in same])
            await self._rows.add_key(work, key)
            await work.moved(_key_move(key, KEY.initial, "identity.client_key_added", actor))
        self._forget(key.client_id)
        self._owners.pop(key.key_id, None)

    async def _locked(self, work: Work, client_id: str) -> Client:
        client = None
        if await self._rows.lock(work, client_id):
            client = await self._rows.get(work, client_id)
        elif (portal := self._portals.get(client_id)) is not None:
            client = await self._seed(portal)
        if client is None:
            raise ClientUnknown
        return client

    def _remember(self, cache: OrderedDict[str, tuple[Any, float]], name: str, value: Any) -> None:
        until = self._clock.monotonic() + self._options.cache_seconds
        cache[name] = (value, until)
        cache.move_to_end(name)
        while len(cache) > _CACHED:
            cache.popitem(last=False)

    def _forget(self, client_id: str) -> None:
        self._known.pop(client_id, None)


def _with_settings(client: Client, portal: PortalClient) -> Client:
    after = () if portal.after_logout is None else (portal.after_logout,)
    uris = tuple(dict.fromkeys((*portal.return_to, *client.redirect_uris)))
    return replace(
        client,
        name=portal.name,
        channel=portal.kind,
        redirect_uris=uris,
        scopes=client.scopes if portal.scopes is None else frozenset(portal.scopes),
        post_logout_uris=tuple(dict.fromkeys((*after, *client.post_logout_uris))),
    )


def _move(
    client: Client,
    old: ClientStatus | None,
    new: ClientStatus,
    event: str,
    actor: str,
    note: str = "",
) -> Move:
    data: dict[str, Any] = {"kind": str(client.kind)}
    name = client.client_id
    return Move(CLIENT.name, name, old, new, event, name, actor, data=data, note=note)


def _key_move(key: ClientKey, new: KeyStatus, event: str, actor: str) -> Move:
    old = None if new is KEY.initial else KeyStatus.ACTIVE
    data: dict[str, Any] = {"key_id": key.key_id, "kind": str(key.kind)}
    return Move(KEY.name, key.key_id, old, new, event, key.client_id, actor, data=data)
