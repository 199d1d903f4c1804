"""The adapter against its simulator, and against answers that no dialect allows."""

from typing import Any

import pytest

from adapters.kit.checks import probe
from adapters.kit.checks.layers import Layer
from adapters.kit.conformance import e_seal as suite
from adapters.kit.kit import Answer, Kit
from adapters.upstreams.sd_seal import adapter, mapping
from adapters.upstreams.sd_seal.options import Options
from e_seal import SealState
from e_seal.ses.read import read_signature
from kernel.clock import SystemClock
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import SequentialIds


async def test_it_examines_itself(world, frozen_clock):
    found = await probe(world.connected, frozen_clock)
    assert found.ok
    assert [one.name for one in found.results] == ["account"]
    checks = {check.name: check for check in world.provider.checks()}
    await checks["test seal"].run()
    assert await suite.acts(world) == []
    world.reconnect(app_id="somebody-else")
    found = await probe(world.connected, frozen_clock)
    assert found.fault is Layer.AUTHENTICATION
    world.reconnect(probe_seal_code=suite.NO_SEAL)
    with pytest.raises(UpstreamRejected):
        await {check.name: check for check in world.provider.checks()}["test seal"].run()


async def test_an_account_without_grants_gets_nothing(world):
    world.reconnect(out_user_id="another-system")
    for question in (
        world.provider.get_seal(suite.SEAL),
        world.provider.sign_digest(suite.request(world)),
    ):
        with pytest.raises(UpstreamRejected) as told:
            await question
        assert told.value.upstream_code == "E3002"
    assert await world.provider.status(suite.SEAL) is SealState.ACTIVE
    assert await suite.acts(world) == []


async def test_nobody_sees_the_signatures_of_another_account(world):
    await world.provider.sign_digest(suite.request(world))
    world.reconnect(out_user_id="another-system")
    assert await world.provider.find_signature("request-1") is None


async def test_frozen_seals_are_handed_out_as_frozen(world):
    record = await world.provider.get_seal(suite.FROZEN_SEAL)
    assert record.state is SealState.FROZEN
    with pytest.raises(UpstreamRejected) as told:
        await world.provider.sign_digest(suite.request(world, seal_code=suite.REVOKED_SEAL))
    assert told.value.upstream_code == "E3004"


async def test_the_bare_dialect_signs_each_time(world):
    world.reconnect(own_fields=False)
    order = suite.request(world)
    first = await world.provider.sign_digest(order)
    second = await world.provider.sign_digest(order)
    assert first != second
    assert read_signature(first).property_info == "/Doc_0/Signs/Sign_0/Signature.xml"
    assert [act["requestId"] for act in await suite.acts(world)] == ["", ""]
    assert (await world.provider.get_seal(suite.SEAL)).state is SealState.ACTIVE


async def test_the_bare_dialect_never_says_that_nothing_was_signed(world):
    world.reconnect(own_fields=False)
    with pytest.raises(UpstreamOutcomeUnknown):
        await world.provider.find_signature("request-1")
    assert await world.provider.status(suite.SEAL) is SealState.UNKNOWN
    assert [check.name for check in world.provider.checks()] == ["test seal"]


async def test_the_bare_dialect_is_sent_once_only(world):
    world.reconnect(own_fields=False)
    await world.faults.set("error", operation="signOnce", times=0)
    with pytest.raises(UpstreamOutcomeUnknown):
        await world.provider.sign_digest(suite.request(world))
    assert await world.faults.used() == 1


async def test_a_keyed_signature_is_repeated_by_the_kit(world):
    await world.faults.set("truncated", operation="signDigest")
    signature = await world.provider.sign_digest(suite.request(world))
    assert [record.operation for record in world.calls] == ["signDigest", "signDigest"]
    assert await world.provider.find_signature("request-1") == signature
    assert len(await suite.acts(world)) == 1


async def test_nothing_secret_is_logged(world, capsys, caplog):
    caplog.set_level(0)
    signature = await world.provider.sign_digest(suite.request(world))
    with pytest.raises(UpstreamRejected):
        await world.provider.get_seal(suite.NO_SEAL)
    said = capsys.readouterr().out + caplog.text
    assert "signDigest" in said
    for secret in (world.onboarding.secrets["app_secret"], mapping.encoded(signature)):
        assert secret not in said


