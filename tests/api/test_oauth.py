"""The authorization server as a portal sees it: sign-in, tokens, delegation, the way out."""

from __future__ import annotations

from tests.api.relying import portal
from tests.api.world import ok


async def test_a_citizen_signs_in_and_the_portal_calls(world):
    home = await portal(world)
    issued = await home.sign_in()
    assert issued["token_type"] == "DPoP"
    assert issued["expires_in"] == 300
    me = ok(await home.call("GET", "/v1/me", issued["access_token"]))
    assert me["ial"] == 3
    told = ok(await home.call("GET", "/oauth2/userinfo", issued["access_token"]))
    assert told["name"] == "张明轩"
    assert "id_number" not in told
    assert len(told["sub"]) == 32
