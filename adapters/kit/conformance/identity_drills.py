"""The failure drills of identity providers: every call of the port, to be disturbed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.identity_hands import (
    COMPANY,
    NEIGHBOUR,
    REAL_PERSON,
    profile_of,
    provider_of,
    session_of,
)
from adapters.kit.conformance.world import World
from identity.errors import LoginRefused, TicketExpired, TicketReplayed
from identity.model import UserType
from identity.upstream import Capability
from kernel.errors import UpstreamRejected

Act: TypeAlias = Callable[[World], Awaitable[object]]


def _drilled(
    act: Callable[[World], Awaitable[object]],
) -> Callable[[World, str], Awaitable[object]]:
    async def call(world: World, _key: str) -> object:
        try:
            return await act(world)
        except (TicketReplayed, TicketExpired, LoginRefused) as exc:
            # Only a duplicated message gets here, and a refusal of the copy is right.
            raise UpstreamRejected("the copy was refused") from exc

    return call


def _login_of(user_type: UserType, title: str) -> Act:
    return lambda world: profile_of(world, user_type, title)


async def _lists(world: World) -> object:
    session = await session_of(world, UserType.LEGAL_PERSON, COMPANY)
    return await provider_of(world).list_orgs(session, 1)


async def _switches(world: World) -> object:
    session = await session_of(world, UserType.LEGAL_PERSON, COMPANY)
    first = (await provider_of(world).list_orgs(session, 1)).rows[-1]
    return await provider_of(world).switch_org(session, first.id)


async def _hands_over(world: World) -> object:
    session = await session_of(world, UserType.NATURAL_PERSON, REAL_PERSON)
    return await provider_of(world).handoff_ticket(session, NEIGHBOUR)


async def _by_password(world: World) -> object:
    return await provider_of(world).password_ticket("zhangmx", "zhangmx-demo")


DRILLS: Final = (
    Drill("a person signs in", _drilled(_login_of(UserType.NATURAL_PERSON, REAL_PERSON))),
    Drill(
        "a company signs in",
        _drilled(_login_of(UserType.LEGAL_PERSON, COMPANY)),
        needs=Capability.LEGAL_PERSON,
    ),
    Drill("companies are listed", _drilled(_lists), needs=Capability.ORG_LIST),
    Drill("the company is switched", _drilled(_switches), needs=Capability.ORG_SWITCH),
    Drill("somebody is handed over", _drilled(_hands_over), needs=Capability.HANDOFF),
    Drill("a password is checked", _drilled(_by_password), needs=Capability.PASSWORD),
)
