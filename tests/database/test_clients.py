"""The registry of clients on both databases: registering, keys and their end, nonces, the cache."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from identity import (
    Client,
    ClientExists,
    ClientInvalid,
    ClientKey,
    ClientKind,
    ClientRegistry,
    ClientStatus,
    ClientUnknown,
    KeyStatus,
    KeyUnknown,
    TooManyKeys,
)
from identity.clients.repository import SqlClientRows
from identity.clients.rules import require_valid
from identity.clients.tables import client_keys
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey
from kernel.db.tables import events, history
from kernel.db.work import connection
from kernel.errors import IllegalTransition
from kernel.ids import RandomIds, random_bytes
from tests.unit.identity.fakes import HOME, OPTIONS, PORTAL, keys

DEPARTMENT = "11370102MB9000066L"
CLIENT = Client(
    client_id="road-office",
    name="城市道路管理系统",
    org_uscc=DEPARTMENT,
    kind=ClientKind.DEPT_SYSTEM,
    sector="road-office",
    scopes=frozenset({"event.read", "case.read"}),
    region_codes=("370100",),
    ip_cidrs=("10.1.0.0/16",),
    callback_hosts=("road.example.gov.cn",),
)


@pytest.fixture
def registry(works, frozen_clock) -> ClientRegistry:
    return another(works, frozen_clock)


def another(works, clock) -> ClientRegistry:
    rows = SqlClientRows(keys().cipher)
    return ClientRegistry(rows, works, clock, RandomIds(clock), OPTIONS, random_bytes)


async def found(registry: ClientRegistry, client_id: str = CLIENT.client_id) -> Client:
    client = await registry.find(client_id)
    assert client is not None
    return client


async def found_key(registry: ClientRegistry, key_id: str) -> ClientKey:
    pair = await registry.find_key(key_id)
    assert pair is not None
    assert pair[0].key(key_id) == pair[1]
    return pair[1]


async def topics(works) -> list[str]:
    async with works.read() as work:
        rows = await connection(work).execute(select(events.c.topic).order_by(events.c.id))
        return [row.topic for row in rows]


async def test_a_client_comes_back_as_it_was_registered(registry, works, frozen_clock):
    assert await registry.find(CLIENT.client_id) is None
    await registry.register(CLIENT, "ops")
    assert await registry.find(CLIENT.client_id) == CLIENT
    assert await another(works, frozen_clock).find(CLIENT.client_id) == CLIENT
    with pytest.raises(ClientExists):
        await registry.register(CLIENT, "ops")
    changed = await registry.change(CLIENT.client_id, "ops", scopes=frozenset({"pay.read"}))
    assert changed.scopes == {"pay.read"}
    assert await registry.find(CLIENT.client_id) == changed
    with pytest.raises(ClientUnknown):
        await registry.change("nobody", "ops", name="无此应用")
    assert await topics(works) == ["identity.client_registered", "identity.client_changed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "Portal"},
        {"client_id": "x"},
        {"name": "x"},
        {"name": "two\nlines"},
        {"org_uscc": None},
        {"org_uscc": "11370102MB9000066M"},
        {"scopes": frozenset({"everything"})},
        {"may_act_scopes": frozenset({"root"})},
        {"redirect_uris": ("http://portal.example.gov.cn/",)},
        {"redirect_uris": ("https://user@portal.example.gov.cn/",)},
        {"callback_hosts": ("10.0.0.1",)},
        {"callback_hosts": ("0x7f.1",)},
        {"ip_cidrs": ("10.1.2.3/16",)},
        {"region_codes": ("990000",)},
        {"region_codes": ("37",)},
        {"purpose_codes": ("a b",)},
    ],
)
def test_what_cannot_be_registered(wrong: dict[str, Any]):
    require_valid(CLIENT)
    with pytest.raises(ClientInvalid):
        require_valid(replace(CLIENT, **wrong))


async def test_suspended_resumed_closed(registry, frozen_clock):
    await registry.register(CLIENT, "ops")
    await registry.move(CLIENT.client_id, ClientStatus.SUSPENDED, "ops", "泄密调查")
    assert not (await found(registry)).active(frozen_clock.now())
    await registry.move(CLIENT.client_id, ClientStatus.ACTIVE, "ops")
    assert (await found(registry)).active(frozen_clock.now())
    await registry.move(CLIENT.client_id, ClientStatus.CLOSED, "ops")
    with pytest.raises(IllegalTransition):
        await registry.move(CLIENT.client_id, ClientStatus.ACTIVE, "ops")


async def test_a_secret_is_shown_once_and_stored_encrypted(registry, works, frozen_clock):
    await registry.register(CLIENT, "ops")
    made = await registry.add_secret(CLIENT.client_id, "ops")
    assert len(bytes.fromhex(made.secret)) == 32
    key = await found_key(another(works, frozen_clock), made.key.key_id)
    assert (key.client_id, key.secret) == (CLIENT.client_id, bytes.fromhex(made.secret))
    assert made.secret not in repr(made) + repr(await found(registry)) + repr(key)
    async with works.read() as work:
        for table in (client_keys, history, events):
            for row in (await connection(work).execute(select(table))).all():
                assert made.secret not in repr(row)
                assert bytes.fromhex(made.secret) not in (row._mapping.get("secret") or b"")
    listed = next(one for one in await registry.all() if one.client_id == CLIENT.client_id)
    assert [one.secret for one in listed.keys] == [None]


async def test_two_keys_of_a_kind_and_rotation(registry, works, frozen_clock):
    await registry.register(CLIENT, "ops")
    first = await registry.add_secret(CLIENT.client_id, "ops", "ak-road-1")
    await registry.add_secret(CLIENT.client_id, "ops", "ak-road-2")
    with pytest.raises(TooManyKeys):
        await registry.add_secret(CLIENT.client_id, "ops")
    pem = sm2.generate().public.to_pem()
    await registry.add_public_key(CLIENT.client_id, pem, "ops")
    with pytest.raises(InvalidKey):
        await registry.add_public_key(CLIENT.client_id, "no key", "ops")
    await registry.retire(CLIENT.client_id, first.key.key_id, "ops")
    key = await found_key(registry, "ak-road-1")
    assert (key.status, key.secret) == (KeyStatus.RETIRED, None)
    await registry.add_secret(CLIENT.client_id, "ops", "ak-road-3")
    with pytest.raises(IllegalTransition):
        await registry.retire(CLIENT.client_id, "ak-road-1", "ops")
    with pytest.raises(KeyUnknown):
        await registry.retire(CLIENT.client_id, "ak-road-9", "ops")


async def test_keys_added_at_once_do_not_pass_the_limit(registry, works, frozen_clock):
    await registry.register(CLIENT, "ops")
    others = [another(works, frozen_clock) for _ in range(4)]
    made = await asyncio.gather(
        *(one.add_secret(CLIENT.client_id, "ops") for one in others), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in made) == ["NewKey"] * 2 + ["TooManyKeys"] * 2


async def test_a_key_ends_after_its_days_and_warns_before(registry, works, frozen_clock):
    await registry.register(CLIENT, "ops")
    made = await registry.add_secret(CLIENT.client_id, "ops")
    assert (await registry.watch_keys()).expiring == {1: 0, 7: 0, 14: 0, 30: 0}
    for days, threshold in ((151, 30), (170, 14), (179, 1)):
        frozen_clock.at = made.key.created_at + timedelta(days=days)
        assert (await registry.watch_keys()).expiring[threshold] == 1
        assert (await registry.watch_keys()).expiring[threshold] == 1
    assert (await topics(works)).count("identity.client_key_expiring") == 3
    frozen_clock.at = made.key.expires_at
    key = await found_key(another(works, frozen_clock), made.key.key_id)
    assert not key.usable(frozen_clock.now())
    assert (await registry.watch_keys()).expired == 1
    assert (await registry.watch_keys()).expired == 0
    assert (await topics(works))[-1] == "identity.client_key_expired"


async def test_a_portal_of_the_settings_is_a_client(registry, works, frozen_clock):
    portal = await registry.find(PORTAL)
    assert (portal.kind, portal.name) == (ClientKind.PORTAL, "示例门户")
    assert HOME in portal.redirect_uris
    assert await another(works, frozen_clock).find(PORTAL) == portal
    made = await registry.add_secret("other-portal", "ops")
    assert made.key.client_id == "other-portal"
    assert [one.client_id for one in await registry.all()] == [PORTAL, "other-portal"]


async def test_a_nonce_works_once_and_is_forgotten_later(registry, works, frozen_clock):
    until = frozen_clock.now() + timedelta(seconds=600)
    tries = [another(works, frozen_clock).use_nonce("ak-1", "n" * 20, until) for _ in range(6)]
    assert sorted(await asyncio.gather(*tries)) == [False] * 5 + [True]
    assert await registry.use_nonce("ak-2", "n" * 20, until)
    assert await registry.forget_nonces() == 0
    frozen_clock.advance(timedelta(seconds=601))
    assert await registry.forget_nonces() == 2
    assert await registry.use_nonce("ak-1", "n" * 20, until)


async def test_another_process_learns_of_a_suspension_in_time(registry, works, frozen_clock):
    await registry.register(CLIENT, "ops")
    other = another(works, frozen_clock)
    assert (await found(other)).status is ClientStatus.ACTIVE
    await registry.move(CLIENT.client_id, ClientStatus.SUSPENDED, "ops")
    frozen_clock.advance(timedelta(seconds=OPTIONS.cache_seconds))
    assert (await found(other)).status is ClientStatus.SUSPENDED


def test_regions():
    assert CLIENT.covers("370102")
    assert not CLIENT.covers("370202")
