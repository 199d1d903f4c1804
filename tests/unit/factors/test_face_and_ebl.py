"""Second factors at their edges: how alike a face must be, who may scan for a company, how long a
code lives.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.second_factor import SUBJECT, begin, ended, finish
from adapters.kit.registry import BadConnection
from identity import ActingRole, FactorState, FactorSubject, IdType
from kernel.errors import UpstreamProtocolError, UpstreamRejected, UpstreamUnavailable

LEGAL_REP = FactorSubject(
    name="李静怡",
    id_type=IdType.RESIDENT_ID,
    id_number="370202198811120246",
    uscc=SUBJECT.uscc,
)
OPERATOR = FactorSubject(
    name="王建国",
    id_type=IdType.RESIDENT_ID,
    id_number="370112196505010119",
    uscc=SUBJECT.uscc,
)
BY_PSEUDONYM = FactorSubject(name="张明轩", id_type=IdType.RESIDENT_ID, pseudonym="N1234567890")


async def knob(world: World, path: str, **said: Any) -> int:
    return (await world.browser.post(f"/sim/{path}", json=said)).status_code


async def test_a_face_must_be_alike_enough_for_us(tmp_path: Path):
    async with running("face", tmp_path) as world:
        for said, state in (("70", "PASSED"), ("69.99", "FAILED"), ("100", "PASSED")):
            await knob(world, "score", similarity=said)
            assert (await ended(world, "pass"))[1].state == FactorState(state)
        await knob(world, "score", similarity="1e3")
        with pytest.raises(UpstreamProtocolError):
            await ended(world, "pass")
        with pytest.raises(UpstreamRejected):
            await begin(world, BY_PSEUDONYM)


async def test_the_page_sends_the_browser_back_with_nothing_but_the_reference(tmp_path: Path):
    async with running("face", tmp_path) as world:
        reference, started = await begin(world)
        page = await world.browser.get(started.url or "")
        assert "仿真" in page.text
        answer = await world.browser.post(started.url or "", data={"outcome": "pass"})
        home = f"{world.place.gateway_url}/step-up/done"
        assert answer.headers["location"] == f"{home}?reference={reference}"
        found = await world.provider.result(reference, SUBJECT)
        assert (found.state, found.amr) == (FactorState.PASSED, ("face",))
        again = await world.browser.post(started.url or "", data={"outcome": "fail"})
        assert again.status_code == 410, "what is finished stays so"


async def test_a_browser_is_not_sent_to_strangers(tmp_path: Path):
    async with running("face", tmp_path) as world:
        with pytest.raises(UpstreamRejected):
            await world.provider.start(
                SUBJECT, return_url="https://elsewhere.invalid/", reference="ab" * 16
            )


async def test_a_reference_is_started_once_and_busy_is_told(tmp_path: Path):
    async with running("face", tmp_path) as world:
        reference, _ = await begin(world)
        with pytest.raises(UpstreamRejected):
            await world.provider.start(
                SUBJECT, return_url=f"{world.place.gateway_url}/done", reference=reference
            )
        await world.faults.set("error", operation="result", times=0)
        with pytest.raises(UpstreamUnavailable):
            await world.provider.result(reference, SUBJECT)


async def test_a_state_that_no_table_knows_is_told_and_refused(tmp_path: Path):
    async with running("face", tmp_path) as world:
        world.reconnect(states={"1": "PASSED"})
        reference, _ = await begin(world)
        with pytest.raises(UpstreamProtocolError):
            await world.provider.result(reference, SUBJECT)
        assert [key[1:] for key in world.telemetry.unknown_codes()] == [("state", "0")]


async def test_a_key_that_is_none_is_refused_at_once(tmp_path: Path):
    async with running("ebl", tmp_path) as world:
        with pytest.raises(BadConnection, match="public key"):
            world.reconnect(service_public_key="04" + "11" * 64)


async def test_who_scans_acts_as_the_licence_says(tmp_path: Path):
    async with running("ebl", tmp_path) as world:
        found = (await ended(world, "pass"))[1]
        assert (found.acting_role, found.uscc) == (ActingRole.ORG_ADMIN, SUBJECT.uscc)
        found = (await ended(world, "other", LEGAL_REP))[1]
        assert (found.state, found.acting_role) == (FactorState.PASSED, ActingRole.LEGAL_REP)


@pytest.mark.parametrize(
    ("matters", "state"),
    [(["*"], "PASSED"), (["one-window", "tax"], "PASSED"), (["tax"], "FAILED"), ([], "FAILED")],
)
async def test_an_operator_scans_for_what_was_named(tmp_path: Path, matters: list[str], state: str):
    async with running("ebl", tmp_path) as world:
        number = OPERATOR.id_number
        await knob(world, "holders", name=OPERATOR.name, idNo=number, role="3", matters=matters)
        await knob(world, "scanner", idNo=number)
        found = (await ended(world, "pass", OPERATOR))[1]
        assert found.state == FactorState(state)


async def test_at_most_five_managers_and_who_is_removed_scans_no_more(tmp_path: Path):
    async with running("ebl", tmp_path) as world:
        answers = [
            await knob(world, "holders", name=f"管理员{n}", idNo=f"m-{n}", role="2", matters=["*"])
            for n in range(5)
        ]
        assert answers == [204, 204, 204, 204, 409]
        reference, _ = await begin(world)
        await world.browser.delete(f"/sim/holders/{SUBJECT.id_number}")
        await finish(world, reference, "pass")
        assert (await world.provider.result(reference, SUBJECT)).state is FactorState.FAILED


@pytest.mark.parametrize("licence", ["2", "3"])
async def test_a_dead_licence_proves_nothing(tmp_path: Path, licence: str):
    async with running("ebl", tmp_path) as world:
        await knob(world, "licence", state=licence)
        found = (await ended(world, "pass"))[1]
        assert (found.state, found.reason) == (FactorState.FAILED, "the licence is not valid")


async def test_a_code_lives_five_minutes_at_most_and_is_for_companies(tmp_path: Path):
    async with running("ebl", tmp_path) as world:
        _, started = await begin(world)
        assert started.expires_at - world.clock.now() <= timedelta(seconds=300)
        person = FactorSubject(
            name="张明轩", id_type=IdType.RESIDENT_ID, id_number=SUBJECT.id_number
        )
        for nobody in (person, BY_PSEUDONYM):
            with pytest.raises(UpstreamRejected):
                await begin(world, nobody)
        stranger = FactorSubject(
            name="张明轩",
            id_type=IdType.RESIDENT_ID,
            id_number=SUBJECT.id_number,
            uscc="91370100MA3C0000X8",
        )
        with pytest.raises(UpstreamRejected):
            await begin(world, stranger)