class Canned:
    """Answers every question with the same body; notes what was sent."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.sent: list[dict[str, Any]] = []

    async def request_json(self, operation: str, method: str, url: str, **parts: Any) -> Any:
        self.sent.append({"operation": operation, "url": url, **parts})
        return self.body

    async def request(self, *_args: Any, **_parts: Any) -> Answer:
        raise AssertionError("every answer is JSON")

    async def exchange(self, *_args: Any) -> bytes:
        raise AssertionError("no TCP here")


@pytest.fixture
def connect(registry):
    """Return a way to a provider that meets canned answers, and what it counted as unknown."""

    def made(client: Canned, **options: Any) -> tuple[adapter.RemoteSeal, list[tuple[str, str]]]:
        unknown: list[tuple[str, str]] = []
        kit = Kit(
            manifest=registry.manifest("sd_seal"),
            client=client,
            secrets={"app_secret": "s"},
            clock=SystemClock(),
            ids=SequentialIds(),
            unknown=lambda field, code: unknown.append((field, code)),
        )
        chosen = Options(base_url="http://127.0.0.1", out_user_id="u", **options)
        return adapter.create(chosen, kit), unknown

    return made


def ok(*data: Any) -> dict[str, Any]:
    return {"success": True, "message": "", "errorCode": None, "total": 1, "data": [*data]}


def refused(code: Any) -> dict[str, Any]:
    return {"success": False, "message": "", "errorCode": code, "errorMsg": "", "data": None}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"success": "perhaps"},
        {"success": True, "data": "x"},
        ok(),
        ok({}),
        ok({"sealData": 5, "sealStatus": "0"}),
        ok({"sealData": "", "sealStatus": "0"}),
        ok({"sealData": "no-base64!", "sealStatus": "0"}),
        ok({"sealData": "MIIB"}),
        {**ok({"sealData": "MIIB", "sealStatus": "0"}), "errorCode": "E9999"},
        refused(None),
        refused("0"),
        refused("a code with spaces"),
        refused("E" * 41),
    ],
)
async def test_an_answer_against_the_protocol_is_told_without_its_content(connect, body):
    provider, unknown = connect(Canned(body))
    with pytest.raises(UpstreamProtocolError) as told:
        await provider.get_seal(suite.SEAL)
    assert told.value.__cause__ is None
    assert "no-base64" not in str(told.value)
    assert unknown == []


@pytest.mark.parametrize("body", [None, ok(), ok({"puchSignValue": "?"}), refused("E9999")])
async def test_after_a_signature_such_an_answer_leaves_the_outcome_unknown(connect, world, body):
    provider, _ = connect(Canned(body))
    with pytest.raises(UpstreamOutcomeUnknown):
        await provider.sign_digest(suite.request(world))


@pytest.mark.parametrize("code", ["E1234", "500", 7])
async def test_an_unknown_error_code_is_counted(connect, world, code):
    provider, unknown = connect(Canned(refused(code)))
    for question in (
        provider.get_seal(suite.SEAL),
        provider.sign_digest(suite.request(world)),
        provider.find_signature("r"),
        provider.status(suite.SEAL),
    ):
        with pytest.raises(UpstreamProtocolError):
            await question
    assert unknown == [("errorCode", str(code))] * 4


async def test_an_unknown_state_is_counted(connect):
    provider, unknown = connect(Canned(ok({"sealStatus": "9", "sealData": "MIIB"})))
    for question in (provider.get_seal(suite.SEAL), provider.status(suite.SEAL)):
        with pytest.raises(UpstreamProtocolError):
            await question
    assert unknown == [("sealStatus", "9")] * 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("E1001", UpstreamAuthFailed),
        ("E1003", UpstreamAuthFailed),
        ("E2003", UpstreamRejected),
        ("E3001", UpstreamRejected),
        ("E4001", UpstreamRejected),
        ("E4002", UpstreamRejected),
        ("E9001", UpstreamUnavailable),
        ("E9999", UpstreamOutcomeUnknown),
    ],
)
async def test_what_a_code_means_for_a_signature(connect, world, code, kind):
    provider, _ = connect(Canned(refused(code)))
    with pytest.raises(kind) as told:
        await provider.sign_digest(suite.request(world))
    assert type(told.value) is kind
    assert told.value.extras["upstream_code"] == code


async def test_for_a_question_an_unclear_failure_is_harmless(connect):
    provider, _ = connect(Canned(refused("E9999")))
    with pytest.raises(UpstreamUnavailable):
        await provider.status(suite.SEAL)


async def test_a_missing_seal_is_no_missing_request(connect):
    provider, _ = connect(Canned(refused("E3001")))
    with pytest.raises(UpstreamRejected):
        await provider.find_signature("r")
    provider, _ = connect(Canned(refused("E4002")))
    with pytest.raises(UpstreamRejected):
        await provider.status(suite.SEAL)


async def test_a_province_may_hand_out_a_table_of_its_own(connect):
    provider, unknown = connect(Canned(refused(404)), error_codes={"404": "NO_REQUEST"})
    assert await provider.find_signature("r") is None
    assert unknown == []


async def test_the_dialect_as_it_was_seen(connect, world):
    client = Canned(ok({"puchSignValue": "MIIB", "signValue": "MEQ="}))
    provider, _ = connect(client, own_fields=False, authentication="none", service_path="/live")
    order = suite.request(world)
    assert await provider.sign_digest(order) == bytes.fromhex("308201")
    assert client.sent == [
        {
            "operation": "signOnce",
            "url": "/live",
            "headers": {},
            "json": {
                "outUserId": "u",
                "dataType": "108",
                "sealId": order.seal_code,
                "digest": mapping.encoded(order.digest),
            },
        }
    ]


async def test_a_find_that_finds_what_nobody_made_fails_the_self_check(connect):
    provider, _ = connect(Canned(ok({"puchSignValue": "MIIB"})))
    (check,) = provider.checks()
    with pytest.raises(UpstreamProtocolError):
        await check.run()
