"""Codes of use belong to one case, tokens are renewed once, and answers must be signed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

import adapters.upstreams.gd_auth_code as package
from adapters.kit.conformance import World, running
from adapters.kit.conformance import e_license as suite
from adapters.kit.registry import Registry
from adapters.sandbox.store import Store
from adapters.upstreams.gd_auth_code.wire import Code, Found
from e_license import AnswerStatus, LicenceNotFound, LicenceNotSupported
from kernel.clock import FrozenClock
from kernel.errors import UpstreamProtocolError, UpstreamRejected

PURPOSE = suite.purpose()


@pytest.fixture
async def world(tmp_path: Path, frozen_clock: FrozenClock) -> AsyncIterator[World]:
    registry = Registry()
    registry.add(Path(package.__path__[0]) / "manifest.toml", package.__name__)
    async with running("gd_auth_code", tmp_path, registry=registry, clock=frozen_clock) as made:
        yield made


def asked(world: World) -> Counter[str]:
    return Counter(record.operation for record in world.calls)


async def test_a_code_of_use_opens_its_own_case_only(world):
    answer = await world.provider.find(suite.COMPANY, suite.BUSINESS_LICENCE, PURPOSE)
    identifier = answer.licences[0].identifier
    assert (await world.provider.fetch(identifier, PURPOSE)).licences == answer.licences
    other = suite.purpose("another-case")
    elsewhere = await world.provider.fetch(identifier, other)
    assert (elsewhere.status, elsewhere.reason) == (
        AnswerStatus.UNAVAILABLE,
        LicenceNotSupported.code,
    )
    for refused in (world.provider.document, world.provider.viewing_pass):
        with pytest.raises(LicenceNotFound):
            await refused(identifier, other)


async def test_a_restart_forgets_codes_of_use(world):
    answer = await world.provider.find(suite.COMPANY, suite.BUSINESS_LICENCE, PURPOSE)
    world.reconnect()
    with pytest.raises(LicenceNotFound):
        await world.provider.document(answer.licences[0].identifier, PURPOSE)


async def test_a_code_of_use_that_is_over(world, frozen_clock):
    answer = await world.provider.find(suite.COMPANY, suite.BUSINESS_LICENCE, PURPOSE)
    identifier = answer.licences[0].identifier
    frozen_clock.advance(timedelta(seconds=1_799))
    await world.provider.document(identifier, PURPOSE)
    frozen_clock.advance(timedelta(seconds=2))
    with pytest.raises(LicenceNotFound):
        await world.provider.document(identifier, PURPOSE)


async def test_one_login_serves_everybody(world):
    questions = [
        world.provider.find(holder, suite.IDENTITY_CARD, PURPOSE)
        for holder in (suite.ZHANG, suite.LI, suite.WANG)
    ]
    answers = await asyncio.gather(*questions)
    assert [one.licences[0].holder_name for one in answers] == ["张明轩", "李静怡", "王建国"]
    assert asked(world)["login"] == 1


async def test_a_token_that_dies_early_is_renewed_once(world):
    await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    await world.browser.post("/sim/expire")
    answer = await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.status is AnswerStatus.FOUND
    assert asked(world)["login"] == 2


async def test_an_answer_with_another_signature_is_refused(world):
    await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    store = Store(world.place.folder)
    account = store.get("account", "onewindow-sandbox")
    store.put("account", "onewindow-sandbox", account | {"secret": "another"})
    store.close()
    with pytest.raises(UpstreamProtocolError, match="signature"):
        await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)


async def test_a_holder_type_that_is_refused(world):
    world.reconnect(
        codes={Code.NO_LICENCE: "OUR_FAULT", Code.TOKEN_INVALID: "TOKEN_OVER"},
    )
    with pytest.raises(UpstreamRejected):
        await world.provider.find(suite.LI, suite.DEED, PURPOSE)


async def test_an_error_outside_the_table_is_a_breach(world):
    world.reconnect(codes={Code.TOKEN_INVALID: "TOKEN_OVER"})
    with pytest.raises(UpstreamProtocolError):
        await world.provider.find(suite.LI, suite.DEED, PURPOSE)


@pytest.mark.parametrize("code", ["", "2026", "20261123100000000", "x" * 40])
def test_a_code_of_use_begins_with_seventeen_digits(code):
    with pytest.raises(ValueError, match="auth_code"):
        Found(license_item_code="a", license_code="b", license_status="ISSUED", auth_code=code)


async def test_nothing_personal_is_logged(world, capsys):
    answer = await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    await world.provider.document(answer.licences[0].identifier, PURPOSE)
    printed = capsys.readouterr().out
    assert "getLicense" in printed
    for secret in (suite.ZHANG.code, "张明轩", "auth_code=", *world.onboarding.secrets.values()):
        assert secret not in printed
