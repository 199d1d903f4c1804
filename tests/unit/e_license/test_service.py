"""The use cases of licences with parts in memory."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial

import pytest

from e_license import (
    AnswerStatus,
    FetchRequest,
    GrantRequest,
    Grants,
    LicenceAnswer,
    LicenceDenied,
    LicenceDocument,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceOptions,
    LicenceService,
    LicenceState,
    LookupRequest,
    Operation,
)
from kernel.crypto.fields import blind_index
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.masking import scrub
from kernel.work import WorkHeldOpen, require_no_open_work
from tests.unit.e_license.fakes import (
    HOLDER,
    ID_NUMBER,
    IDENTIFIER,
    NOTHING,
    TYPE,
    FakeProvider,
    MemoryGrants,
    MemoryRepository,
    MemoryWorks,
    OpenMatters,
    found,
    licence,
    lookup,
    purpose,
)

subject_hash = partial(blind_index, key=b"k" * 32, label="elicense.subject")


class Granting:
    """A service whose questions get the grant that they need; nothing else is changed."""

    def __init__(self, bench: Bench) -> None:
        self.service, self._matters = bench.bare, bench.matters
        self._grants, self._works = bench.grants, bench.works
        self.served = self.service.served

    async def lookup(self, request: LookupRequest) -> LicenceAnswer:
        require_no_open_work()
        self._matters.subject = subject_hash(f"{request.holder.kind}:{request.holder.code.upper()}")
        self._matters.types = {request.material_code: (request.licence_type,)}
        (request,) = await self.granted([request])
        return await self.service.lookup(request)

    async def granted(self, requests: list[LookupRequest]) -> list[LookupRequest]:
        wanted = [
            GrantRequest(
                one.purpose.reference,
                one.actor,
                one.holder,
                one.material_code,
                one.licence_type,
                Operation.FIND,
                one.purpose.auth_basis,
            )
            for one in requests
        ]
        async with self._works.begin() as work:
            grants = await self._grants.issue(work, wanted)
        return [replace(one, grant=grant) for one, grant in zip(requests, grants, strict=True)]

    async def fetch(self, request: FetchRequest) -> LicenceAnswer:
        return await self.service.fetch(await self.again(request, Operation.FETCH))

    async def fetch_document(self, request: FetchRequest) -> LicenceDocument:
        return await self.service.fetch_document(await self.again(request, Operation.DOCUMENT))

    async def again(self, request: FetchRequest, operation: Operation) -> FetchRequest:
        self._matters.types = {"M01": (TYPE,)}
        wanted = GrantRequest(
            request.purpose.reference,
            request.actor,
            HOLDER,
            "M01",
            TYPE,
            operation,
            request.purpose.auth_basis,
            request.identifier,
        )
        async with self._works.begin() as work:
            (grant,) = await self._grants.issue(work, [wanted])
        return replace(request, grant=grant)


class Bench:
    """A service with all its parts at hand."""

    def __init__(self, clock, ids, *providers: FakeProvider, **options: int) -> None:
        self.works = MemoryWorks()
        self.repository = MemoryRepository()
        self.matters, self.kept = OpenMatters(subject_hash), MemoryGrants()
        chosen = LicenceOptions(**options)
        self.grants = Grants(self.matters, self.kept, clock, ids, subject_hash, chosen)
        self.bare = LicenceService(
            {f"source_{number}": one for number, one in enumerate(providers, 1)},
            self.repository,
            self.works,
            clock,
            ids,
            self.grants,
            chosen,
        )
        self.service = Granting(self)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(one.source, one.outcome) for one in self.repository.log]


@pytest.fixture
def bench(frozen_clock, sequential_ids):
    return partial(Bench, frozen_clock, sequential_ids)


def again(reference: str = "case-1") -> FetchRequest:
    return FetchRequest("staff:1", IDENTIFIER, purpose(reference))


async def test_a_licence_that_is_found_serves_the_material(bench, frozen_clock):
    made = bench(FakeProvider())
    answer = await made.service.lookup(lookup())
    assert answer.status is AnswerStatus.FOUND
    assert (answer.source, answer.fetched_at) == ("source_1", frozen_clock.now())
    (use,) = await made.service.served("case-1")
    assert (use.material_code, use.identifier, use.state) == (
        "M01",
        IDENTIFIER,
        LicenceState.VALID,
    )
    assert use.may_replace_paper(frozen_clock.now().date())
    assert await made.service.served("case-2") == []
    ((topic, reference, data),) = made.works.events
    assert (topic, reference) == ("elicense.recorded", "case-1")
    assert data == {"material_code": "M01", "licence_type": use.licence_type, "state": "VALID"}


async def test_what_the_access_log_says(bench):
    made = bench(FakeProvider())
    request = lookup(purpose=purpose(cause=f"为 {ID_NUMBER} 办理"))
    await made.service.lookup(request)
    (row,) = made.repository.log
    assert (row.reference, row.item_code, row.actor) == ("case-1", "item-1", "citizen:1")
    assert (row.channel, row.trace_id, row.operation) == ("PORTAL", "t-1", Operation.FIND)
    assert (row.outcome, row.upstream_status, row.source) == ("FOUND", "0", "source_1")
    assert row.subject_hash == subject_hash(f"111:{ID_NUMBER}")
    assert ID_NUMBER not in str(asdict(row))
    assert "张明轩" not in str(asdict(row))
    assert "办理" in row.cause


async def test_one_person_has_one_hash(bench):
    made = bench(FakeProvider(NOTHING))
    holder = replace(lookup().holder, code="37010219900307123x")
    await made.service.lookup(lookup(holder=holder))
    await made.service.lookup(lookup(holder=replace(holder, code="37010219900307123X")))
    assert len({row.subject_hash for row in made.repository.log}) == 1


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamUnavailable(),
        UpstreamOutcomeUnknown(),
        UpstreamAuthFailed(upstream_code="11"),
        UpstreamProtocolError(),
        UpstreamRejected(upstream_code="103"),
    ],
)
async def test_a_source_that_fails_makes_an_answer(bench, failure):
    made = bench(FakeProvider(failure))
    answer = await made.service.lookup(lookup())
    assert (answer.status, answer.reason) == (AnswerStatus.UNAVAILABLE, failure.code)
    assert made.outcomes == [("source_1", failure.code)]
    assert made.repository.log[0].upstream_status == failure.extras.get("upstream_code", "")
    assert not made.repository.rows


async def test_a_failure_of_our_own_is_logged_and_passes_on(bench):
    made = bench(FakeProvider(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await made.service.lookup(lookup())
    assert made.outcomes == [("source_1", "ABORTED")]


async def test_a_cancelled_question_is_logged(bench):
    class Silent(FakeProvider):
        async def find(self, *_args: object) -> LicenceAnswer:
            await asyncio.Event().wait()
            raise AssertionError("never reached")

    made = bench(Silent())
    task = asyncio.create_task(made.service.lookup(lookup()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made.outcomes == [("source_1", "ABORTED")]


async def test_a_miss_is_remembered_for_a_minute(bench, frozen_clock):
    provider = FakeProvider(NOTHING)
    made = bench(provider)
    await made.service.lookup(lookup())
    provider.answer = found()
    frozen_clock.advance(timedelta(seconds=59))
    assert (await made.service.lookup(lookup())).status is AnswerStatus.NOT_FOUND
    assert provider.asked == 1
    frozen_clock.advance(timedelta(seconds=1))
    assert (await made.service.lookup(lookup())).status is AnswerStatus.FOUND
    assert provider.asked == 2
    assert [source for source, _ in made.outcomes] == ["source_1", "MEMORY", "source_1"]


async def test_a_miss_is_remembered_for_its_holder_and_type_only(bench):
    provider = FakeProvider(NOTHING)
    made = bench(provider)
    await made.service.lookup(lookup())
    await made.service.lookup(lookup(licence_type="another"))
    await made.service.lookup(lookup(holder=replace(lookup().holder, code="another")))
    assert provider.asked == 3


async def test_the_memory_of_misses_is_bounded(bench):
    provider = FakeProvider(NOTHING)
    made = bench(provider, miss_entries=2)
    for kind in ("a", "b", "c", "a"):
        await made.service.lookup(lookup(licence_type=kind))
    assert provider.asked == 4
    await made.service.lookup(lookup(licence_type="c"))
    assert provider.asked == 4


async def test_a_failure_is_not_remembered_as_a_miss(bench):
    broken, other = FakeProvider(UpstreamUnavailable()), FakeProvider(NOTHING)
    made = bench(broken, other)
    answer = await made.service.lookup(lookup())
    # The source that could not answer might have had it.
    assert (answer.status, answer.source) == (AnswerStatus.UNAVAILABLE, "source_1")
    await made.service.lookup(lookup())
    assert (broken.asked, other.asked) == (2, 2)


@pytest.mark.parametrize("first", [NOTHING, UpstreamUnavailable()])
async def test_the_next_source_is_asked(bench, first):
    made = bench(FakeProvider(first), FakeProvider())
    answer = await made.service.lookup(lookup())
    assert (answer.status, answer.source) == (AnswerStatus.FOUND, "source_2")
    assert [source for source, _ in made.outcomes] == ["source_1", "source_2"]


@pytest.mark.parametrize(
    "first", [LicenceAnswer(AnswerStatus.DENIED), LicenceAnswer(AnswerStatus.PENDING)]
)
async def test_a_clear_answer_ends_the_search(bench, first):
    second = FakeProvider()
    answer = await bench(FakeProvider(first), second).service.lookup(lookup())
    assert answer.status is first.status
    assert second.asked == 0


async def test_a_licence_is_asked_for_again(bench, frozen_clock):
    provider = FakeProvider()
    made = bench(provider)
    await made.service.lookup(lookup())
    frozen_clock.advance(timedelta(days=1))
    provider.answer = LicenceAnswer(
        AnswerStatus.FOUND, state=LicenceState.SUSPENDED, upstream_status="23"
    )
    answer = await made.service.fetch(again())
    assert answer.state is LicenceState.SUSPENDED
    (use,) = await made.service.served("case-1")
    assert (use.id, use.state, use.raw_state) == ("use_0001", LicenceState.SUSPENDED, "23")
    assert use.fetched_at == frozen_clock.now()
    assert [data["state"] for _, _, data in made.works.events] == ["VALID", "SUSPENDED"]
    provider.answer = found(licence(valid_to=None))
    await made.service.fetch(again())
    (use,) = await made.service.served("case-1")
    assert (use.state, use.valid_to) == (LicenceState.VALID, None)


async def test_a_licence_that_its_source_denies_replaces_nothing(bench):
    provider = FakeProvider()
    made = bench(provider)
    await made.service.lookup(lookup())
    provider.answer = NOTHING
    await made.service.fetch(again())
    assert made.repository.rows.popitem()[1].state is LicenceState.INVALID_OTHER


@pytest.mark.parametrize(
    "answer",
    [UpstreamUnavailable(), LicenceAnswer(AnswerStatus.DENIED), found(licence(identifier="x"))],
)
async def test_no_answer_changes_no_record(bench, answer):
    provider = FakeProvider()
    made = bench(provider)
    await made.service.lookup(lookup())
    before = await made.service.served("case-1")
    provider.answer = answer
    await made.service.fetch(again())
    assert await made.service.served("case-1") == before
    assert made.repository.log[-1].operation is Operation.FETCH
    assert made.repository.log[-1].identifier == IDENTIFIER


async def test_an_identifier_opens_nothing_in_another_case(bench):
    provider = FakeProvider()
    made = bench(provider)
    await made.service.lookup(lookup())
    for question in (made.service.fetch, made.service.fetch_document):
        with pytest.raises(LicenceNotFound):
            await question(again("case-2"))
    assert provider.asked == 1


async def test_the_file_is_handed_on_and_its_digests_kept(bench, frozen_clock):
    made = bench(FakeProvider())
    await made.service.lookup(lookup())
    document = await made.service.fetch_document(again())
    assert document == LicenceDocument.of(b"PK\x03\x04", "application/ofd")
    (use,) = await made.service.served("case-1")
    kept = (document.media_type, document.sha256, document.sm3, frozen_clock.now())
    assert (use.media_type, use.sha256, use.sm3, use.document_at) == kept
    assert made.repository.log[-1].operation is Operation.DOCUMENT
    assert made.repository.log[-1].outcome == "FOUND"


@pytest.mark.parametrize("failure", [LicenceDenied(upstream_code="100"), UpstreamUnavailable()])
async def test_a_file_that_does_not_come(bench, failure):
    made = bench(FakeProvider(file=failure))
    await made.service.lookup(lookup())
    with pytest.raises(type(failure)):
        await made.service.fetch_document(again())
    assert made.repository.log[-1].outcome == failure.code
    assert (await made.service.served("case-1"))[0].sha256 == ""


async def test_a_file_that_is_too_big(bench):
    made = bench(FakeProvider(), max_document_bytes=3)
    await made.service.lookup(lookup())
    with pytest.raises(UpstreamProtocolError):
        await made.service.fetch_document(again())
    assert (await made.service.served("case-1"))[0].sha256 == ""


async def test_a_source_that_was_removed(bench):
    made = bench(FakeProvider())
    await made.service.lookup(lookup())
    key, use = made.repository.rows.popitem()
    made.repository.rows[key] = replace(use, source="gone")
    with pytest.raises(LicenceNotSupported):
        await made.service.fetch(again())


async def test_no_question_inside_a_unit_of_work(bench):
    made = bench(provider := FakeProvider())
    async with made.works.begin():
        with pytest.raises(WorkHeldOpen):
            await made.service.lookup(lookup())
    assert provider.asked == 0


async def test_nothing_personal_is_logged(bench, caplog):
    caplog.set_level(logging.DEBUG)
    made = bench(FakeProvider())
    await made.service.lookup(lookup())
    assert "case-1" in caplog.text
    assert "张明轩" not in caplog.text
    for record in caplog.records:
        assert scrub(record.getMessage()) == record.getMessage()
