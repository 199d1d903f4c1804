"""网证: who is known by 网号 is named by nothing else; a pass is worth what its mode is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.second_factor import SUBJECT, begin, ended
from adapters.kit.registry import BadConnection
from identity import FactorState, FactorSubject, IdType
from kernel.errors import UpstreamRejected

PID = "WHA7K2M9Q4T8X1C6B3N5"
BY_PSEUDONYM = FactorSubject(name="张明轩", id_type=IdType.RESIDENT_ID, pseudonym=PID)


async def asked(world: World) -> list[str]:
    named: list[str] = (await world.browser.get("/sim/asked")).json()
    return named


async def test_the_pseudonym_is_handed_on_and_stands_for_the_number_from_then_on(tmp_path: Path):
    async with running("ctid", tmp_path) as world:
        found = (await ended(world, "pass"))[1]
        assert (found.state, found.pseudonym) == (FactorState.PASSED, PID)
        assert await asked(world) == ["SFXX", "WZXX"]
        found = (await ended(world, "pass", BY_PSEUDONYM))[1]
        assert (found.state, found.pseudonym) == (FactorState.PASSED, PID)
        assert await asked(world) == ["WH", "WZXX"]
        # Also when the number is known besides: the plain identity is not asked for as well.
        await ended(world, "pass", replace(SUBJECT, pseudonym=PID))
        assert await asked(world) == ["WH", "WZXX"]


async def test_another_pseudonym_or_person_does_not_pass(tmp_path: Path):
    async with running("ctid", tmp_path) as world:
        wrong = replace(BY_PSEUDONYM, pseudonym="WH00000000000000000")
        assert (await ended(world, "pass", wrong))[1].state is FactorState.FAILED
        assert (await ended(world, "other", BY_PSEUDONYM))[1].state is FactorState.FAILED
        await world.browser.post("/sim/holder", json={"idNo": "370202198811120246"})
        assert (await ended(world, "pass"))[1].state is FactorState.FAILED


async def test_who_did_not_choose_a_pseudonym_has_none(tmp_path: Path):
    async with running("ctid", tmp_path) as world:
        world.reconnect(pseudonym="IGNORE")
        found = (await ended(world, "pass"))[1]
        assert (found.state, found.pseudonym) == (FactorState.PASSED, None)


@pytest.mark.parametrize(
    ("mode", "amr"),
    [("R01", ("sd_ctid",)), ("R02", ("sd_ctid", "pin")), ("R04", ("sd_ctid", "pin"))],
)
async def test_a_pass_is_worth_what_its_mode_is(tmp_path: Path, mode: str, amr: tuple[str, ...]):
    async with running("ctid", tmp_path) as world:
        world.reconnect(mode=mode)
        assert (await ended(world, "pass"))[1].amr == amr
        await world.browser.post("/sim/mode", json={"mode": "R09"})
        found = (await ended(world, "pass"))[1]
        assert (found.state, found.reason) == (
            FactorState.FAILED,
            "another mode than was asked for",
        )


async def test_a_mode_that_is_not_described_is_refused_at_once(tmp_path: Path):
    async with running("ctid", tmp_path) as world:
        with pytest.raises(BadConnection, match="mode is not among the modes"):
            world.reconnect(mode="R07")


async def test_other_papers_need_a_pseudonym(tmp_path: Path):
    async with running("ctid", tmp_path) as world:
        permit = replace(SUBJECT, id_type=IdType.HK_MACAO_PERMIT, id_number="H12345678")
        with pytest.raises(UpstreamRejected):
            await begin(world, permit)
        await begin(world, replace(permit, pseudonym=PID))
