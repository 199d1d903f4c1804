"""npm openid-client signs in with PAR, DPoP and private_key_jwt, and does all that follows."""

from __future__ import annotations

import asyncio
import json

import pytest

from identity import ClientKind
from tests.api.logbook import kept
from tests.api.relying import portal
from tests.api.served import served
from tests.api.town import running_town
from tests.api.world import opened
from tests.peers.conftest import HERE, find, package

pytestmark = pytest.mark.peers


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
        "stepUp": "second_factor",
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
