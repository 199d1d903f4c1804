"""All SQL of cases; the applicant's declaration is encrypted and decrypted here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Row, insert, select, update

from gateway.cases.model import (
    Case,
    CaseId,
    CaseLine,
    CaseMaterial,
    CaseNo,
    CaseState,
    Channel,
    Content,
    MaterialSource,
    Opinion,
    Outcome,
    Review,
    StaffScope,
)
from gateway.cases.tables import cases, files, materials
from kernel import divisions
from kernel.crypto.fields import FieldCipher, Place
from kernel.db.base import require_one, upsert
from kernel.db.work import connection
from kernel.work import Work

_CONTENT: Final = TypeAdapter(Content)
_MOST_OWN_CASES: Final = 1000
_ENCRYPTED: Final = b"\x01"
"""The first octet of a cell; no accepted kind of file begins with it."""
LINE: Final = (
    cases.c.case_id,
    cases.c.case_no,
    cases.c.receipt_no,
    cases.c.item_code,
    cases.c.item_name,
    cases.c.region,
    cases.c.department,
    cases.c.state,
    cases.c.channel,
    cases.c.created_at,
    cases.c.submitted_at,
    cases.c.review_opinion,
    cases.c.fee_paid,
)


class SqlCaseRepository:
    """Cases as rows (``ports.CaseRepository``)."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, case: Case) -> None:
        values = {
            "case_id": case.case_id,
            "item_code": case.item_code,
            "item_version": case.item_version,
            "item_name": case.item_name,
            "region": case.region,
            "department": case.department,
            "state": case.state,
            "version": case.version,
            "owner": case.owner,
            "client_id": case.client_id,
            "channel": case.channel,
            "content": self._seal(case.case_id, case.content),
            "created_at": case.created_at,
        }
        await connection(work).execute(insert(cases).values(**values))

    async def get(self, work: Work, case_id: str, *, lock: bool = False) -> Case | None:
        conn = connection(work)
        query = select(cases).where(cases.c.case_id == case_id)
        row = (await conn.execute(query.with_for_update() if lock else query)).first()
        if row is None:
            return None
        brought = await conn.execute(
            select(materials).where(materials.c.case_id == case_id).order_by(materials.c.code)
        )
        return self._case(row, tuple(_material(found) for found in brought))

    async def change(self, work: Work, case: Case, changes: dict[str, Any]) -> None:
        values = {name: value for name, value in changes.items() if name != "content"}
        if "content" in changes:
            values["content"] = self._seal(case.case_id, changes["content"])
        result = await connection(work).execute(
            update(cases)
            .where(cases.c.case_id == case.case_id, cases.c.version == case.version)
            .values(**values, version=case.version + 1)
        )
        require_one(result)

    async def mine(self, work: Work, owner: str, before: str, limit: int) -> Sequence[CaseLine]:
        query = select(*LINE).where(cases.c.owner == owner).order_by(cases.c.case_id.desc())
        if before:
            query = query.where(cases.c.case_id < before)
        return [line_of(row) for row in await connection(work).execute(query.limit(limit))]

    async def ids_of(self, work: Work, owner: str) -> Sequence[str]:
        query = select(cases.c.case_id).where(cases.c.owner == owner)
        newest = query.order_by(cases.c.case_id.desc()).limit(_MOST_OWN_CASES)
        return (await connection(work).execute(newest)).scalars().all()

    async def worklist(
        self, work: Work, scope: StaffScope, state: CaseState, after: str, limit: int
    ) -> Sequence[CaseLine]:
        query = select(*LINE).where(cases.c.state == state, cases.c.case_id > after)
        if scope.department:
            query = query.where(cases.c.department == scope.department)
        regions = [
            d.code6 for d in divisions.divisions() if divisions.within(d.code6, scope.region)
        ]
        query = query.where(cases.c.region.in_(regions)).order_by(cases.c.case_id).limit(limit)
        return [line_of(row) for row in await connection(work).execute(query)]

    async def put_material(self, work: Work, case_id: CaseId, material: CaseMaterial) -> None:
        conn = connection(work)
        values = {
            "source": material.source,
            "at": material.at,
            "file_id": material.file_id,
            "media_type": material.media_type,
            "size": material.size,
            "sha256": material.sha256,
            "licence_identifier": material.licence_identifier,
            "licence_name": material.licence_name,
            "sm3": material.sm3,
            "seal_verdict": material.seal_verdict,
        }
        row = upsert(conn, materials).values(case_id=case_id, code=material.code, **values)
        await conn.execute(
            row.on_conflict_do_update(index_elements=["case_id", "code"], set_=values)
        )

    async def add_file(
        self, work: Work, case_id: CaseId, material: CaseMaterial, content: bytes
    ) -> None:
        if material.source is MaterialSource.LICENCE:
            # Face data of a person: more than an upload, it came from a register.
            content = self._cipher.encrypt_bytes(content, _file_place(material.file_id))
        await connection(work).execute(
            insert(files).values(
                file_id=material.file_id,
                case_id=case_id,
                media_type=material.media_type,
                content=content,
                created_at=material.at,
            )
        )

    async def file(self, work: Work, case_id: str, file_id: str) -> tuple[str, bytes] | None:
        query = select(files.c.media_type, files.c.content)
        query = query.where(files.c.file_id == file_id, files.c.case_id == case_id)
        row = (await connection(work).execute(query)).first()
        if row is None:
            return None
        if row.content[:1] != _ENCRYPTED:
            return row.media_type, row.content
        return row.media_type, self._cipher.decrypt_bytes(row.content, _file_place(file_id))

    def _seal(self, case_id: str, content: Content) -> bytes:
        return self._cipher.encrypt(_CONTENT.dump_json(content).decode(), _place(case_id))

    def _case(self, row: Row[Any], brought: tuple[CaseMaterial, ...]) -> Case:
        content = _CONTENT.validate_json(self._cipher.decrypt(row.content, _place(row.case_id)))
        return Case(
            case_id=CaseId(row.case_id),
            item_code=row.item_code,
            item_version=row.item_version,
            item_name=row.item_name,
            region=row.region,
            department=row.department,
            state=CaseState(row.state),
            version=row.version,
            owner=row.owner,
            client_id=row.client_id,
            channel=Channel(row.channel),
            content=content,
            created_at=row.created_at,
            case_no=None if row.case_no is None else CaseNo(row.case_no),
            receipt_no=row.receipt_no,
            submitted_at=row.submitted_at,
            accepted_at=row.accepted_at,
            decided_at=row.decided_at,
            finished_at=row.finished_at,
            outcome=None if row.outcome is None else Outcome(row.outcome),
            reason=row.reason,
            review=_review(row),
            fee_paid=row.fee_paid,
            materials=brought,
        )


