"""A whole sign-in with the gateway's service: what is derived before fits what is asked after."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.identity_hands import COMPANY, REAL_PERSON, LoginForm
from identity import (
    Aal,
    ActingRole,
    Ial,
    LoginStateInvalid,
    TicketExpired,
    TicketReplayed,
    UserType,
)
from identity.model import PortalKind
from identity.options import Options, PortalClient
from identity.service import IdentityService
from kernel.ids import RandomIds
from tests.unit.identity.fakes import CHALLENGE, VERIFIER, MemoryRepository, MemoryWorks, keys


def service_of(world: World) -> IdentityService:
    url, works = world.place.gateway_url, MemoryWorks()
    portal = PortalClient(
        client_id="demo", name="示例门户", kind=PortalKind.WEB, return_to=(f"{url}/portal/back",)
    )
    return IdentityService(
        {"oidc": world.provider},
        MemoryRepository(works),
        works,
        world.clock,
        RandomIds(world.clock),
        keys(),
        Options(callback_base=f"{url}/auth/cb", portals=(portal,)),
    )


async def came_back(
    world: World, service: IdentityService, user_type: UserType, title: str
) -> tuple[str, list[tuple[str, str]]]:
    """Go to the provider's page and choose; return the cookie and what came back."""
    home = f"{world.place.gateway_url}/portal/back"
    started = await service.begin_login("demo", "oidc", user_type, home, "s", CHALLENGE)
    page = await world.browser.get(started.redirect_url)
    form = LoginForm.of(page)
    answer = await world.browser.post(
        str(page.url.join(form.action)), data={**form.hidden, "account": form.accounts[title]}
    )
    back = urlsplit(answer.headers["location"])
    assert back.path == "/auth/cb/oidc"
    return started.cookie_value, parse_qsl(back.query)


@pytest.mark.parametrize(
    ("user_type", "title", "ial", "role"),
    [
        (UserType.NATURAL_PERSON, REAL_PERSON, Ial.REAL_PERSON, None),
        (UserType.LEGAL_PERSON, COMPANY, Ial.SELF_ASSERTED, ActingRole.ORG_ADMIN),
    ],
)
async def test_signing_in(
    tmp_path: Path, user_type: UserType, title: str, ial: Ial, role: ActingRole | None
):
    async with running("oidc", tmp_path) as world:
        service = service_of(world)
        cookie, params = await came_back(world, service, user_type, title)
        state = dict(params)["state"]
        finished = await service.finish_login("oidc", state, cookie, params)
        code = dict(parse_qsl(urlsplit(finished.redirect_url).query))["code"]
        issued = await service.redeem("demo", code, VERIFIER)
        principal = await service.authenticate(issued.token)
        assert (principal.ial, principal.aal, principal.acting_role) == (
            ial,
            Aal.SINGLE_FACTOR,
            role,
        )
        assert principal.amr == ("pwd",)
        assert str(await service.logout(issued.token)).startswith(f"{world.place.url}/logout?")


async def test_another_browser_and_a_second_load_are_refused(tmp_path: Path):
    async with running("oidc", tmp_path) as world:
        service = service_of(world)
        mine = await came_back(world, service, UserType.NATURAL_PERSON, REAL_PERSON)
        theirs = await came_back(world, service, UserType.NATURAL_PERSON, REAL_PERSON)
        state = dict(mine[1])["state"]
        with pytest.raises(LoginStateInvalid):
            await service.finish_login("oidc", state, theirs[0], mine[1])
        await service.finish_login("oidc", state, mine[0], mine[1])
        with pytest.raises(TicketReplayed):
            await service.finish_login("oidc", state, mine[0], mine[1])
        # Their code in my browser fits neither my verifier nor my nonce.
        third = await came_back(world, service, UserType.NATURAL_PERSON, REAL_PERSON)
        swapped = dict(third[1]) | {"code": dict(theirs[1])["code"]}
        with pytest.raises(TicketExpired):
            await service.finish_login("oidc", swapped["state"], third[0], list(swapped.items()))
