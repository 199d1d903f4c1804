"""A gateway that knows its callers by name, so that a test chooses roles and levels of sign-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry

from gateway.main import create_app
from identity import (
    TOKEN_PREFIX,
    Aal,
    ActingRole,
    Ial,
    IdType,
    Org,
    Person,
    Principal,
    UserType,
)
from kernel.errors import Unauthenticated
from tests.api.installation import CLIENT_ID
from tests.api.world import Caller, World

PEOPLE = {
    "zhang": Person(
        name="张明轩",
        id_type=IdType.RESIDENT_ID,
        id_number="370102199003071238",
        mobile="13800000001",
    ),
    "li": Person(
        name="李静怡",
        id_type=IdType.RESIDENT_ID,
        id_number="370202198811120246",
        mobile="13800000002",
    ),
}
COMPANY = Org(name="山东一窗示例科技有限公司", uscc="91370100MA3ABCDE1G")


@dataclass
class KnownPeople:
    """Stands in for the identity service where a gateway only asks whose token this is."""

    principals: dict[str, Principal] = field(default_factory=dict)

    async def authenticate(self, token: str) -> Principal:
        """Return the principal of a token."""
        found = self.principals.get(token)
        if found is None:
            raise Unauthenticated("unknown token")
        return found


@dataclass
class KnownWorld:
    """A world whose callers are made up by the test; everything behind them is real."""

    world: World
    people: KnownPeople

    def person(self, name: str, *, ial: int = 3, aal: int = 2, age: int = 0) -> Caller:
        """Return a natural person with these levels, signed in ``age`` seconds ago."""
        return self._caller(
            Principal(
                sub=f"P_{name}",
                idp="sd_jis",
                client_id=CLIENT_ID,
                upstream_sub=name,
                user_type=UserType.NATURAL_PERSON,
                person=PEOPLE[name],
                ial=Ial(ial),
                aal=Aal(aal),
                amr=("pwd", "face"),
                auth_time=self.world.clock.now() - timedelta(seconds=age),
            )
        )

    def company(self, name: str, role: ActingRole, *, ial: int = 3, aal: int = 2) -> Caller:
        """Return somebody who acts for the company in this role."""
        return self._caller(
            Principal(
                sub=f"C_{name}",
                idp="sd_jis",
                client_id=CLIENT_ID,
                upstream_sub=f"org/{name}",
                user_type=UserType.LEGAL_PERSON,
                person=PEOPLE[name],
                org=COMPANY,
                acting_role=role,
                ial=Ial(ial),
                aal=Aal(aal),
                amr=("pwd", "face"),
                auth_time=self.world.clock.now(),
            )
        )

    def _caller(self, principal: Principal) -> Caller:
        token = self.world.ids.secret(TOKEN_PREFIX)
        self.people.principals[token] = principal
        return Caller(self.world, token)


@asynccontextmanager
async def known(world: World) -> AsyncIterator[KnownWorld]:
    """Let a world know its callers by name."""
    people = KnownPeople()
    container = replace(
        world.container,
        identity=people,  # type: ignore[arg-type]  # only this much of it is used
        metrics=CollectorRegistry(),
    )
    world.app = create_app(container)
    await world.http.aclose()
    world.http = world.browser()
    yield KnownWorld(world, people)
