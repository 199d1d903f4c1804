"""Roles of staff on both databases: two people, exclusive powers, seals, bootstrap, tokens."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from identity import (
    AlreadyBootstrapped,
    GrantTampered,
    RequestAct,
    StaffKind,
    StaffMember,
    StaffRole,
    StaffUnknown,
    TwoPeopleNeeded,
)
from identity.staff.errors import AccountExists, RequestUnknown, ResetNotApproved, RoleConflict
from identity.staff.model import kind_of
from identity.staff.tables import grants, role_requests, staff
from kernel.db import audit
from kernel.db.engine import Database
from kernel.db.tables import events, history
from kernel.db.work import SqlWorks, connection
from kernel.errors import Failure, IllegalTransition, InvalidInput, Unauthenticated
from kernel.ids import SequentialIds
from tests.support.staff import DEPARTMENT, REGION, Pocket, StaffDesk

ADMINS = (StaffRole.SYSTEM_ADMIN, StaffRole.SECURITY_ADMIN, StaffRole.AUDIT_ADMIN)


@pytest.fixture
def desk(works, frozen_clock) -> StaffDesk:
    return StaffDesk(works, frozen_clock)


@pytest.fixture
async def admins(desk):
    await desk.staff.accounts.bootstrap()
    await desk.staff.accounts.create("staff:sysadmin", "clerk-1", "测试员")
    return desk


async def ask(desk, role=StaffRole.CLERK, *, act=RequestAct.GRANT, by="sysadmin", to="clerk-1"):
    where = ("", "") if role is None or role in ADMINS else (DEPARTMENT, REGION)
    return await desk.staff.grants.ask(by, act, to, role, *where, "调岗")


async def give(desk, role, **changes: str):
    asked = await ask(desk, role, **changes)
    return await desk.staff.grants.approve("secadmin", asked.id)


async def roles(desk, staff_id="clerk-1"):
    return [one.role for one in await desk.staff.grants.of(staff_id)]


async def run(works, statement):
    async with works.begin() as work:
        await connection(work).execute(statement)


async def test_bootstrap_works_once(desk):
    made = await desk.staff.accounts.bootstrap()
    assert [one.staff_id for one in made] == ["sysadmin", "secadmin", "auditadmin"]
    assert [await roles(desk, one.staff_id) for one in made] == [[role] for role in ADMINS]
    for _ in range(2):
        with pytest.raises(AlreadyBootstrapped):
            await desk.staff.accounts.bootstrap()
    assert (await desk.sign_in(Pocket("sysadmin", made[0].password))).password_due


async def test_of_two_bootstraps_at_once_one_works(desk):
    ended = await asyncio.gather(
        *(desk.staff.accounts.bootstrap() for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(one, Failure) for one in ended) == 1


async def test_a_role_needs_two_people(admins, works):
    asked = await ask(admins)
    assert await roles(admins) == []
    approved = await admins.staff.grants.approve("secadmin", asked.id)
    assert (approved.requested_by, approved.decided_by) == ("sysadmin", "secadmin")
    assert await roles(admins) == [StaffRole.CLERK]
    async with works.read() as work:
        moves = await connection(work).execute(
            select(history.c.event).where(history.c.entity == asked.id)
        )
        told = await connection(work).execute(
            select(events.c.topic).where(events.c.reference == asked.id)
        )
        both = ["identity.role_request_made", "identity.role_request_approved"]
        assert (moves.scalars().all(), told.scalars().all()) == (both, both)
        rows = await audit.search(work, category="D", limit=500)
    said = [(one["action"], one["actor"]) for one in map(json.loads, (row.body for row in rows))]
    assert ("staff.role_requested", "staff:sysadmin") in said
    assert ("staff.role_request_approved", "staff:secadmin") in said


async def test_nobody_helps_himself(admins):
    with pytest.raises(TwoPeopleNeeded):
        await ask(admins, to="sysadmin", role=StaffRole.CLERK)
    own = await ask(admins, by="secadmin")
    with pytest.raises(TwoPeopleNeeded):
        await admins.staff.grants.approve("secadmin", own.id)
    about = await ask(admins, None, act=RequestAct.RESET, to="secadmin")
    for decide in (admins.staff.grants.approve, admins.staff.grants.refuse):
        with pytest.raises(TwoPeopleNeeded):
            await decide("secadmin", about.id)
    with pytest.raises(RequestUnknown):
        await admins.staff.grants.approve("secadmin", "rrq_none")
    assert await roles(admins) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"requested_by": "clerk-1"},
        {"decided_by": "clerk-1"},
        {"decided_by": "sysadmin"},
    ],
)
async def test_the_database_wants_two_people_too(admins, works, changes):
    asked = await ask(admins)
    with pytest.raises(IntegrityError):
        await run(
            works, update(role_requests).where(role_requests.c.id == asked.id).values(**changes)
        )


async def test_a_request_is_decided_once(admins):
    asked = await ask(admins)
    await admins.staff.grants.refuse("secadmin", asked.id)
    with pytest.raises(IllegalTransition):
        await admins.staff.grants.approve("secadmin", asked.id)
    again = await ask(admins)
    with pytest.raises(Failure, match="unique"):
        await ask(admins)
    await admins.staff.grants.approve("secadmin", again.id)
    assert await roles(admins) == [StaffRole.CLERK]


async def test_business_roles_go_together_and_are_taken_back(admins):
    for role in (StaffRole.CLERK, StaffRole.APPROVER, StaffRole.FINANCE):
        await give(admins, role)
    assert len(await roles(admins)) == 3
    for role in (StaffRole.CLERK, StaffRole.APPROVER, StaffRole.FINANCE):
        with pytest.raises(RoleConflict):
            await ask(admins, StaffRole.AUDIT_ADMIN)
        await give(admins, role, act=RequestAct.REVOKE)
    await give(admins, StaffRole.AUDIT_ADMIN)
    assert await roles(admins) == [StaffRole.AUDIT_ADMIN]


@pytest.mark.parametrize("other", [*ADMINS, StaffRole.CLERK])
async def test_the_database_refuses_a_second_power(admins, works, other):
    # Past every check of ours, as somebody at the database's console would.
    holder = {"id": "grt_x", "staff_id": "auditadmin", "department": "", "region": "", "mac": "x"}
    row = {**holder, "kind": kind_of(other), "role": other, "granted_at": works.clock.now()}
    if other is StaffRole.AUDIT_ADMIN:
        row["kind"] = StaffKind.BUSINESS
    with pytest.raises(IntegrityError):
        await run(works, insert(grants).values(**row))
    with pytest.raises(IntegrityError):
        await run(
            works, update(staff).where(staff.c.id == "auditadmin").values(kind=StaffKind.SECURITY)
        )


async def test_racing_approvals_leave_one_power(admins):
    # One request per power, all open at once, all approved at once.
    asked = [await ask(admins, role) for role in (*ADMINS, StaffRole.CLERK)]
    ended = await asyncio.gather(
        *(admins.staff.grants.approve("secadmin", one.id) for one in asked),
        return_exceptions=True,
    )
    assert sum(isinstance(one, RoleConflict) for one in ended) == 3, ended
    assert len(await roles(admins)) == 1


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(StaffRole), st.sampled_from([RequestAct.GRANT, RequestAct.REVOKE])
        ),
        max_size=12,
    )
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_walk_gathers_two_powers(sqlite_databases, tmp_path_factory, frozen_clock, steps):
    asyncio.run(_walk(sqlite_databases.fresh(tmp_path_factory.mktemp("walk")), frozen_clock, steps))


async def _walk(url, clock, steps):
    database = Database(url, pool_size=2, durable=False)
    try:
        desk = StaffDesk(SqlWorks(database, clock, SequentialIds()), clock)
        await desk.staff.accounts.bootstrap()
        await desk.staff.accounts.create("staff:sysadmin", "clerk-1", "测试员")
        held: set[StaffRole] = set()
        for role, act in steps:
            fits = act is RequestAct.REVOKE or {kind_of(one) for one in held} <= {kind_of(role)}
            try:
                await give(desk, role, act=act)
            except RoleConflict:
                assert not fits
            else:
                assert fits
                held = held | {role} if act is RequestAct.GRANT else held - {role}
            assert set(await roles(desk)) == held
            assert len({kind_of(one) for one in held}) <= 1
    finally:
        await database.dispose()


@pytest.mark.parametrize(
    "changes", [{"role": "APPROVER"}, {"region": "370000"}, {"department": "x"}, {"mac": "0" * 64}]
)
async def test_a_changed_row_gives_no_role(admins, works, changes):
    await give(admins, StaffRole.CLERK)
    token = await admins.staff.accounts.issue_token("clerk-1", timedelta(hours=1))
    await run(works, update(grants).where(grants.c.staff_id == "clerk-1").values(**changes))
    with pytest.raises(GrantTampered):
        await admins.staff.accounts.identify_token(token)


async def test_a_row_of_another_person_gives_no_role(admins, works):
    await give(admins, StaffRole.CLERK)
    await admins.staff.accounts.create("staff:sysadmin", "clerk-2", "测试员")
    await run(works, update(staff).where(staff.c.id == "clerk-2").values(kind=StaffKind.BUSINESS))
    await run(
        works, update(grants).where(grants.c.staff_id == "clerk-1").values(staff_id="clerk-2")
    )
    with pytest.raises(GrantTampered):
        await roles(admins, "clerk-2")


async def test_an_account_with_roles_begins_anew_only_with_two_people(admins):
    accounts = admins.staff.accounts
    first = await accounts.activate("staff:sysadmin", "clerk-1")
    assert (await accounts.activate("staff:sysadmin", "clerk-1")).password != first.password
    await give(admins, StaffRole.CLERK)
    with pytest.raises(ResetNotApproved):
        await accounts.activate("staff:sysadmin", "clerk-1")
    with pytest.raises(ResetNotApproved):
        await accounts.activate("staff:sysadmin", "secadmin")
    await give(admins, None, act=RequestAct.RESET)
    pocket = Pocket("clerk-1", (await accounts.activate("staff:sysadmin", "clerk-1")).password)
    assert (await admins.sign_in(pocket)).password_due
    with pytest.raises(ResetNotApproved):
        await accounts.activate("staff:sysadmin", "clerk-1")


async def test_accounts_are_made_once_and_listed(admins):
    accounts = admins.staff.accounts
    with pytest.raises(AccountExists):
        await accounts.create("staff:sysadmin", "clerk-1", "另一人")
    for number in ("", "A-1", "x", "票", "a b", "x" * 33):
        with pytest.raises(InvalidInput):
            await accounts.create("staff:sysadmin", number, "测试员")
    listed = await accounts.list("auditadmin", 2)
    assert [(one.id, one.kind) for one in listed] == [("clerk-1", "NONE"), ("secadmin", "SECURITY")]
    for act in (accounts.close, accounts.unlock, accounts.activate):
        with pytest.raises(StaffUnknown):
            await act("staff:sysadmin", "nobody")


async def test_tokens_live_and_end(admins):
    accounts = admins.staff.accounts
    clerk = StaffMember("clerk-1", "测试员", StaffRole.CLERK, DEPARTMENT, REGION)
    await give(admins, StaffRole.CLERK)
    tokens = [await accounts.issue_token("clerk-1", timedelta(days=365)) for _ in range(3)]
    assert (await accounts.identify_token(tokens[0])).members == (clerk,)
    assert await accounts.revoke_tokens("clerk-1") == 3
    assert await accounts.revoke_tokens("clerk-1") == 0
    late = await accounts.issue_token("clerk-1", timedelta(days=365))
    for token in (*tokens, "", "sdst_", "sdst_" + "x" * 43, late.replace("sdst_", "sdat_")):
        with pytest.raises(Unauthenticated):
            await accounts.identify_token(token)
    admins.later(hours=8)
    with pytest.raises(Unauthenticated):
        await accounts.identify_token(late)
    with pytest.raises(StaffUnknown):
        await accounts.issue_token("nobody", timedelta(hours=1))


async def test_provisioning_again_moves_the_one_role(desk):
    clerk = StaffMember("clerk-1", "测试员", StaffRole.CLERK, DEPARTMENT, REGION)
    accounts = desk.staff.accounts
    for member in (clerk, clerk, StaffMember("clerk-1", "测试员", StaffRole.AUDIT_ADMIN, "", "")):
        await accounts.provision(member)
        issued = await accounts.issue_token("clerk-1", timedelta(hours=1))
        assert (await accounts.identify_token(issued)).members == (member,)
    token = await accounts.issue_token("clerk-1", timedelta(hours=1))
    gone = StaffMember("clerk-1", "测试员", StaffRole.CLERK, DEPARTMENT, REGION, active=False)
    await accounts.provision(gone)
    with pytest.raises(Unauthenticated):
        await accounts.identify_token(token)


async def test_sweeping_deletes_what_is_long_over(desk, works):
    await desk.person("clerk-1", StaffRole.CLERK)
    await desk.staff.accounts.issue_token("clerk-1", timedelta(hours=1))
    desk.later(days=7, hours=9)
    assert await desk.staff.accounts.sweep(timedelta(days=7)) >= 3
    assert await desk.staff.accounts.sweep(timedelta(days=7)) == 0
