"""Issuing sources that are down or slow, and rows that must not be believed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import adapters.upstreams.national_licence as package
from adapters.kit.conformance import World, running
from adapters.kit.conformance import e_license as suite
from adapters.kit.licences import UnknownCode
from adapters.kit.registry import Registry
from adapters.upstreams.national_licence import mapping
from adapters.upstreams.national_licence.options import Options
from adapters.upstreams.national_licence.wire import Fetched, Row
from e_license import AnswerStatus, LicenceState, Provenance
from kernel.errors import UpstreamUnavailable

PURPOSE = suite.purpose()
OPTIONS = Options(base_url="http://127.0.0.1", system_code="a")
ROW = Row(
    certificate_type_code=suite.DEED,
    certificate_source_id=suite.NO_LICENCE,
    certificate_area_code="370100",
    issue_date="20200101",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    registry = Registry()
    registry.add(Path(package.__path__[0]) / "manifest.toml", package.__name__)
    async with running("national_licence", tmp_path, registry=registry) as made:
        yield made


async def test_a_licence_says_that_it_came_through_the_nation(world):
    answer = await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.licences[0].provenance is Provenance.NATIONAL


@pytest.mark.parametrize("knob", ["down", 400])
async def test_a_source_that_is_down_or_slow_is_unavailable(world, knob):
    await world.browser.post("/sim/sources", json={"370102": knob})
    world.reconnect(source_seconds_by_area={"3701": 0.15})
    with pytest.raises(UpstreamUnavailable):
        await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    answer = await world.provider.find(suite.LI, suite.IDENTITY_CARD, PURPOSE)
    assert answer.status is AnswerStatus.FOUND


@pytest.mark.parametrize(
    ("area", "seconds"), [("370102", 2.0), ("370200", 1.0), ("440100", 5.0), ("370102000000", 2.0)]
)
def test_the_longest_beginning_of_an_area_counts(area, seconds):
    options = Options(
        base_url="http://127.0.0.1", system_code="a", source_seconds_by_area={"37": 1, "3701": 2}
    )
    assert mapping.seconds_for(area, options) == seconds


@pytest.mark.parametrize(
    ("raw", "state"),
    [("10", LicenceState.VALID), ("02", LicenceState.EXPIRED), ("05", LicenceState.REVOKED)],
)
def test_the_issuer_says_whether_it_is_valid(raw, state):
    fetched = Fetched(certificate_source_id=suite.NO_LICENCE, state=raw, valid_to="长期")
    made = mapping.licence(ROW, fetched, OPTIONS)
    assert (made.state, made.valid_to) == (state, None)
    assert str(made.valid_from) == "2020-01-01"


@pytest.mark.parametrize("raw", ["", "11", "valid"])
def test_an_unlisted_state_is_refused(raw):
    with pytest.raises(UnknownCode):
        mapping.state(raw, OPTIONS)


def test_a_withdrawn_row_does_not_stand():
    assert mapping.is_current(ROW)
    assert not mapping.is_current(ROW.model_copy(update={"cd_operation": "D"}))
