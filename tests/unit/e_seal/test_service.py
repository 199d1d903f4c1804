"""The seal service: every way an act can go, every place it can be interrupted."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from e_seal.asn1.chain import TrustStore
from e_seal.errors import DocumentNotSealed, InvalidSealOrder, SealActNotFound, SealOrderDiffers
from e_seal.findings import Code, Verdict
from e_seal.model import (
    ActState,
    Authorisation,
    FailureReason,
    SealOrder,
    SealState,
    Signer,
    StampPosition,
)
from e_seal.ofd.reader import read
from e_seal.options import SealOptions
from e_seal.service import SealService
from e_seal.ses import write
from e_seal.states import ACT, LABELS, PUBLIC
from e_seal.steps import STEPS
from kernel.clock import FrozenClock
from kernel.errors import (
    OperationInProgress,
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import SequentialIds
from tests.unit.e_seal.documents import sealed
from tests.unit.e_seal.fakes import FakeActs, FakeProvince, FakeWorks
from tests.unit.e_seal.samples import NOW, SEAL_CODE, document, draft, sample, world

HAPPY = ["draft", "seal_fetched", "digest_ready", "signing", "signed", "verified"]


def order(**changes: object) -> SealOrder:
    fields: dict[str, object] = {
        "reference": "case_0001",
        "item_code": "370100-0131",
        "document_id": "doc_0001",
        "version": 1,
        "name": "受理通知书",
        "content": document(),
        "seal_code": SEAL_CODE,
        "stamp": StampPosition(0, 140, 220),
        "signer": Signer("staff_7"),
        "authorisation": Authorisation("grant_1", "staff_9", NOW + timedelta(hours=1)),
    }
    return SealOrder(**{**fields, **changes})  # type: ignore[arg-type]


class Desk:
    """A service on fakes, and the fakes."""

    def __init__(self, trust: TrustStore | None = None, **options: object) -> None:
        self.clock = FrozenClock(NOW)
        self.province = FakeProvince(self.clock)
        self.acts = FakeActs()
        self.works = FakeWorks(self.acts)
        self.service = SealService(
            provider=self.province,
            repository=self.acts,
            works=self.works,
            clock=self.clock,
            ids=SequentialIds(),
            options=SealOptions(upstream="fake_seal", **options),  # type: ignore[arg-type]
            trust=world().trust if trust is None else trust,
        )

    def wait(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_document_is_sealed(desk: Desk) -> None:
    act = await desk.service.seal_document(order())
    assert act.state is ActState.VERIFIED
    assert desk.works.path() == HAPPY
    sealed = await desk.service.sealed_document(act.act_id)
    report = await desk.service.verify(sealed)
    assert report.verdict is Verdict.VALID
    assert read(sealed).text() == read(document()).text()
    kept = desk.acts.bytes[act.act_id]
    assert (kept.unsigned, kept.prepared) == (None, None)
    assert ("e_seal.changed", f"{act.act_id}:{act.version}") in desk.works.tasks


async def test_the_stamp_is_centred_where_it_was_ordered(desk: Desk) -> None:
    act = await desk.service.seal_document(order())
    content = desk.acts.bytes[act.act_id].signature_xml or b""
    assert b'Boundary="119 199 42 42"' in content


async def test_the_request_says_who_and_what_for(desk: Desk) -> None:
    act = await desk.service.seal_document(order())
    (request,) = desk.province.requests
    assert request.digest == act.digest
    assert request.sign_time == NOW
    assert (request.signer.uid, request.authorisation.grant_id) == ("staff_7", "grant_1")
    assert (request.document_name, request.page_count) == ("受理通知书", 1)


async def test_the_same_order_again_changes_nothing(desk: Desk) -> None:
    first = await desk.service.seal_document(order())
    assert await desk.service.seal_document(order()) == first
    assert len(desk.province.requests) == 1
    with pytest.raises(SealOrderDiffers):
        await desk.service.seal_document(order(content=document(pages=2)))
    with pytest.raises(SealOrderDiffers):
        await desk.service.seal_document(order(seal_code="37010000000099"))
    second = await desk.service.seal_document(order(version=2))
    assert second.act_id != first.act_id
    assert [a.act_id for a in await desk.service.by_reference("case_0001")] == [
        first.act_id,
        second.act_id,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b"PK"},
        {"stamp": StampPosition(1, 10, 10)},
        {"reference": ""},
        {"name": "长" * 201},
        {"document_id": "d" * 65},
    ],
)
async def test_orders_that_cannot_be_right(desk: Desk, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidSealOrder):
        await desk.service.seal_document(order(**changes))
    assert desk.acts.acts == {}


async def test_nothing_is_repeated_after_a_lost_answer(desk: Desk) -> None:
    desk.province.after = UpstreamOutcomeUnknown("no answer")
    act = await desk.service.seal_document(order())
    assert act.state is ActState.UNKNOWN
    desk.province.after = None
    act = await desk.service.resume(act.act_id)
    assert act.state is ActState.VERIFIED
    assert len(desk.province.requests) == 1
    assert desk.works.path() == [*HAPPY[:4], "unknown", *HAPPY[4:]]


async def test_a_request_that_was_lost_is_sent_again_unchanged(desk: Desk) -> None:
    desk.province.before = UpstreamOutcomeUnknown("no answer")
    act = await desk.service.seal_document(order())
    desk.province.before = None
    with pytest.raises(UpstreamOutcomeUnknown):
        await desk.service.resume(act.act_id)
    frozen = desk.acts.bytes[act.act_id].signature_xml
    desk.wait(seconds=31)
    act = await desk.service.resume(act.act_id)
    assert act.state is ActState.VERIFIED
    first, second = desk.province.requests
    assert first == second
    assert desk.acts.bytes[act.act_id].signature_xml == frozen
    assert len(desk.province.made) == 1


@pytest.mark.parametrize("signed_before", [True, False])
async def test_a_process_that_dies_in_the_call_is_continued(
    desk: Desk, signed_before: bool
) -> None:
    # What a killed process leaves behind: the state that was written before the call.
    death = asyncio.CancelledError()
    desk.province.before, desk.province.after = (None, death) if signed_before else (death, None)
    with pytest.raises(asyncio.CancelledError):
        await desk.service.seal_document(order())
    desk.province.before = desk.province.after = None
    (act,) = desk.acts.acts.values()
    assert act.state is ActState.SIGNING
    with pytest.raises(OperationInProgress):
        await desk.service.resume(act.act_id)
    assert len(desk.province.requests) == 1
    desk.wait(seconds=91)
    act = await desk.service.resume(act.act_id)
    assert act.state is ActState.VERIFIED
    assert len(desk.province.requests) == (1 if signed_before else 2)
    assert len(desk.province.made) == 1


async def test_nothing_reached_the_province(desk: Desk) -> None:
    desk.province.deaf = UpstreamUnavailable("down")
    act = await desk.service.seal_document(order())
    assert act.state is ActState.DRAFT
    desk.province.deaf, desk.province.before = None, UpstreamAuthFailed("who are you")
    with pytest.raises(UpstreamAuthFailed):
        await desk.service.resume(act.act_id)
    act = await desk.service.get(act.act_id)
    assert act.state is ActState.DIGEST_READY
    desk.province.before = None
    assert (await desk.service.resume(act.act_id)).is_sealed


async def test_an_answer_against_the_protocol_leaves_it_unknown(desk: Desk) -> None:
    desk.province.before = UpstreamProtocolError("what is this")
    assert (await desk.service.seal_document(order())).state is ActState.UNKNOWN


async def test_a_refusal_ends_the_act(desk: Desk) -> None:
    desk.province.before = UpstreamRejected("no", upstream_code="E42")
    act = await desk.service.seal_document(order())
    assert (act.state, act.failure, act.failure_detail) == (
        ActState.FAILED,
        FailureReason.REFUSED,
        "E42",
    )
    assert await desk.service.resume(act.act_id) == act
    with pytest.raises(DocumentNotSealed):
        await desk.service.sealed_document(act.act_id)


async def test_an_unknown_seal_ends_the_act(desk: Desk) -> None:
    desk.province.deaf = UpstreamRejected("no such seal", upstream_code="404")
    act = await desk.service.seal_document(order())
    assert act.failure is FailureReason.SEAL_NOT_USABLE


async def test_seals_that_may_not_be_used(desk: Desk) -> None:
    w = world()
    expired = write.make_seal(draft(w.signer.certificate, valid_until=NOW), w.maker)
    forged = bytearray(w.seal)
    forged[-1] ^= 1
    other = write.make_seal(draft(w.signer.certificate, code="37010000000099"), w.maker)
    good = desk.province.record
    desk.wait(seconds=1)
    for version, (record, reason) in enumerate(
        [
            (replace(good, state=SealState.FROZEN), FailureReason.SEAL_NOT_USABLE),
            (replace(good, state=SealState.UNKNOWN), FailureReason.SEAL_NOT_USABLE),
            (replace(good, data=b"x"), FailureReason.SEAL_NOT_USABLE),
            (replace(good, data=sample("seals/UserV5.esl")), FailureReason.SEAL_NOT_USABLE),
            (replace(good, data=expired), FailureReason.SEAL_NOT_USABLE),
            (replace(good, data=other), FailureReason.SEAL_NOT_USABLE),
            (replace(good, data=bytes(forged)), FailureReason.SEAL_UNTRUSTED),
        ]
    ):
        desk.province.record = record
        act = await desk.service.seal_document(order(version=version))
        assert (act.state, act.failure) == (ActState.FAILED, reason), version
    assert desk.province.requests == []


async def test_without_anchors_nothing_is_sealed_unless_allowed() -> None:
    strict = await Desk(TrustStore()).service.seal_document(order())
    assert strict.failure is FailureReason.SEAL_UNTRUSTED
    assert strict.failure_detail == Code.CHAIN_UNCHECKED
    lax = await Desk(TrustStore(), allow_unchecked_chain=True).service.seal_document(order())
    assert lax.is_sealed


async def test_a_wrong_answer_is_never_handed_out(desk: Desk) -> None:
    desk.province.spoil = lambda good: good[:-1] + bytes([good[-1] ^ 1])
    act = await desk.service.seal_document(order())
    assert (act.state, act.failure) == (ActState.FAILED, FailureReason.RESPONSE_INVALID)
    assert desk.acts.bytes[act.act_id].sealed is None
    with pytest.raises(DocumentNotSealed):
        await desk.service.sealed_document(act.act_id)


async def test_an_expired_authorisation_is_not_used(desk: Desk) -> None:
    desk.province.deaf = UpstreamUnavailable("down")
    act = await desk.service.seal_document(order())
    desk.province.deaf = None
    desk.wait(hours=2)
    act = await desk.service.resume(act.act_id)
    assert act.failure is FailureReason.AUTHORISATION_EXPIRED
    assert desk.province.requests == []


async def test_a_document_that_takes_no_more_seals(desk: Desk) -> None:
    act = await desk.service.seal_document(order(content=sealed(lock=True)))
    assert act.failure is FailureReason.DOCUMENT_INVALID
    assert act.failure_detail == "SIGNATURE_LIST_LOCKED"


async def test_two_at_once_use_the_seal_once(desk: Desk) -> None:
    acts = await asyncio.gather(*(desk.service.seal_document(order()) for _ in range(5)))
    assert {act.act_id for act in acts} == {acts[0].act_id}
    assert len(desk.province.requests) == 1
    assert (await desk.service.resume(acts[0].act_id)).is_sealed


async def test_an_answer_that_comes_after_the_lease_is_kept(desk: Desk) -> None:
    class Slow(FakeProvince):
        async def sign_digest(self, request: object) -> bytes:
            signature = await super().sign_digest(request)  # type: ignore[arg-type]
            desk.wait(seconds=100)
            other = await desk.service.resume("seal_0001")
            assert other.is_sealed
            return signature

    desk.service._provider = Slow(desk.clock)
    act = await desk.service.seal_document(order())
    assert act.is_sealed
    assert desk.works.path().count("signed") == 1


async def test_the_worker_carries_on(desk: Desk) -> None:
    desk.province.deaf = UpstreamUnavailable("down")
    act = await desk.service.seal_document(order())
    payload = desk.works.tasks["e_seal.resume", act.act_id]
    with pytest.raises(UpstreamUnavailable):
        await STEPS["e_seal.resume"](desk.service, payload)
    await STEPS["e_seal.sweep"](desk.service, {})
    desk.province.deaf = None
    await STEPS["e_seal.sweep"](desk.service, {})
    assert (await desk.service.get(act.act_id)).is_sealed
    with pytest.raises(TypeError):
        await STEPS["e_seal.resume"](desk.service, {"act_id": 1})


async def test_the_sweep_goes_page_by_page() -> None:
    desk = Desk(sweep_page=2)
    acts = [await desk.service.order(order(version=v)) for v in range(5)]
    await STEPS["e_seal.sweep"](desk.service, {})
    assert all([(await desk.service.get(act.act_id)).is_sealed for act in acts])


async def test_the_status_system_is_asked_only_online(desk: Desk) -> None:
    sealed = await desk.service.sealed_document((await desk.service.seal_document(order())).act_id)
    desk.province.state = SealState.REVOKED
    assert (await desk.service.verify(sealed)).verdict is Verdict.VALID
    assert (await desk.service.verify(sealed, online=True)).codes == {Code.SEAL_REVOKED}
    desk.province.deaf = UpstreamUnavailable("down")
    assert (await desk.service.verify(sealed, online=True)).codes == {Code.W_STATUS_UNKNOWN}


async def test_what_does_not_exist(desk: Desk) -> None:
    with pytest.raises(SealActNotFound):
        await desk.service.get("seal_9999")


def test_every_state_has_a_public_face() -> None:
    assert set(PUBLIC) == set(ActState)
    assert set(LABELS) == set(PUBLIC.values())
    assert set(ACT.terminal) == {ActState.VERIFIED, ActState.FAILED}
