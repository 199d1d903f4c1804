"""No sequence of calls reaches a source without a matching grant of an open matter."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e_license import (
    AnswerStatus,
    AuthBasis,
    FetchRequest,
    GrantRequest,
    Grants,
    Holder,
    IdDocType,
    LicenceAnswer,
    LicenceGrantInvalid,
    LicenceNotFound,
    LicenceOptions,
    LicencePurposeMissing,
    LicenceService,
    LookupRequest,
    Operation,
    Purpose,
    hash_of,
)
from e_license.asking import TOO_LATE
from kernel.clock import FrozenClock
from kernel.crypto.fields import blind_index
from kernel.ids import SequentialIds
from tests.unit.cases.samples import NOW
from tests.unit.e_license.fakes import (
    HOLDER,
    NOTHING,
    TYPE,
    FakeProvider,
    MemoryGrants,
    MemoryRepository,
    MemoryWorks,
    OpenMatters,
    found,
    licence,
    purpose,
)

subject_hash = partial(blind_index, key=b"k" * 32, label="elicense.subject")
OTHER = Holder(IdDocType.CITIZEN_ID, "370202198811120246")
FOREIGN = "11100000MB03271699001"


class House:
    """Grants and a service over one matter's worth of memory."""

    def __init__(self, *providers: FakeProvider, **options: Any) -> None:
        self.clock, self.works = FrozenClock(NOW), MemoryWorks()
        self.matters, self.kept = OpenMatters(subject_hash), MemoryGrants()
        self.repository, ids = MemoryRepository(), SequentialIds()
        chosen = LicenceOptions(**{"miss_seconds": 0, **options})
        self.grants = Grants(self.matters, self.kept, self.clock, ids, subject_hash, chosen)
        self.provider = providers[0] if providers else FakeProvider()
        sources = dict(enumerate(providers or (self.provider,)))
        self.service = LicenceService(
            {f"s{number}": one for number, one in sources.items()},
            self.repository,
            self.works,
            self.clock,
            ids,
            self.grants,
            chosen,
        )

    async def issue(self, request: GrantRequest) -> str:
        async with self.works.begin() as work:
            (grant,) = await self.grants.issue(work, [request])
        return grant

    async def ask(self, grant: str, reference: str, holder: Holder, kind: str) -> None:
        await self.service.lookup(question(grant, reference, holder, kind))


def question(
    grant: str, reference: str = "case-1", holder: Holder = HOLDER, kind: str = TYPE
) -> LookupRequest:
    return LookupRequest("citizen:1", holder, kind, purpose(reference), "M01", grant=grant)


def wish(reference: str = "case-1", **changed: Any) -> GrantRequest:
    made = GrantRequest(
        reference,
        "citizen:1",
        HOLDER,
        "M01",
        TYPE,
        Operation.FIND,
        AuthBasis.HOLDER_ONLINE_CONSENT,
    )
    return replace(made, **changed)


references = st.sampled_from(["case-1", "case-2"])
holders = st.sampled_from([HOLDER, OTHER])
kinds = st.sampled_from([TYPE, FOREIGN])
steps = st.one_of(
    st.tuples(st.just("issue"), references, holders, kinds),
    st.tuples(st.just("ask"), references, holders, kinds, st.integers(-1, 5)),
    st.tuples(st.just("again"), references, st.integers(-1, 5)),
    st.tuples(st.just("close"), references),
    st.tuples(st.just("wait"), st.integers(1, 400)),
)


async def play(script: list[tuple[Any, ...]]) -> None:
    house, issued = House(), [""]
    for name, *given_ in script:
        try:
            match name:
                case "issue":
                    reference, holder, kind = given_
                    request = wish(reference, holder=holder, licence_type=kind)
                    issued.append(await house.issue(request))
                case "ask":
                    reference, holder, kind, number = given_
                    await house.ask(issued[number % len(issued)], reference, holder, kind)
                case "again":
                    reference, number = given_
                    grant = issued[number % len(issued)]
                    identifier = licence().identifier
                    await house.service.fetch(_again(grant, reference, identifier))
                case "close":
                    house.matters.closed.add(given_[0])
                case "wait":
                    house.clock.advance(timedelta(seconds=given_[0]))
        except (LicencePurposeMissing, LicenceGrantInvalid, LicenceNotFound):
            continue
    asked_for = [
        (purpose_.reference, hash_of(holder, subject_hash), kind)
        for holder, kind, purpose_ in house.provider.found_for
    ]
    used = [(one.reference, one.subject_hash, one.licence_type) for one in house.kept.used]
    assert asked_for == used
    assert house.provider.asked == len(used)
    # The one holder and the one type that the item lists, and nobody else's.
    assert {(subject, kind) for _, subject, kind in used} <= {(house.matters.subject, TYPE)}


def _again(grant: str, reference: str, identifier: str) -> FetchRequest:
    return FetchRequest("citizen:1", identifier, purpose(reference), grant=grant)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=25))
