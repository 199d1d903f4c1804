"""A program that signs its requests, as a portal's developer would write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from identity import Client, ClientKind, RateClass
from kernel.crypto import sm2
from kernel.signing import sdgw1
from kernel.signing.canonical import Covered
from tests.api.installation import CLIENT_ID
from tests.api.world import ROAD_DEPARTMENT, World

SCOPES = frozenset({"event.read", "case.read", "pay.read", "webhook.manage"})


@dataclass
class Program:
    """One registered client with its keys."""

    world: World
    client_id: str
    key_id: str
    key: bytes | sm2.PrivateKey = field(repr=False)
    algorithm: str = "HMAC-SM3"

    def headers(
        self, method: str, path: str, query: str = "", body: bytes = b"", **changes: str
    ) -> dict[str, str]:
        """Return the headers of a right request; covered parts are changed before signing."""
        parts = {
            "algorithm": self.algorithm,
            "method": method,
            "path": path,
            "query": query,
            "key_id": self.key_id,
            "timestamp": str(int(self.world.clock.now().timestamp())),
            "nonce": self.world.ids.secret()[:32],
            "idempotency_key": "" if method == "GET" else self.world.ids.new("key"),
            "content_type": "application/json" if body else "",
            "digest": sdgw1.digest_of(body),
            **changes,
        }
        covered = Covered(**parts)
        more = {"Idempotency-Key": covered.idempotency_key, "Content-Type": covered.content_type}
        return {
            **sdgw1.sign(covered, self.key),
            **{name: value for name, value in more.items() if value},
        }

    async def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", **changes: str
    ) -> httpx.Response:
        """Send a signed request."""
        headers = self.headers(method, path, query, body, **changes)
        url = path + (f"?{query}" if query else "")
        return await self.world.http.request(method, url, headers=headers, content=body)

    async def get(self, path: str, query: str = "", **changes: str) -> httpx.Response:
        """Read."""
        return await self.send("GET", path, query, b"", **changes)


async def portal(world: World, **changes: Any) -> Program:
    """Return the portal of the settings with machine credentials."""
    await world.container.clients.change(CLIENT_ID, "test", **{"scopes": SCOPES, **changes})
    return await with_secret(world, CLIENT_ID)


async def department(world: World, **changes: Any) -> Program:
    """Register a department's system with an SM2 key of its own."""
    content: dict[str, Any] = {
        "client_id": "road-office",
        "name": "城市道路管理系统",
        "org_uscc": ROAD_DEPARTMENT,
        "kind": ClientKind.DEPT_SYSTEM,
        "sector": "road-office",
        "scopes": SCOPES,
        "rate_class": RateClass.LARGE,
        **changes,
    }
    client = Client(**content)
    await world.container.clients.register(client, "test")
    return await with_sm2(world, client.client_id)


async def with_secret(world: World, client_id: str) -> Program:
    """Give a client an HMAC secret."""
    made = await world.container.clients.add_secret(client_id, "test")
    assert made.secret is not None
    world.secrets.add(made.secret)
    return Program(world, client_id, made.key.key_id, bytes.fromhex(made.secret))


async def with_sm2(world: World, client_id: str) -> Program:
    """Give a client an SM2 key."""
    key = sm2.generate()
    made = await world.container.clients.add_public_key(client_id, key.public.to_pem(), "test")
    return Program(world, client_id, made.key.key_id, key, "SM2-SM3")
