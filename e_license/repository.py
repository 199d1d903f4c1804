"""All SQL of the licence domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Row, insert, select, update

from e_license.catalogue import LicenceType
from e_license.model import (
    Access,
    AuthBasis,
    LicenceDocument,
    LicenceState,
    LicenceUse,
    Operation,
)
from e_license.tables import access_log, types, uses
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.gbcodes import CheckVerdict
from kernel.work import Work

_TYPE: Final = TypeAdapter(LicenceType)


class SqlLicenceRepository:
    """LicenceRepository on the tables of this package."""

    async def log_access(self, work: Work, access: Access) -> None:
        await connection(work).execute(insert(access_log).values(**asdict(access)))

    async def accesses(
        self, work: Work, subject_hash: str, before: int | None, limit: int
    ) -> Sequence[tuple[int, Access]]:
        query = select(access_log).where(access_log.c.subject_hash == subject_hash)
        if before is not None:
            query = query.where(access_log.c.id < before)
        query = query.order_by(access_log.c.id.desc()).limit(limit)
        return [(row.id, _access(row)) for row in await connection(work).execute(query)]

    async def save_use(self, work: Work, use: LicenceUse) -> bool:
        conn = connection(work)
        key = (
            uses.c.reference == use.reference,
            uses.c.material_code == use.material_code,
            uses.c.identifier == use.identifier,
        )
        values = asdict(use) | {"identifier_check": use.identifier_check.value}
        values["use_id"] = values.pop("id")
        row = upsert(conn, uses).values(**values)
        row = row.on_conflict_do_nothing(
            index_elements=["reference", "material_code", "identifier"]
        )
        if (await conn.execute(row.returning(uses.c.id))).first() is not None:
            return True
        old = (await conn.execute(select(uses.c.state).where(*key).with_for_update())).scalar_one()
        seen = {
            name: values[name]
            for name in (
                "identifier_check",
                "source",
                "state",
                "raw_state",
                "valid_from",
                "valid_to",
                "fetched_at",
            )
        }
        await conn.execute(update(uses).where(*key).values(**seen))
        return bool(old != use.state)

    async def uses(self, work: Work, reference: str) -> Sequence[LicenceUse]:
        rows = select(uses).where(uses.c.reference == reference).order_by(uses.c.id)
        return [_use(row) for row in await connection(work).execute(rows)]

    async def types(self, work: Work) -> Sequence[LicenceType]:
        rows = await connection(work).execute(select(types).order_by(types.c.code))
        return [_TYPE.validate_python(dict(row)) for row in rows.mappings()]

    async def put_types(self, work: Work, given: Sequence[LicenceType]) -> None:
        conn = connection(work)
        for one in given:
            values = _TYPE.dump_python(one, mode="json")
            row = upsert(conn, types).values(**values)
            await conn.execute(row.on_conflict_do_update(index_elements=["code"], set_=values))

    async def set_document(
        self,
        work: Work,
        reference: str,
        identifier: str,
        document: LicenceDocument,
        at: datetime,
    ) -> None:
        await connection(work).execute(
            update(uses)
            .where(uses.c.reference == reference, uses.c.identifier == identifier)
            .values(
                media_type=document.media_type,
                sha256=document.sha256,
                sm3=document.sm3,
                document_at=at,
            ),
        )


def _access(row: Row[Any]) -> Access:
    return Access(
        at=row.at,
        reference=row.reference,
        item_code=row.item_code,
        actor=row.actor,
        channel=row.channel,
        trace_id=row.trace_id,
        subject_hash=row.subject_hash,
        licence_type=row.licence_type,
        identifier=row.identifier,
        operation=Operation(row.operation),
        cause=row.cause,
        auth_basis=AuthBasis(row.auth_basis),
        source=row.source,
        outcome=row.outcome,
        upstream_status=row.upstream_status,
        elapsed_ms=row.elapsed_ms,
        fields=tuple(row.fields or ()),
    )


def _use(row: Row[Any]) -> LicenceUse:
    return LicenceUse(
        id=row.use_id,
        reference=row.reference,
        material_code=row.material_code,
        identifier=row.identifier,
        identifier_check=CheckVerdict(row.identifier_check),
        licence_type=row.licence_type,
        subject_hash=row.subject_hash,
        source=row.source,
        state=LicenceState(row.state),
        raw_state=row.raw_state,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        fetched_at=row.fetched_at,
        media_type=row.media_type,
        sha256=row.sha256,
        sm3=row.sm3,
        document_at=row.document_at,
    )