def test_no_sequence_of_calls_reaches_a_source_without_a_grant(script):
    asyncio.run(play(script))


@pytest.mark.parametrize(
    "changed",
    [
        {"holder": OTHER},
        {"licence_type": FOREIGN},
        {"material_code": "M09"},
        {"basis": AuthBasis.BY_DUTY},
        {"operation": Operation.FETCH},
        {"identifier": licence().identifier},
    ],
    ids=str,
)
async def test_what_no_matter_entitles_to(changed):
    house = House()
    with pytest.raises(LicencePurposeMissing):
        await house.issue(wish(**changed))


async def test_a_matter_that_is_over_entitles_to_nothing():
    house = House()
    house.matters.closed.add("case-1")
    with pytest.raises(LicencePurposeMissing):
        await house.issue(wish())


async def test_a_grant_works_once_and_for_five_minutes():
    house = House()
    grant = await house.issue(wish())
    await house.ask(grant, "case-1", HOLDER, TYPE)
    with pytest.raises(LicenceGrantInvalid):
        await house.ask(grant, "case-1", HOLDER, TYPE)
    late = await house.issue(wish())
    house.clock.advance(timedelta(seconds=300))
    with pytest.raises(LicenceGrantInvalid):
        await house.ask(late, "case-1", HOLDER, TYPE)
    assert house.provider.asked == 1


async def test_one_bad_grant_stops_the_whole_round():
    house = House()
    grant = await house.issue(wish())
    with pytest.raises(LicenceGrantInvalid):
        await house.service.lookup_all([question(grant), question("grant_x")], seconds=1)
    assert house.provider.asked == 0


class Slow(FakeProvider):
    """Answers after some time, always about the holder who was asked for."""

    def __init__(self, seconds: float, answer: Any = None) -> None:
        super().__init__(found() if answer is None else answer)
        self.seconds = seconds

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        await asyncio.sleep(self.seconds)
        self.found_for.append((holder, licence_type, purpose))
        if isinstance(self.answer, LicenceAnswer) and self.answer.licences:
            name = f"holder {holder.code}"
            return found(licence(holder_name=name, face={"gmsfhm": holder.code}))
        return self._said()


async def test_all_sources_are_asked_at_once_and_the_first_in_order_wins():
    house = House(Slow(0.05, NOTHING), Slow(0.05), Slow(0.05))
    started = asyncio.get_running_loop().time()
    grant = await house.issue(wish())
    (answer,) = await house.service.lookup_all([question(grant)], seconds=1)
    assert (answer.status, answer.source) == (AnswerStatus.FOUND, "s1")
    assert asyncio.get_running_loop().time() - started < 0.12


async def test_who_is_too_late_is_unavailable_and_logged():
    house = House(Slow(9))
    grant = await house.issue(wish())
    (answer,) = await house.service.lookup_all([question(grant)], seconds=0.05)
    assert (answer.status, answer.reason) == (AnswerStatus.UNAVAILABLE, TOO_LATE)
    assert answer.since == house.clock.now()
    assert answer.retry_at is not None
    assert [(row.outcome, row.reference) for row in house.repository.log] == [("ABORTED", "case-1")]


async def test_two_subjects_at_once_are_never_mixed():
    house = House(Slow(0.001))
    first, second = hash_of(HOLDER, subject_hash), hash_of(OTHER, subject_hash)

    async def one(number: int) -> None:
        holder = (HOLDER, OTHER)[number % 2]
        # Nothing awaits between the matter and the grant: each has its own holder.
        house.matters.subject = (first, second)[number % 2]
        grant = await house.issue(wish(f"case-{number}", holder=holder))
        asked = question(grant, f"case-{number}", holder)
        (answer,) = await house.service.lookup_all([asked], seconds=5)
        assert answer.licences[0].face == {"gmsfhm": holder.code}
        (use,) = await house.service.served(f"case-{number}")
        assert use.subject_hash == (first, second)[number % 2]

    async with asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(one(number))
    assert {row.subject_hash for row in house.repository.log} == {first, second}


async def test_a_miss_of_one_client_or_item_is_no_miss_of_another():
    house = House(FakeProvider(NOTHING), miss_seconds=60)
    for number, channel in enumerate(("portal-a", "portal-b", "portal-a")):
        grant = await house.issue(wish())
        await house.service.lookup(replace(question(grant), channel=channel))
        assert house.provider.asked == min(number + 1, 2)


async def test_the_ledger_shows_only_the_holders_own_rows():
    house = House()
    for _ in range(3):
        await house.ask(await house.issue(wish()), "case-1", HOLDER, TYPE)
    page = await house.service.ledger(HOLDER, None, 2)
    rest = await house.service.ledger(HOLDER, page.next_cursor, 2)
    assert (len(page.rows), len(rest.rows), rest.next_cursor) == (2, 1, None)
    assert page.rows[0][1].fields == ("gmsfhm",)
    assert (await house.service.ledger(OTHER, None, 2)).rows == []
