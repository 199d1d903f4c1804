"""The licence store on both databases, and the whole way from the platform to the tables."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from adapters.kit.conformance import running
from adapters.kit.registry import Registry
from adapters.upstreams import sd_certshare
from e_license import (
    Access,
    AnswerStatus,
    AuthBasis,
    FetchRequest,
    GrantRequest,
    Grants,
    LicenceDocument,
    LicenceGrantInvalid,
    LicenceOptions,
    LicenceService,
    LicenceState,
    LicenceUse,
    Operation,
    TypeCatalogue,
    bundled,
)
from e_license.grants.repository import SqlGrants
from e_license.repository import SqlLicenceRepository
from e_license.tables import access_log, uses
from kernel.crypto.fields import blind_index
from kernel.db.tables import events
from kernel.db.work import connection
from kernel.errors import Text
from kernel.gbcodes import CheckVerdict
from tests.unit.e_license.fakes import (
    HOLDER,
    ID_NUMBER,
    IDENTIFIER,
    TYPE,
    OpenMatters,
    lookup,
    purpose,
)


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


subject_hash = partial(blind_index, key=b"k" * 32, label="elicense.subject")


async def test_the_database_itself_keeps_the_access_log(works, repository, frozen_clock):
    row = Access(
        at=frozen_clock.now(),
        reference="case-1",
        item_code="i",
        actor="citizen:1",
        channel="",
        trace_id="",
        subject_hash="h",
        licence_type=TYPE,
        identifier="",
        operation=Operation.FIND,
        cause="c",
        auth_basis=AuthBasis.BY_DUTY,
        source="s",
        outcome="FOUND",
        upstream_status="0",
        elapsed_ms=1,
        fields=("xm",),
    )
    async with works.begin() as work:
        await repository.log_access(work, row)
    for statement in (update(access_log).values(outcome="NOT_FOUND"), delete(access_log)):
        with pytest.raises(IntegrityError):
            async with works.begin() as work:
                await connection(work).execute(statement)
    async with works.read() as work:
        assert [one for _, one in await repository.accesses(work, "h", None, 9)] == [row]
        assert await repository.accesses(work, "other", None, 9) == []


async def test_types_come_back_with_their_dictionary(works, repository, frozen_clock):
    catalogue = TypeCatalogue(repository, works, frozen_clock)
    assert (await catalogue.get("unknown")).label("zzmc") == Text("证照名称", "Licence")
    assert (await catalogue.get("unknown")).label("xm") is None
    assert (await catalogue.get(TYPE)).name == "居民身份证"
    assert await catalogue.take_in(bundled()) == len(bundled())
    assert await catalogue.take_in(bundled()) == len(bundled())
    card = await catalogue.get(TYPE)
    assert card.label("XM") == Text("姓名", "Name")
    assert card.values({"xm": "张三·某", "zz": " ", "zzmc": "居民身份证", "?": "x"}) == {
        "name": "张三·某",
        "licence_name": "居民身份证",
    }


async def test_the_whole_way(works, repository, frozen_clock, sequential_ids, tmp_path):
    registry = Registry()
    registry.add(Path(sd_certshare.__path__[0]) / "manifest.toml", sd_certshare.__name__)
    name = "sd_certshare"
    async with running(name, tmp_path, registry=registry, clock=frozen_clock) as world:
        grants = Grants(
            OpenMatters(subject_hash),
            SqlGrants(),
            frozen_clock,
            sequential_ids,
            subject_hash,
            LicenceOptions(),
        )
        service = LicenceService(
            {name: world.provider},
            repository,
            works,
            frozen_clock,
            sequential_ids,
            grants,
            LicenceOptions(),
        )

        async def granted(reference: str, operation: Operation, identifier: str = "") -> str:
            basis = AuthBasis.HOLDER_ONLINE_CONSENT
            wish = GrantRequest(
                reference, "citizen:1", HOLDER, "M01", TYPE, operation, basis, identifier
            )
            async with works.begin() as work:
                (grant,) = await grants.issue(work, [wish])
            return grant

        first = await granted("case-1", Operation.FIND)
        answer = await service.lookup(lookup(grant=first))
        with pytest.raises(LicenceGrantInvalid):
            await service.lookup(lookup(grant=first))
        assert answer.status is AnswerStatus.FOUND
        document = await service.fetch_document(
            FetchRequest(
                "staff:1",
                IDENTIFIER,
                purpose(),
                grant=await granted("case-1", Operation.DOCUMENT, IDENTIFIER),
            )
        )
        await world.faults.set("refuse", times=0)
        down = await service.lookup(lookup("case-2", grant=await granted("case-2", Operation.FIND)))
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
    require_nothing_personal(str([log, rows, sent]))


def require_nothing_personal(written: str) -> None:
    for secret in (ID_NUMBER, "张明轩", "zzgxpt/temp"):
        assert secret not in written
