"""The seal service on the real adapter and simulator: a renewal, a lost answer, seals, a lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.kit.conformance import World
from adapters.kit.conformance import e_seal as suite
from e_seal import (
    ActKind,
    ActState,
    Authorisation,
    MediaType,
    SealOrder,
    Signer,
    StampPosition,
    Verdict,
)
from e_seal.options import SealOptions
from e_seal.service import SealService
from kernel.clock import FrozenClock
from kernel.ids import SequentialIds
from tests.unit.e_seal.fakes import FakeActs, FakeWorks
from tests.unit.e_seal.pdfs import FILES
from tests.unit.e_seal.samples import document


@pytest.fixture
def service(world: World, frozen_clock: FrozenClock) -> SealService:
    """The service, with its acts in memory."""
    acts = FakeActs()
    return SealService(
        provider=world.provider,
        repository=acts,
        works=FakeWorks(acts),
        clock=frozen_clock,
        ids=SequentialIds(),
        options=SealOptions(upstream="sd_seal"),
        trust=suite.trust_of(world),
    )


def order(clock: FrozenClock, **changes: object) -> SealOrder:
    first = SealOrder(
        reference="case_0001",
        item_code="370100-0131",
        document_id="doc_0001",
        version=1,
        name="受理通知书",
        content=document(),
        seal_code=suite.SEAL,
        stamp=StampPosition(0, 140, 220),
        signer=Signer("staff_7"),
        authorisation=Authorisation("grant_1", "staff_9", clock.now() + timedelta(hours=1)),
    )
    return replace(first, **changes)  # type: ignore[arg-type]


async def test_a_seal_that_is_renewed_meanwhile(
    world: World, service: SealService, frozen_clock: FrozenClock
) -> None:
    await world.faults.set("error", operation="signDigest", times=0)
    act = await service.seal_document(order(frozen_clock))
    await world.faults.clear()
    (await world.browser.post(f"/sim/seals/{suite.SEAL}/reissue")).raise_for_status()
    frozen_clock.advance(timedelta(minutes=2))
    act = await service.resume(act.act_id)
    assert act.is_sealed, act
    assert act.first_use is not None
    assert act.first_use.is_signed
    # Both uses are in the province's log, and ours knows both.
    used = [one["requestId"] for one in await suite.acts(world)]
    assert used == [act.first_use.request_id, act.request_id]


async def test_a_lost_answer_is_one_use(
    world: World, service: SealService, frozen_clock: FrozenClock
) -> None:
    await world.faults.set("error", operation="signDigest", times=0)
    act = await service.seal_document(order(frozen_clock))
    assert act.state in {ActState.UNKNOWN, ActState.DIGEST_READY}
    await world.faults.clear()
    frozen_clock.advance(timedelta(minutes=2))
    act = await service.resume(act.act_id)
    assert act.is_sealed
    assert len(await suite.acts(world)) == 1


async def test_two_seals_and_a_lock(
    world: World, service: SealService, frozen_clock: FrozenClock
) -> None:
    first = await service.seal_document(order(frozen_clock))
    content = await service.sealed_document(first.act_id)
    changes = {"version": 2, "content": content, "seal_code": suite.OTHER_SEAL}
    second = await service.seal_document(order(frozen_clock, **changes))
    content = await service.sealed_document(second.act_id)
    changes = {"version": 3, "content": content, "kind": ActKind.LOCK}
    lock = await service.seal_document(order(frozen_clock, **changes))
    assert lock.is_sealed, lock
    report = await service.verify(await service.sealed_document(lock.act_id), online=True)
    assert report.verdict is Verdict.VALID, report
    late = await service.seal_document(
        order(frozen_clock, version=4, content=await service.sealed_document(lock.act_id))
    )
    assert late.failure_detail == "SIGNATURE_LIST_LOCKED"
    assert len(await suite.acts(world)) == 3


async def test_a_pdf_whose_first_answer_is_lost(
    world: World, service: SealService, frozen_clock: FrozenClock
) -> None:
    await world.faults.set("error", operation="signDigest", times=0)
    changes = {"content": FILES["modern"], "media_type": MediaType.PDF}
    act = await service.seal_document(order(frozen_clock, **changes))
    assert act.state is ActState.UNKNOWN
    await world.faults.clear()
    frozen_clock.advance(timedelta(minutes=2))
    act = await service.resume(act.act_id)
    assert act.is_sealed, act
    assert len(await suite.acts(world)) == 1
    sealed = await service.sealed_document(act.act_id)
    assert sealed.startswith(FILES["modern"])
    report = await service.verify(sealed, online=True)
    assert report.verdict is Verdict.VALID, report
