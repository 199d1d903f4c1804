"""Mandates on both databases: granting, the check inside an act, revocation, expiry, tampering."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from identity.errors import (
    MandateDamaged,
    MandateGrantRefused,
    MandateInvalid,
    MandateNotFound,
    MandateRequired,
)
from identity.mandates.codec import MandateCodec
from identity.mandates.model import Mandate, MandateState, Operator, Wish
from identity.mandates.repository import SqlMandates
from identity.mandates.service import MandateService
from identity.mandates.tables import mandates
from identity.model import ActingRole, IdType, Person, Principal, principal_from
from identity.policy.model import MandateAction
from kernel.clock import FrozenClock
from kernel.db.tables import events, history
from kernel.db.work import SqlWorks, connection
from kernel.errors import IllegalTransition
from kernel.ids import RandomIds
from tests.unit.identity.fakes import company_profile, keys, person_profile

ITEM, OTHER_ITEM = "11370102MB9000066L4000117010000", "11370202MB9000082F4000131001000"
BOSS = principal_from("C_boss", "sd_jis", company_profile())
ORG = f"org:{BOSS.org.uscc}" if BOSS.org else ""
CLERK_PERSON = Person(
    name="李静怡", id_type=IdType.RESIDENT_ID, id_number="370202198811120246", mobile=None
)
CLERK = replace(
    BOSS, sub="C_clerk", person=CLERK_PERSON, acting_role=ActingRole.OPERATOR, upstream_sub="o/u-2"
)
GRANDMA = principal_from("P_grandma", "sd_jis", person_profile())
NAMED = Operator(
    name=CLERK_PERSON.name, id_type=CLERK_PERSON.id_type, id_number=CLERK_PERSON.id_number
)


@pytest.fixture
def service(works: SqlWorks, frozen_clock: FrozenClock) -> MandateService:
    made = keys()
    return MandateService(
        SqlMandates(MandateCodec(made.cipher, made.index_key)),
        works,
        frozen_clock,
        RandomIds(frozen_clock),
        longest_days=366,
    )


def wish(clock: FrozenClock, **changes: Any) -> Wish:
    now = clock.now()
    made = Wish(
        operator=NAMED,
        items=(ITEM,),
        actions=frozenset({MandateAction.DECLARE}),
        valid_from=now,
        valid_to=now + timedelta(days=30),
    )
    return replace(made, **changes)


async def check(
    service: MandateService,
    works: SqlWorks,
    principal: Principal = CLERK,
    of: str = ORG,
    action: MandateAction = MandateAction.DECLARE,
    item: str = ITEM,
) -> Mandate:
    async with works.begin() as work:
        return await service.require(work, principal, of, action, item, "case_1")


async def test_an_operator_acts_by_its_mandate(service, works, frozen_clock):
    with pytest.raises(MandateRequired):
        await check(service, works)
    granted = await service.grant(BOSS, wish(frozen_clock))
    assert await check(service, works) == granted
    async with works.read() as work:
        conn = connection(work)
        moved = (await conn.execute(select(history))).all()
        told = (await conn.execute(select(events).order_by(events.c.id))).all()
        (row,) = (await conn.execute(select(mandates))).all()
    assert [(one.machine, one.old, one.new) for one in moved] == [
        ("identity.mandate", None, "ACTIVE")
    ]
    assert [one.topic for one in told] == ["identity.mandate_granted", "identity.mandate_used"]
    assert told[-1].reference == "case_1"
    assert told[-1].data == {"mandate_id": granted.id, "action": "declare", "by": CLERK.sub}
    stored = " ".join(str(value) for value in row)
    assert NAMED.id_number not in stored
    assert NAMED.name not in stored


@pytest.mark.parametrize(
    "asked",
    [
        {"item": OTHER_ITEM},
        {"action": MandateAction.PAY},
        {"of": "org:91370100MA3OTHER01"},
        {"principal": replace(CLERK, person=replace(CLERK_PERSON, name="李静"))},
        {"principal": replace(CLERK, person=replace(CLERK_PERSON, id_type=IdType.TAIWAN_PERMIT))},
        {"principal": BOSS},
    ],
)
async def test_what_a_mandate_does_not_say_it_does_not_permit(service, works, frozen_clock, asked):
    await service.grant(BOSS, wish(frozen_clock))
    with pytest.raises(MandateRequired):
        await check(service, works, **asked)


async def test_validity_is_checked_by_the_clock(service, works, frozen_clock):
    now = frozen_clock.now()
    begins, ends = now + timedelta(days=1), now + timedelta(days=2)
    await service.grant(BOSS, wish(frozen_clock, items=("*",), valid_from=begins, valid_to=ends))
    for allowed, at in ((False, now), (True, begins), (False, ends)):
        frozen_clock.at = at
        if allowed:
            await check(service, works, item=OTHER_ITEM)
        else:
            with pytest.raises(MandateRequired):
                await check(service, works)
    assert await service.sweep() == 1
    assert await service.sweep() == 0
    (mandate,) = await service.given(BOSS)
    assert mandate.state is MandateState.EXPIRED


async def test_revocation_counts_from_the_next_act_on(service, works, frozen_clock):
    mandate = await service.grant(BOSS, wish(frozen_clock))
    await check(service, works)
    revoked = await service.revoke(BOSS, mandate.id)
    assert revoked.revoked_at == frozen_clock.now()
    with pytest.raises(MandateRequired):
        await check(service, works)
    with pytest.raises(IllegalTransition):
        await service.revoke(BOSS, mandate.id)


async def test_revocation_waits_for_an_act_under_way(service, works, frozen_clock):
    mandate = await service.grant(BOSS, wish(frozen_clock))
    order: list[str] = []

    async def revoke() -> None:
        await service.revoke(BOSS, mandate.id)
        order.append("revoked")

    async with works.begin() as work:
        await service.require(work, CLERK, ORG, MandateAction.DECLARE, ITEM, "case_1")
        task = asyncio.create_task(revoke())
        await asyncio.sleep(0.1)
        order.append("acted")
    await task
    assert order == ["acted", "revoked"]


async def test_who_may_grant_and_revoke(service, frozen_clock):
    with pytest.raises(MandateGrantRefused):
        await service.grant(CLERK, wish(frozen_clock))
    mandate = await service.grant(BOSS, wish(frozen_clock))
    with pytest.raises(MandateGrantRefused):
        await service.revoke(CLERK, mandate.id)
    with pytest.raises(MandateNotFound):
        await service.revoke(GRANDMA, mandate.id)


async def test_a_natural_person_lets_another_act(service, works, frozen_clock):
    mandate = await service.grant(GRANDMA, wish(frozen_clock))
    grandson = principal_from("P_grandson", "sd_jis", person_profile("u-2", person=CLERK_PERSON))
    assert (await check(service, works, principal=grandson, of="sub:P_grandma")) == mandate
    assert [one.id for one in await service.held(grandson)] == [mandate.id]
    assert await service.given(grandson) == []
    assert await service.allows(grandson, "sub:P_grandma", MandateAction.DECLARE, ITEM)
    assert not await service.allows(grandson, "sub:P_grandma", MandateAction.QUERY, ITEM)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"items": ("*", ITEM)}, "items"),
        ({"items": ()}, "items"),
        ({"actions": frozenset()}, "actions"),
        ({"operator": replace(NAMED, id_number="370202198811120247")}, "operator_id_number"),
        ({"operator": replace(NAMED, id_number=BOSS.person.id_number)}, "operator_id_number"),
    ],
)
async def test_a_mandate_that_contradicts_itself(service, frozen_clock, change, field):
    with pytest.raises(MandateInvalid) as caught:
        await service.grant(BOSS, wish(frozen_clock, **change))
    assert f"'field': '{field}'" in str(caught.value.extras["fields"])


@pytest.mark.parametrize("days", [-1, 0, 367])
async def test_a_mandate_ends_after_it_begins_and_within_a_year(service, frozen_clock, days):
    until = frozen_clock.now() + timedelta(days=days)
    with pytest.raises(MandateInvalid):
        await service.grant(BOSS, wish(frozen_clock, valid_to=until))


@pytest.mark.parametrize(
    "change",
    [
        {"items": ["*"]},
        {"actions": ["declare", "seal"]},
        {"principal_key": "org:91370100MA3OTHER01"},
        {"state": "REVOKED"},
        {"granted_by": "C_somebody"},
        {"mac": bytes(32)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_row_that_was_changed_by_hand_is_not_honoured(service, works, frozen_clock, change):
    mandate = await service.grant(BOSS, wish(frozen_clock))
    async with works.begin() as work:
        statement = update(mandates).where(mandates.c.id == mandate.id)
        await connection(work).execute(statement.values(**change))
    with pytest.raises(MandateDamaged):
        async with works.begin() as work:
            await service.get_held(work, CLERK, mandate.id)