def _file_place(file_id: str) -> Place:
    return Place("gateway_file", "content", file_id)


def _place(case_id: str) -> Place:
    return Place("gateway_case", "content", case_id)


def _review(row: Row[Any]) -> Review | None:
    if row.review_opinion is None:
        return None
    return Review(Opinion(row.review_opinion), row.review_remark, row.review_by, row.review_at)


def _material(row: Row[Any]) -> CaseMaterial:
    return CaseMaterial(
        code=row.code,
        source=MaterialSource(row.source),
        at=row.at,
        file_id=row.file_id,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        licence_identifier=row.licence_identifier,
        licence_name=row.licence_name,
        sm3=row.sm3 or "",
        seal_verdict=row.seal_verdict or "",
    )


def line_of(row: Row[*tuple[Any, ...]]) -> CaseLine:
    """Return a line of a list from its row."""
    return CaseLine(
        case_id=CaseId(row.case_id),
        case_no=None if row.case_no is None else CaseNo(row.case_no),
        receipt_no=row.receipt_no,
        item_code=row.item_code,
        item_name=row.item_name,
        region=row.region,
        department=row.department,
        state=CaseState(row.state),
        channel=Channel(row.channel),
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        reviewed=row.review_opinion is not None,
        fee_paid=row.fee_paid,
    )
