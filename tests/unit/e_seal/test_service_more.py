"""The seal service: re-issued seals, several seals, riding seals, locks, the log, dead seals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from e_seal.errors import InvalidSealOrder, SealOrderDiffers
from e_seal.findings import Code, Verdict
from e_seal.model import (
    ActKind,
    ActState,
    FailureReason,
    MediaType,
    Revocation,
    SealAct,
    SealRecord,
    SealState,
    SignatureForm,
    SignRequest,
    StampPosition,
)
from e_seal.ofd.reader import read
from e_seal.options import SealOptions
from e_seal.service import SealService
from e_seal.ses import write
from e_seal.ses.read import read_signature
from e_seal.steps import STEPS
from kernel.errors import UpstreamRejected, UpstreamUnavailable
from kernel.ids import SequentialIds
from kernel.paging import InvalidCursor
from tests.unit.e_seal.samples import NOW, SEAL_CODE, document, draft, world
from tests.unit.e_seal.test_service import Desk, order

OTHER_CODE = "37010000000018"


def issued(**changes: object) -> bytes:
    """Another issue of the same seal."""
    w = world()
    return write.make_seal(draft(w.signer.certificate, **changes), w.maker)


class Renewing:
    """Re-issues the seal at the moment of signing, and tells so or just uses the new issue."""

    def __init__(self, desk: Desk, *, refuses: bool) -> None:
        self._desk = desk
        self._refuses = refuses
        self.renewals = 0
        sign = desk.province.sign_digest

        async def sign_digest(request: SignRequest) -> bytes:
            if self.renewals < self.most:
                self.renewals += 1
                new = issued(name=f"第{self.renewals}次换发")
                desk.province.issue = new
                desk.province.record = SealRecord(SEAL_CODE, new, SealState.ACTIVE)
                if self._refuses:
                    desk.province.requests.append(request)
                    raise UpstreamRejected("renewed", upstream_code="E3007")
            return await sign(request)

        desk.province.sign_digest = sign_digest  # type: ignore[method-assign]
        self.most = 1


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_reissued_seal_is_fetched_again_and_used_once(refuses: bool) -> None:
    desk = Desk()
    Renewing(desk, refuses=refuses)
    act = await desk.service.seal_document(order())
    assert act.is_sealed
    first, second = desk.province.requests
    assert first.request_id != second.request_id
    assert act.request_id == second.request_id
    assert act.first_use is not None
    assert (act.first_use.request_id, act.first_use.digest) == (first.request_id, first.digest)
    assert act.first_use.is_signed is not refuses
    kept = desk.acts.bytes[act.act_id].first_signature
    assert (kept is None) is refuses
    if kept is not None:
        assert read_signature(kept).data_hash == first.digest
    report = await desk.service.verify(await desk.service.sealed_document(act.act_id))
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].seal_name == "第1次换发"
    (told,) = [move for move in desk.works.moves if move.event == "e_seal.seal_reissued"]
    assert told.data["first_request_id"] == first.request_id


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_seal_that_is_reissued_again_and_again_is_given_up(refuses: bool) -> None:
    desk = Desk()
    Renewing(desk, refuses=refuses).most = 9
    act = await desk.service.seal_document(order())
    assert act.state is ActState.FAILED
    wanted = FailureReason.REFUSED if refuses else FailureReason.RESPONSE_INVALID
    assert act.failure is wanted
    assert len(desk.province.requests) == 2


async def test_an_answer_by_a_seal_that_nobody_knows_is_no_renewal() -> None:
    desk = Desk()
    desk.province.issue = issued(name="另一枚")
    act = await desk.service.seal_document(order())
    assert (act.failure, act.failure_detail) == (
        FailureReason.RESPONSE_INVALID,
        Code.SEAL_FILE_MISMATCH,
    )
    assert act.first_use is None


async def test_a_refusal_without_a_renewal_is_final() -> None:
    desk = Desk()
    desk.province.before = UpstreamRejected("no", upstream_code="E42")
    act = await desk.service.seal_document(order())
    assert act.failure is FailureReason.REFUSED
    assert len(desk.province.requests) == 1


async def test_a_second_seal_on_the_same_document() -> None:
    desk = Desk()
    first = await desk.service.seal_document(order())
    sealed = await desk.service.sealed_document(first.act_id)
    other = issued(code=OTHER_CODE, name="会签单位")
    desk.province.issue = other
    desk.province.record = SealRecord(OTHER_CODE, other, SealState.ACTIVE)
    second = await desk.service.seal_document(
        order(version=2, content=sealed, seal_code=OTHER_CODE, stamp=StampPosition(0, 60, 220))
    )
    assert second.is_sealed, second
    both = await desk.service.sealed_document(second.act_id)
    report = await desk.service.verify(both)
    # Both seals are held by the certificate of the first one.
    assert report.codes == {Code.W_SIGNER_OTHER_CODE}
    assert [part.seal_code for part in report.signatures] == [SEAL_CODE, OTHER_CODE]


async def test_a_riding_seal_shows_on_every_page() -> None:
    desk = Desk()
    act = await desk.service.seal_document(order(content=document(pages=3), riding_y=148.5))
    assert act.is_sealed
    found = read(await desk.service.sealed_document(act.act_id))
    content = found.package.get("Doc_0/Signs/Sign_0/Signature.xml").decode()
    assert content.count("<ofd:StampAnnot") == 4
    for page in found.pages:
        assert f'PageRef="{page.id}"' in content
    assert content.count('Boundary="196 127.5 42 42" Clip="0 0 14 42"') == 1
    with pytest.raises(SealOrderDiffers):
        await desk.service.order(order(content=document(pages=3), riding_y=None))


async def test_orders_that_make_no_sense() -> None:
    desk = Desk()
    for wrong in (
        order(riding_y=100.0),
        order(kind=ActKind.LOCK),
        order(media_type=MediaType.PDF),
        order(kind=ActKind.LOCK, content=document(pages=2), riding_y=100.0),
    ):
        with pytest.raises(InvalidSealOrder):
            await desk.service.order(wrong)


async def test_a_lock_is_asked_for_as_cms() -> None:
    desk = Desk()
    first = await desk.service.seal_document(order())
    sealed = await desk.service.sealed_document(first.act_id)
    act = await desk.service.seal_document(order(version=2, content=sealed, kind=ActKind.LOCK))
    assert desk.province.requests[-1].form is SignatureForm.CMS
    assert act.is_sealed, act
    locked = await desk.service.sealed_document(act.act_id)
    assert [entry.type for entry in read(locked).signatures] == ["Seal", "Sign"]
    third = await desk.service.seal_document(order(version=3, content=locked))
    assert third.failure_detail == "SIGNATURE_LIST_LOCKED"


async def test_the_log_is_paged_newest_first() -> None:
    desk = Desk()
    acts = [await desk.service.order(order(version=number)) for number in range(5)]
    other = await desk.service.order(order(reference="case_0002", document_id="doc_2"))
    seen: list[SealAct] = []
    cursor: str | None = None
    for _ in range(3):
        page = await desk.service.log("case_0001", cursor, 2)
        seen += page.rows
        cursor = page.next_cursor
    assert cursor is None
    assert [act.act_id for act in seen] == [act.act_id for act in reversed(acts)]
    assert (await desk.service.log(None, None, 1)).rows[0].act_id == other.act_id
    with pytest.raises(InvalidCursor):
        await desk.service.log(None, "no cursor", 2)


async def test_what_a_signer_may_use() -> None:
    (found,) = await Desk().service.seals_of("11370100MB900004XW", "staff_7")
    assert (found.code, found.state) == (SEAL_CODE, SealState.ACTIVE)


class Publisher:
    """A status system."""

    def __init__(self) -> None:
        self.dead: list[Revocation] = []
        self.asked: list[object] = []
        self.state = SealState.ACTIVE
        self.deaf: UpstreamUnavailable | None = None

    async def status(self, code: str, name: str, at: datetime) -> SealState:
        self._hear((code, name))
        return self.state

    async def revocations(self, since: datetime) -> Sequence[Revocation]:
        self._hear(since)
        return [item for item in self.dead if item.revoked_at >= since]

    def _hear(self, question: object) -> None:
        self.asked.append(question)
        if self.deaf is not None:
            raise self.deaf


def published() -> tuple[Desk, Publisher]:
    desk, source = Desk(), Publisher()
    desk.service = SealService(
        provider=desk.province,
        repository=desk.acts,
        works=desk.works,
        clock=desk.clock,
        ids=SequentialIds(),
        options=SealOptions(upstream="fake_seal"),
        trust=world().trust,
        status_source=source,
    )
    return desk, source


async def test_a_seal_on_the_list_signs_nothing() -> None:
    desk, source = published()
    source.dead = [Revocation(SEAL_CODE, "审批专用章", NOW - timedelta(days=1))]
    await STEPS["e_seal.revocations"](desk.service, {})
    assert desk.works.emitted == ["e_seal.seal_revoked"]
    act = await desk.service.seal_document(order())
    assert (act.failure, act.failure_detail) == (
        FailureReason.SEAL_NOT_USABLE,
        "on the revocation list",
    )
    assert desk.province.requests == []


async def test_a_seal_that_dies_before_it_signs_is_not_used() -> None:
    desk, source = published()
    desk.province.before = UpstreamUnavailable("down")
    act = await desk.service.seal_document(order())
    desk.province.before = None
    source.dead = [Revocation(SEAL_CODE, "审批专用章", NOW)]
    await desk.service.status_book.sweep()
    act = await desk.service.resume(act.act_id)
    assert act.failure is FailureReason.SEAL_NOT_USABLE
    assert len(desk.province.requests) == 1


async def test_the_list_is_fetched_from_where_it_ended() -> None:
    desk, source = published()
    died = NOW - timedelta(days=3)
    source.dead = [Revocation("37010000000099", "某局", died)]
    assert await desk.service.status_book.sweep() == 1
    assert await desk.service.status_book.sweep() == 0
    assert source.asked == [NOW - timedelta(days=3650), died - timedelta(days=2)]
    source.deaf = UpstreamUnavailable("down")
    with pytest.raises(UpstreamUnavailable):
        await desk.service.status_book.sweep()
    assert len(desk.acts.dead) == 1


async def test_without_a_status_system_nothing_is_fetched() -> None:
    assert await Desk().service.status_book.sweep() == 0


async def test_verification_asks_the_status_system_and_reads_the_list() -> None:
    desk, source = published()
    act = await desk.service.seal_document(order())
    sealed = await desk.service.sealed_document(act.act_id)
    source.asked.clear()
    assert (await desk.service.verify(sealed, online=True)).verdict is Verdict.VALID
    assert source.asked == [(SEAL_CODE, "济南市行政审批服务局审批专用章")]
    source.state = SealState.REVOKED
    assert Code.SEAL_REVOKED in (await desk.service.verify(sealed, online=True)).codes
    source.state, source.deaf = SealState.ACTIVE, UpstreamUnavailable("down")
    assert Code.W_STATUS_UNKNOWN in (await desk.service.verify(sealed, online=True)).codes
    desk.acts.dead = [Revocation(SEAL_CODE, "", NOW - timedelta(seconds=1))]
    assert Code.SEAL_REVOKED in (await desk.service.verify(sealed, online=True)).codes


async def test_a_seal_that_died_after_its_use_keeps_its_documents() -> None:
    desk, source = published()
    act = await desk.service.seal_document(order())
    sealed = await desk.service.sealed_document(act.act_id)
    desk.acts.dead = [Revocation(SEAL_CODE, "", NOW + timedelta(days=1))]
    desk.wait(days=2)
    source.state = SealState.REVOKED
    report = await desk.service.verify(sealed, online=True)
    assert report.codes == {Code.W_SEAL_REVOKED_LATER}
    assert report.verdict is Verdict.VALID_WITH_WARNINGS


async def test_a_frozen_renewal_is_not_used() -> None:
    desk = Desk()
    Renewing(desk, refuses=True)
    act = await desk.service.order(order())
    frozen = replace(desk.province.record, state=SealState.FROZEN)
    sign = desk.province.sign_digest

    async def then_frozen(request: SignRequest) -> bytes:
        try:
            return await sign(request)
        finally:
            desk.province.record = replace(desk.province.record, state=frozen.state)

    desk.province.sign_digest = then_frozen  # type: ignore[method-assign]
    act = await desk.service.resume(act.act_id)
    assert act.failure is FailureReason.SEAL_NOT_USABLE
