"""The licence store on both databases, and the whole way from the platform to the tables."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.kit.conformance import running
from adapters.kit.registry import Registry
from adapters.upstreams import sd_certshare
from e_license import (
    AnswerStatus,
    FetchRequest,
    LicenceDocument,
    LicenceOptions,
    LicenceService,
    LicenceState,
    LicenceUse,
)
from e_license.repository import SqlLicenceRepository
from e_license.tables import access_log, uses
from kernel.crypto.fields import blind_index
from kernel.db.tables import events
from kernel.db.work import connection
from kernel.gbcodes import CheckVerdict
from tests.unit.e_license.fakes import ID_NUMBER, IDENTIFIER, TYPE, lookup, purpose


@pytest.fixture
def repository():
    return SqlLicenceRepository()


@pytest.fixture
def use(frozen_clock):
    return LicenceUse(
        id="use_1",
        reference="case-1",
        material_code="M01",
        identifier=IDENTIFIER,
        identifier_check=CheckVerdict.OK,
        licence_type=TYPE,
        subject_hash="h",
        source="sd_certshare",
        state=LicenceState.VALID,
        raw_state="5",
        valid_from=frozen_clock.now().date(),
        valid_to=None,
        fetched_at=frozen_clock.now(),
    )


async def test_a_use_comes_back_as_it_was_written(works, repository, use):
    async with works.begin() as work:
        assert await repository.save_use(work, use)
    async with works.read() as work:
        assert await repository.uses(work, "case-1") == [use]
        assert await repository.uses(work, "case-2") == []


async def test_a_use_is_written_once_and_brought_up_to_date(works, repository, use, frozen_clock):
    later = frozen_clock.now() + timedelta(days=1)
    async with works.begin() as work:
        await repository.save_use(work, use)
    async with works.begin() as work:
        assert not await repository.save_use(work, replace(use, id="use_2", fetched_at=later))
    expired = replace(use, id="use_3", state=LicenceState.EXPIRED, raw_state="-4", fetched_at=later)
    async with works.begin() as work:
        assert await repository.save_use(work, expired)
    async with works.read() as work:
        assert await repository.uses(work, "case-1") == [replace(expired, id="use_1")]


async def test_materials_and_cases_are_kept_apart(works, repository, use):
    async with works.begin() as work:
        assert await repository.save_use(work, use)
        assert await repository.save_use(work, replace(use, id="use_2", material_code="M02"))
        assert await repository.save_use(work, replace(use, id="use_3", reference="case-2"))
    async with works.read() as work:
        assert [one.material_code for one in await repository.uses(work, "case-1")] == [
            "M01",
            "M02",
        ]


async def test_the_digests_belong_to_one_licence_of_one_case(works, repository, use, frozen_clock):
    document = LicenceDocument.of(b"PK", "application/ofd")
    async with works.begin() as work:
        await repository.save_use(work, use)
        await repository.save_use(work, replace(use, id="use_2", reference="case-2"))
        await repository.set_document(work, "case-1", IDENTIFIER, document, frozen_clock.now())
    async with works.read() as work:
        (mine,) = await repository.uses(work, "case-1")
        (other,) = await repository.uses(work, "case-2")
    assert (mine.sha256, mine.sm3) == (document.sha256, document.sm3)
    assert (mine.media_type, mine.document_at) == ("application/ofd", frozen_clock.now())
    assert (other.sha256, other.document_at) == ("", None)


async def test_the_whole_way(works, repository, frozen_clock, sequential_ids, tmp_path):
    registry = Registry()
    registry.add(Path(sd_certshare.__path__[0]) / "manifest.toml", sd_certshare.__name__)
    name = "sd_certshare"
    async with running(name, tmp_path, registry=registry, clock=frozen_clock) as world:
        service = LicenceService(
            {name: world.provider},
            repository,
            works,
            frozen_clock,
            sequential_ids,
            partial(blind_index, key=b"k" * 32, label="elicense.subject"),
            LicenceOptions(),
        )
        answer = await service.lookup(lookup())
        assert answer.status is AnswerStatus.FOUND
        document = await service.fetch_document(FetchRequest("staff:1", IDENTIFIER, purpose()))
        await world.faults.set("refuse", times=0)
        down = await service.lookup(lookup("case-2"))
        assert (down.status, down.reason) == (AnswerStatus.UNAVAILABLE, "upstream_unavailable")
    async with works.read() as work:
        log = (await connection(work).execute(select(access_log).order_by(access_log.c.id))).all()
        rows = (await connection(work).execute(select(uses))).all()
        sent = (await connection(work).execute(select(events))).all()
    assert [(row.operation, row.outcome, row.upstream_status) for row in log] == [
        ("FIND", "FOUND", "0"),
        ("DOCUMENT", "FOUND", ""),
        ("FIND", "upstream_unavailable", ""),
    ]
    assert [(row.sha256, row.media_type) for row in rows] == [(document.sha256, "image/png")]
    assert [row.topic for row in sent] == ["elicense.recorded"]
    written = str([log, rows, sent])
    for secret in (ID_NUMBER, "张明轩", "zzgxpt/temp"):
        assert secret not in written
