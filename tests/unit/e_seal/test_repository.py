"""Seal acts on real databases, and the service on them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from e_seal import tables
from e_seal.model import (
    ActKind,
    ActState,
    Authorisation,
    FailureReason,
    FirstUse,
    MediaType,
    Papers,
    Revocation,
    SealAct,
    SealOrder,
    Signer,
    StampPosition,
)
from e_seal.options import SealOptions
from e_seal.repository import SqlActs
from e_seal.service import SealService
from kernel.clock import FrozenClock
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db.work import SqlWorks, connection
from kernel.errors import StaleVersion, UpstreamOutcomeUnknown
from kernel.ids import SequentialIds, random_bytes
from tests.unit.e_seal.fakes import FakeProvince
from tests.unit.e_seal.samples import NOW, SEAL_CODE, document, world

ACT = SealAct(
    act_id="seal_0001",
    request_id="sign_0001",
    reference="case_0001",
    item_code="370100-0131",
    document_id="doc_0001",
    document_version=1,
    name="受理通知书",
    page_count=1,
    content_digest=b"\1" * 32,
    seal_code=SEAL_CODE,
    stamp=StampPosition(0, 140.125, 220.5),
    signer=Signer("staff_7", "0A"),
    authorisation=Authorisation("grant_1", "staff_9", NOW + timedelta(hours=1), "a.b.c"),
    state=ActState.DRAFT,
    created_at=NOW,
    updated_at=NOW,
)
ORDER = SealOrder(
    reference="case_0001",
    item_code="370100-0131",
    document_id="doc_0001",
    version=1,
    name="受理通知书",
    content=document(),
    seal_code=SEAL_CODE,
    stamp=StampPosition(0, 140, 220),
    signer=Signer("staff_7"),
    authorisation=Authorisation("grant_1", "staff_9", NOW + timedelta(hours=1)),
)
CIPHER = FieldCipher(KeyRing({"k1": b"k" * 32}, "k1"), Algorithm.SM4_GCM, random_bytes)
acts = SqlActs(CIPHER)


async def test_an_act_is_read_back_as_it_was_written(works: SqlWorks) -> None:
    async with works.begin() as work:
        assert await acts.add(work, ACT, Papers(b"unsigned"))
    async with works.read() as work:
        assert await acts.get(work, ACT.act_id) == ACT
        assert await acts.by_document(work, "doc_0001", 1) == ACT
        assert await acts.by_document(work, "doc_0001", 2) is None
        assert await acts.by_reference(work, "case_0001") == [ACT]
        assert await acts.papers(work, ACT.act_id) == Papers(b"unsigned")
        assert await acts.unfinished(work, "", 10) == [ACT.act_id]
        assert await acts.unfinished(work, ACT.act_id, 10) == []


async def test_every_kind_of_act_is_read_back(works: SqlWorks) -> None:
    riding = replace(ACT, riding_y=148.5, media_type=MediaType.PDF)
    lock = replace(
        ACT, kind=ActKind.LOCK, act_id="seal_0002", request_id="sign_0002", document_version=2
    )
    async with works.begin() as work:
        for act in (riding, lock):
            assert await acts.add(work, act, Papers(b"unsigned"))
    async with works.read() as work:
        assert await acts.by_reference(work, "case_0001") == [riding, lock]
        rows = await acts.page(work, "case_0001", None, 1)
        assert [act for _, act in rows] == [lock]
        rows = await acts.page(work, None, rows[0][0], 5)
        assert [act for _, act in rows] == [riding]
        assert await acts.page(work, "case_0002", None, 5) == []


async def test_revocations_are_kept_once(works: SqlWorks) -> None:
    first = Revocation(SEAL_CODE, "某局", NOW - timedelta(days=2))
    later = Revocation(SEAL_CODE, "某局", NOW)
    other = Revocation("37010000000099", "别的局", NOW - timedelta(days=1))
    async with works.begin() as work:
        assert await acts.newest_revocation(work) is None
        assert await acts.add_revocations(work, [later, other]) == [later, other]
        assert await acts.add_revocations(work, [first, later]) == [first]
    async with works.read() as work:
        assert await acts.newest_revocation(work) == NOW
        assert await acts.revocation(work, SEAL_CODE) == first
        assert await acts.revocation(work, "37010000000000") is None


async def test_a_document_version_has_one_act(works: SqlWorks) -> None:
    async with works.begin() as work:
        assert await acts.add(work, ACT, Papers(b"a"))
        again = replace(ACT, act_id="seal_0002", request_id="sign_0002")
        assert not await acts.add(work, again, Papers(b"b"))
        assert await acts.get(work, "seal_0002") is None


async def test_changes_are_kept_and_races_noticed(works: SqlWorks) -> None:
    failed = replace(
        ACT,
        state=ActState.FAILED,
        digest=b"\2" * 32,
        signing_at=NOW,
        failure=FailureReason.REFUSED,
        failure_detail="E42",
    )
    failed = replace(
        failed,
        request_id="sign_0002",
        signed_at=NOW,
        first_use=FirstUse("sign_0001", b"\3" * 32, is_signed=True),
    )
    papers = Papers(None, b"s", b"p", NOW, "Doc_0/x", b"<x/>", b"sig", b"sealed", b"first")
    async with works.begin() as work:
        await acts.add(work, ACT, Papers(b"a"))
        saved = await acts.save(work, failed)
        assert saved == replace(failed, version=2)
        await acts.save_papers(work, ACT.act_id, papers)
    async with works.read() as work:
        assert await acts.get(work, ACT.act_id) == saved
        assert await acts.papers(work, ACT.act_id) == papers
        assert await acts.unfinished(work, "", 10) == []
    with pytest.raises(StaleVersion):
        async with works.begin() as work:
            await acts.save(work, failed)


def service(works: SqlWorks, province: FakeProvince, clock: FrozenClock) -> SealService:
    return SealService(
        provider=province,
        repository=SqlActs(CIPHER),
        works=works,
        clock=clock,
        ids=SequentialIds(),
        options=SealOptions(upstream="fake_seal"),
        trust=world().trust,
    )


async def test_another_process_continues_after_a_lost_answer(works: SqlWorks) -> None:
    clock = FrozenClock(NOW)
    province = FakeProvince(clock)
    province.after = UpstreamOutcomeUnknown("no answer")
    act = await service(works, province, clock).seal_document(ORDER)
    assert act.state is ActState.UNKNOWN
    province.after = None
    restarted = service(works, province, clock)
    act = await restarted.resume(act.act_id)
    assert act.is_sealed
    assert len(province.requests) == 1
    report = await restarted.verify(await restarted.sealed_document(act.act_id))
    assert report.codes == set()


async def test_many_at_once_use_the_seal_once(works: SqlWorks) -> None:
    clock = FrozenClock(NOW)
    province = FakeProvince(clock)
    desk = service(works, province, clock)
    results = await asyncio.gather(*(desk.seal_document(ORDER) for _ in range(8)))
    assert len({act.act_id for act in results}) == 1
    assert len(province.requests) == 1
    assert (await desk.resume(results[0].act_id)).is_sealed


async def test_papers_are_stored_encrypted_and_bound_to_their_act(works: SqlWorks) -> None:
    papers = Papers(b"unsigned", seal=b"seal", sealed=b"PK\3\4 sealed", signature_path="Sign_0")
    other = replace(
        ACT, act_id="seal_0002", request_id="sign_0002", document_id="doc_0002", reference="c"
    )
    async with works.begin() as work:
        assert await acts.add(work, ACT, papers)
        assert await acts.add(work, other, Papers(b"another"))
        statement = select(tables.papers).where(tables.papers.c.act_id == ACT.act_id)
        row = (await connection(work).execute(statement)).one()
        for cell, plain in ((row.unsigned, b"unsigned"), (row.sealed, b"sealed")):
            assert cell[:1] == b"\1"
            assert plain not in cell
        assert await acts.papers(work, ACT.act_id) == papers
        moved = update(tables.papers).where(tables.papers.c.act_id == other.act_id)
        await connection(work).execute(moved.values(unsigned=row.unsigned))
        with pytest.raises(DecryptionFailed):
            await acts.papers(work, other.act_id)


async def test_papers_of_earlier_releases_are_read_as_they_are(works: SqlWorks) -> None:
    async with works.begin() as work:
        assert await acts.add(work, ACT, Papers(b""))
        plain = update(tables.papers).values(unsigned=b"PK\3\4 plain", seal=b"0\x82 seal")
        await connection(work).execute(plain)
        found = await acts.papers(work, ACT.act_id)
    assert (found.unsigned, found.seal) == (b"PK\3\4 plain", b"0\x82 seal")
