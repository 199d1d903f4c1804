"""npm openid-client signs in with PAR, DPoP and private_key_jwt, and does all that follows."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from identity import ClientKind
from tests.api.logbook import kept
from tests.api.relying import portal
from tests.api.town import HOST, running_town
from tests.api.world import World, opened
from tests.peers.conftest import HERE, find, package

pytestmark = pytest.mark.peers


@asynccontextmanager
async def served(world: World) -> AsyncIterator[None]:
    """Serve the gateway on its own address for other processes."""
    config = uvicorn.Config(world.app, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, world.town.gateway_port))
        listening.listen()
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await running


async def test_openid_client_does_everything(sqlite_url, tmp_path):
    node = find("nodejs", "node", "nodejs")
    package("openid-client")
    with running_town(tmp_path) as town, kept() as book:
        async with opened(town, sqlite_url, book) as world, served(world):
            home = await portal(world)
            agent = await portal(
                world,
                "agent",
                kind=ClientKind.MOBILE_BACKEND,
                may_act_scopes=frozenset({"case.read"}),
            )
            keys = [
                json.dumps({**json.loads(one.key.as_text()), "kid": one.key.kid})
                for one in (home, agent)
            ]
            script = str(HERE / "openid_client.mjs")
            asked = await asyncio.create_subprocess_exec(
                *(node, script, home.issuer, home.client_id, keys[0], home.back),
                *(agent.client_id, keys[1]),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asked.communicate()
    assert asked.returncode == 0, err.decode()
    found = json.loads(out)
    assert len(found.pop("sub")) == 32
    assert found == {
        "par": True,
        "stepUp": "unmet_authentication_requirements",
        "type": "dpop",
        "acr": "urn:sd:loa:3",
        "name": "张明轩",
        "me": 200,
        "refreshed": "dpop",
        "delegated": "case.read",
        "delegatedMe": 200,
        "act": {"sub": "agent"},
        "escalation": "invalid_scope",
        "own": "dpop",
        "replayed": "invalid_grant",
        "afterReplay": 401,
        "revoked": False,
        "bye": 303,
    }
