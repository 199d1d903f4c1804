"""All SQL of issued licences; what says something about people is encrypted here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from e_license.issuing.model import (
    Composed,
    Content,
    IndexRow,
    IssuedLicence,
    IssuedState,
    Issuer,
    LicenceHolder,
    Proposal,
    ProposalState,
)
from e_license.issuing.tables import holders, index, issued, proposals
from e_license.model import IdDocType
from kernel.crypto.fields import FieldCipher, Place
from kernel.db.base import require_one
from kernel.db.work import connection
from kernel.work import Work

_TABLE: Final = "elicense_issued"
_BYTES: Final = frozenset({"composed", "file", "stamp"})
_COLUMNS: Final = tuple(column for column in issued.c if column.name not in _BYTES)


class SqlIssued:
    """Issued licences as rows (``ports.IssuedRepository``)."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, licence: IssuedLicence, subjects: Sequence[str]) -> None:
        conn = connection(work)
        values = {name: getattr(licence, name) for name in _PLAIN}
        issuer = licence.issuer
        await conn.execute(
            insert(issued).values(
                **values,
                issuer=issuer.uscc,
                issuer_name=issuer.name,
                area=issuer.area,
                content=self._cipher.encrypt(
                    _written(licence.content), _place("content", licence.licence_id)
                ),
            )
        )
        rows = [
            {"licence_id": licence.licence_id, "subject_hash": one} for one in sorted(set(subjects))
        ]
        await conn.execute(insert(holders), rows)

    async def get(self, work: Work, licence_id: str, *, lock: bool = False) -> IssuedLicence | None:
        query = select(*_COLUMNS).where(issued.c.licence_id == licence_id)
        row = (await connection(work).execute(query.with_for_update() if lock else query)).first()
        return None if row is None else self._licence(row)

    async def by_identifier(self, work: Work, identifier: str) -> IssuedLicence | None:
        query = select(*_COLUMNS).where(issued.c.identifier == identifier)
        row = (await connection(work).execute(query)).first()
        return None if row is None else self._licence(row)

    async def of_reference(self, work: Work, reference: str) -> Sequence[IssuedLicence]:
        query = select(*_COLUMNS).where(issued.c.reference == reference)
        rows = await connection(work).execute(query.order_by(issued.c.edition))
        return [self._licence(row) for row in rows]

    async def of_subject(self, work: Work, subject: str, type_code: str) -> Sequence[IssuedLicence]:
        query = (
            select(*_COLUMNS)
            .join(holders, holders.c.licence_id == issued.c.licence_id)
            .where(holders.c.subject_hash == subject, issued.c.type_code == type_code)
            .order_by(issued.c.id.desc())
        )
        return [self._licence(row) for row in await connection(work).execute(query)]

    async def page(
        self, work: Work, issuer: str, areas: Sequence[str], after: int, limit: int
    ) -> Sequence[tuple[int, IssuedLicence]]:
        query = select(*_COLUMNS).where(issued.c.id > after)
        if issuer:
            query = query.where(issued.c.issuer == issuer)
        else:
            query = query.where(issued.c.area.in_(areas))
        rows = await connection(work).execute(query.order_by(issued.c.id).limit(limit))
        return [(row.id, self._licence(row)) for row in rows]

    async def save(
        self, work: Work, licence: IssuedLicence, changes: Mapping[str, Any]
    ) -> IssuedLicence:
        columns = {**changes, "version": licence.version + 1}
        found = await connection(work).execute(
            update(issued)
            .where(issued.c.licence_id == licence.licence_id, issued.c.version == licence.version)
            .values(**columns)
        )
        require_one(found)
        return replace(licence, **columns)

    async def put_composed(self, work: Work, licence_id: str, composed: Composed) -> None:
        cell = self._cipher.encrypt_bytes(composed.content, _place("composed", licence_id))
        await self._set(work, licence_id, composed=cell, stamp=list(composed.stamp))

    async def composed(self, work: Work, licence_id: str) -> Composed | None:
        query = select(issued.c.composed, issued.c.stamp).where(issued.c.licence_id == licence_id)
        row = (await connection(work).execute(query)).first()
        if row is None or row.composed is None:
            return None
        content = self._cipher.decrypt_bytes(row.composed, _place("composed", licence_id))
        page, x, y = row.stamp
        return Composed(content, (int(page), x, y))

    async def put_file(self, work: Work, licence_id: str, content: bytes) -> None:
        cell = self._cipher.encrypt_bytes(content, _place("file", licence_id))
        await self._set(work, licence_id, file=cell, composed=None, stamp=None)

    async def file(self, work: Work, licence_id: str) -> bytes | None:
        query = select(issued.c.file).where(issued.c.licence_id == licence_id)
        cell = (await connection(work).execute(query)).scalar_one_or_none()
        if cell is None:
            return None
        return self._cipher.decrypt_bytes(cell, _place("file", licence_id))

    async def add_proposal(self, work: Work, proposal: Proposal) -> None:
        await connection(work).execute(insert(proposals).values(**asdict(proposal)))

    async def proposals(self, work: Work, licence_id: str) -> Sequence[Proposal]:
        query = select(proposals).where(proposals.c.licence_id == licence_id)
        rows = await connection(work).execute(query.order_by(proposals.c.id))
        return [_proposal(row) for row in rows]

    async def decide(self, work: Work, proposal: Proposal) -> None:
        found = await connection(work).execute(
            update(proposals)
            .where(
                proposals.c.proposal_id == proposal.proposal_id,
                proposals.c.state == ProposalState.OPEN,
            )
            .values(
                state=proposal.state,
                decided_by=proposal.decided_by,
                decided_at=proposal.decided_at,
            )
        )
        require_one(found)

    async def add_index(self, work: Work, row: IndexRow) -> None:
        text = json.dumps(dict(row.record), ensure_ascii=False)
        await connection(work).execute(
            insert(index).values(
                sequence=row.sequence,
                licence_id=row.licence_id,
                operation=row.operation,
                at=row.at,
                lacks=list(row.lacks),
                record=self._cipher.encrypt(text, _index_place(row.sequence)),
            )
        )

    async def index_page(self, work: Work, after: int, limit: int) -> Sequence[IndexRow]:
        query = select(index).where(index.c.sequence > after).order_by(index.c.sequence)
        rows = await connection(work).execute(query.limit(limit))
        return [
            IndexRow(
                sequence=row.sequence,
                licence_id=row.licence_id,
                operation=row.operation,
                at=row.at,
                lacks=tuple(row.lacks),
                record=json.loads(self._cipher.decrypt(row.record, _index_place(row.sequence))),
            )
            for row in rows
        ]

    @staticmethod
    async def _set(work: Work, licence_id: str, **columns: Any) -> None:
        found = await connection(work).execute(
            update(issued).where(issued.c.licence_id == licence_id).values(**columns)
        )
        require_one(found)

    def _licence(self, row: Row[Any]) -> IssuedLicence:
        text = self._cipher.decrypt(row.content, _place("content", row.licence_id))
        values = {name: getattr(row, name) for name in _PLAIN}
        return IssuedLicence(
            **{**values, "state": IssuedState(row.state)},
            issuer=Issuer(row.issuer, row.issuer_name, row.area),
            content=_read(text),
        )


_PLAIN: Final = tuple(
    name for name in IssuedLicence.__dataclass_fields__ if name not in {"issuer", "content"}
)
"""Fields that are columns of the same name."""


def _place(column: str, licence_id: str) -> Place:
    return Place(_TABLE, column, licence_id)


def _index_place(sequence: int) -> Place:
    return Place("elicense_index", "record", str(sequence))


def _written(content: Content) -> str:
    people = [[one.name, one.kind.value, one.code] for one in content.holders]
    return json.dumps({"holders": people, "face": dict(content.face)}, ensure_ascii=False)


def _read(text: str) -> Content:
    stored = json.loads(text)
    people = tuple(
        LicenceHolder(name, IdDocType(kind), code) for name, kind, code in stored["holders"]
    )
    return Content(people, stored["face"])


def _proposal(row: Row[Any]) -> Proposal:
    values = {name: getattr(row, name) for name in Proposal.__dataclass_fields__}
    values |= {"to": IssuedState(row.to), "state": ProposalState(row.state)}
    return Proposal(**values)
