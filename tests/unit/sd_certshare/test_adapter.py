"""The adapter against its simulator, and against answers that no specification allows."""

from datetime import timedelta

import pytest

from adapters.kit.checks import probe
from adapters.kit.checks.layers import Layer
from adapters.kit.conformance import e_license as suite
from adapters.kit.kit import Answer
from adapters.kit.registry import BadConnection
from e_license import AnswerStatus, LicenceNotSupported
from kernel.errors import UpstreamProtocolError, UpstreamRejected, UpstreamUnavailable
from kernel.masking import scrub
from tests.unit.sd_certshare.canned import Canned, ok, provider, sealed

PURPOSE = suite.purpose()


async def test_it_examines_itself(world, frozen_clock):
    found = await probe(world.connected, frozen_clock)
    assert found.ok
    assert [one.name for one in found.results] == ["account"]
    world.reconnect(access_id="somebody-else")
    found = await probe(world.connected, frozen_clock)
    assert found.fault is Layer.AUTHENTICATION
    world.reconnect(ciphertext_order="C1C3C2")
    checks = {check.name: check for check in world.provider.checks()}
    await checks["account"].run()
    with pytest.raises(UpstreamProtocolError, match="decrypt"):
        await checks["test licence"].run()


async def test_the_order_of_the_ciphertext_is_an_option(world):
    world.reconnect(ciphertext_order="C1C3C2")
    with pytest.raises(UpstreamProtocolError, match="decrypt"):
        await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)


async def test_the_cause_may_be_a_text(world):
    world.reconnect(use_cause="text")
    answer = await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.status is AnswerStatus.FOUND


async def test_a_type_that_the_platform_does_not_know_is_not_supported(world):
    answer = await world.provider.find(suite.ZHANG, "11100000000013338W001", PURPOSE)
    assert (answer.status, answer.reason) == (
        AnswerStatus.UNAVAILABLE,
        LicenceNotSupported.code,
    )
    assert answer.upstream_status == "13"


async def test_a_file_comes_after_its_first_address_has_died(world, frozen_clock):
    answer = await world.provider.find(suite.COMPANY, suite.BUSINESS_LICENCE, PURPOSE)
    identifier = answer.licences[0].identifier
    first = await world.provider.document(identifier, PURPOSE)
    frozen_clock.advance(timedelta(hours=1))
    assert await world.provider.document(identifier, PURPOSE) == first


async def test_nothing_personal_is_logged(world, capsys, caplog):
    caplog.set_level(0)
    await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    await world.provider.find(suite.ZHANG, suite.NOT_GRANTED, PURPOSE)
    for action in ("error", "malformed", "html"):
        world.reconnect()
        await world.faults.set(action, times=0)
        with pytest.raises((UpstreamUnavailable, UpstreamProtocolError)) as told:
            await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
        await world.faults.clear()
        assert suite.ZHANG.code not in str(told.value)
    printed = capsys.readouterr().out.splitlines()
    assert any("queryCertInfoByHolderCode" in line for line in printed)
    for line in printed:
        assert scrub(line) == line
    said = "\n".join([*printed, caplog.text])
    for secret in (suite.ZHANG.code, "张明轩", *world.onboarding.secrets.values()):
        assert secret not in said


@pytest.fixture
def manifest(registry):
    return registry.manifest("sd_certshare")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"head": {}},
        {"head": {"status": "ok"}},
        {"head": {"status": 0}},
        ok({}),
        ok({"certData": 5}),
        ok({"certData": ""}),
        ok({"certData": "zz"}),
        ok({"certData": "04" * 120}),
        ok({"certData": sealed(b"not JSON")}),
        ok({"certData": sealed(b"\xff\xfe")}),
        ok({"certData": sealed({"cert_identifier": "1"})}),
        ok({"certData": sealed([{"cert_identifier": ["1"]}])}),
        ok({"certData": sealed([{"zzmc": "no identifier"}])}),
    ],
)
async def test_an_answer_against_the_protocol_is_told_without_its_content(manifest, body):
    share, _ = provider(Canned(body), manifest)
    with pytest.raises(UpstreamProtocolError) as told:
        await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert told.value.__cause__ is None
    assert "no identifier" not in str(told.value)


@pytest.mark.parametrize("status", [1, 104, 60001, -1])
async def test_an_unknown_status_is_counted(manifest, status):
    share, unknown = provider(Canned({"head": {"status": status}, "data": {}}), manifest)
    with pytest.raises(UpstreamProtocolError):
        await share.fetch("x", PURPOSE)
    assert unknown == [("head.status", str(status))]


async def test_an_unknown_state_is_counted(manifest):
    face = {"cert_identifier": "1", "zzzt": 77, "mz": None}
    share, unknown = provider(Canned(ok({"certData": sealed([face])})), manifest)
    with pytest.raises(UpstreamProtocolError):
        await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert unknown == [("zzzt", "77")]


@pytest.mark.parametrize(
    ("status", "kind"), [(99, UpstreamUnavailable), (101, UpstreamUnavailable)]
)
async def test_their_failures_may_be_asked_again(manifest, status, kind):
    share, _ = provider(Canned({"head": {"status": status}, "data": {}}), manifest)
    with pytest.raises(kind) as told:
        await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert told.value.extras["upstream_code"] == str(status)


async def test_our_mistakes_are_rejections(manifest):
    share, _ = provider(Canned({"head": {"status": 103}, "data": {}}), manifest)
    with pytest.raises(UpstreamRejected) as told:
        await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert told.value.upstream_code == "103"


async def test_no_face_at_all_is_not_found(manifest):
    share, _ = provider(Canned(ok({"certData": sealed([])})), manifest)
    answer = await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.status is AnswerStatus.NOT_FOUND


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "//elsewhere/file",
        "file.ofd",
        "/a/../../etc/passwd",
        "/\\elsewhere",
        "",
    ],
)
async def test_a_file_is_fetched_from_below_the_own_address_only(manifest, address):
    client = Canned(ok(sealed({"content": address})))
    share, _ = provider(client, manifest)
    with pytest.raises(UpstreamProtocolError):
        await share.document("x", PURPOSE)
    assert client.urls == ["/CertShare/downloadUrl"]


@pytest.mark.parametrize(
    "file",
    [
        Answer(200, {"content-type": "application/ofd"}, b"<html>"),
        Answer(302, {"location": "/elsewhere"}, b"PK\x03\x04"),
    ],
)
async def test_a_file_of_another_form_is_refused(manifest, file):
    client = Canned(ok(sealed({"content": "/f"})), file)
    share, _ = provider(client, manifest, download_path="/share")
    with pytest.raises(UpstreamProtocolError):
        await share.document("x", PURPOSE)
    assert client.urls[-1] == "/share/f"


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "-----BEGIN PRIVATE KEY-----\nAA==\n"])
def test_a_key_that_is_none_is_told_at_once(manifest, key):
    with pytest.raises(BadConnection, match="private_key"):
        provider(Canned(None), manifest, secrets={"access_token": "t", "private_key": key})
