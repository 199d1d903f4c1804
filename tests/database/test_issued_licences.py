"""Issued licences on both databases: once per case, encrypted, two people, and a local source."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from e_license import AnswerStatus, AuthBasis, Holder, IdDocType, LicenceState, Purpose, issuing
from e_license.issuing.errors import ProposalOpen, SecondPersonNeeded
from e_license.issuing.repository import SqlIssued
from e_license.issuing.tables import index, issued
from kernel.crypto.fields import Algorithm, FieldCipher, blind_index
from kernel.crypto.keys import KeyRing
from kernel.db.history import of_entity
from kernel.db.work import connection
from kernel.errors import IllegalTransition
from kernel.ids import random_bytes
from tests.unit.e_license.issued import HOLDER, TYPE, award

PURPOSE = Purpose("item", "事项", "case-2", "免提交", AuthBasis.HOLDER_ONLINE_CONSENT)
S = issuing.IssuedState
FILE = issuing.SealedFile(b"sealed file", "a" * 64, "b" * 64, "VALID")


def subject_hash(code: str) -> str:
    return blind_index(code, b"k" * 32, "elicense.subject")


@pytest.fixture
def repository():
    return SqlIssued(FieldCipher(KeyRing({"k1": b"r" * 32}, "k1"), Algorithm.SM4_GCM, random_bytes))


@pytest.fixture
def service(repository, works, frozen_clock, sequential_ids):
    return issuing.IssuingService(
        repository=repository,
        works=works,
        clock=frozen_clock,
        ids=sequential_ids,
        subject_hash=subject_hash,
    )


@pytest.fixture
def local(repository, works, frozen_clock):
    return issuing.LocalLicences(repository, works, frozen_clock, subject_hash)


async def published(service: issuing.IssuingService) -> issuing.IssuedLicence:
    minted = await service.mint(award())
    return await service.publish(minted.licence_id, FILE)


async def test_a_case_has_one_licence_however_often_it_is_minted(service):
    first = await service.mint(award())
    again = await service.mint(award())
    assert (first.licence_id, first.identifier) == (again.licence_id, again.identifier)
    other = await service.mint(award(reference="case-2"))
    assert other.identifier != first.identifier
    assert (first.serial[-12:], other.serial[-12:]) == ("000000000001", "000000000002")


async def test_two_workers_at_once_make_one_licence(service, works):
    await asyncio.gather(*(service.mint(award()) for _ in range(4)), return_exceptions=True)
    made = await service.of_reference("case-1")
    assert [one.edition for one in made] == [1]


async def test_nothing_about_people_lies_open_in_the_tables(service, works):
    minted = await service.mint(award())
    await service.put_composed(minted.licence_id, issuing.Composed(b"composed file", (0, 1.5, 2.0)))
    kept = await service.composed(minted.licence_id)
    assert kept == issuing.Composed(b"composed file", (0, 1.5, 2.0))
    await service.publish(minted.licence_id, FILE)
    async with works.read() as work:
        rows = list(await connection(work).execute(select(issued)))
        rows += list(await connection(work).execute(select(index)))
    text = repr([tuple(row) for row in rows]).encode()
    for secret in (HOLDER.name, HOLDER.code, "泉城路示例段", "sealed file", "composed file"):
        assert repr(secret.encode())[2:-1].encode() not in text
        assert secret.encode() not in text
    assert await service.file(minted.licence_id) == FILE.content


async def test_publishing_twice_is_publishing_once(service):
    licence = await published(service)
    again = await service.publish(licence.licence_id, FILE)
    assert (again.state, again.version) == (S.VALID, licence.version)
    assert len(await service.index_page(0, 10)) == 1


async def test_two_people_take_a_licence_away(service, works):
    licence = await published(service)
    with pytest.raises(IllegalTransition):
        await service.change(licence.licence_id, S.REVOKED, "staff:1", "罚")
    proposal = await service.propose(licence.licence_id, S.WITHDRAWN, "staff:1", "错")
    with pytest.raises(ProposalOpen):
        await service.propose(licence.licence_id, S.REVOKED, "staff:2", "罚")
    with pytest.raises(SecondPersonNeeded):
        await service.decide(licence.licence_id, proposal.proposal_id, "staff:1", confirm=True)
    gone, _ = await service.decide(
        licence.licence_id, proposal.proposal_id, "staff:2", confirm=True
    )
    assert gone.state is S.WITHDRAWN
    async with works.read() as work:
        changes = await of_entity(work, "e_license.issued", licence.licence_id)
    assert [(one.new, one.actor) for one in changes] == [
        ("NOT_ACTIVE", "staff:1"),
        ("VALID", "staff:1"),
        ("WITHDRAWN", "staff:2"),
    ]


async def test_a_declined_proposal_changes_nothing(service):
    licence = await published(service)
    proposal = await service.propose(licence.licence_id, S.REVOKED, "staff:1", "罚")
    kept, _ = await service.decide(
        licence.licence_id, proposal.proposal_id, "staff:1", confirm=False
    )
    assert kept.state is S.VALID
    assert (await service.change(licence.licence_id, S.CANCELLED, "staff:1", "注销")).version > 1


async def test_a_minted_licence_is_nobodys_to_change(service, local):
    minted = await service.mint(award())
    for to in (S.VALID, S.CANCELLED):
        with pytest.raises(IllegalTransition):
            await service.change(minted.licence_id, to, "staff:1", "x")
    holder = Holder(IdDocType.CITIZEN_ID, HOLDER.code)
    assert (await local.find(holder, TYPE, PURPOSE)).status is AnswerStatus.NOT_FOUND
    assert (await local.fetch(minted.identifier, PURPOSE)).status is AnswerStatus.NOT_FOUND


async def test_a_new_version_is_dropped_when_the_old_one_ended_meanwhile(service, works):
    old = await published(service)
    new = await service.reissue(old.licence_id, {"ZYMJ": "3"}, "staff:1", "更正")
    assert (await service.get(old.licence_id)).state is S.VALID
    async with works.begin() as work:
        # The service refuses this while a re-issue is under way; a repair by hand does not.
        await connection(work).execute(
            issued.update().where(issued.c.licence_id == old.licence_id).values(state=S.CANCELLED)
        )
    assert (await service.publish(new.licence_id, FILE)).state is S.CANCELLED
    assert len(await service.index_page(0, 10)) == 1


async def test_the_local_source_answers_in_todays_state(service, local, frozen_clock):
    licence = await published(service)
    holder = Holder(IdDocType.CITIZEN_ID, HOLDER.code)
    answer = await local.find(holder, TYPE, PURPOSE)
    (found,) = answer.licences
    assert (found.identifier, found.state) == (licence.identifier, LicenceState.VALID)
    assert found.face["CZZT"] == HOLDER.name
    assert (await local.document(licence.identifier, PURPOSE)).content == FILE.content
    stranger = Holder(IdDocType.CITIZEN_ID, "37010219900307106X")
    assert (await local.find(stranger, TYPE, PURPOSE)).status is AnswerStatus.NOT_FOUND
    frozen_clock.advance(timedelta(days=3650))
    (late,) = (await local.find(holder, TYPE, PURPOSE)).licences
    assert late.state is LicenceState.EXPIRED
    await service.change(licence.licence_id, S.CANCELLED, "staff:1", "注销")
    assert (await local.find(holder, TYPE, PURPOSE)).status is AnswerStatus.NOT_FOUND
    (ended,) = (await local.fetch(licence.identifier, PURPOSE)).licences
    assert ended.state is LicenceState.CANCELLED
