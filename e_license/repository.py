"""All SQL of the licence domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from e_license.model import Access, LicenceDocument, LicenceState, LicenceUse
from e_license.tables import access_log, uses
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.gbcodes import CheckVerdict
from kernel.work import Work


class SqlLicenceRepository:
    """LicenceRepository on the tables of this package."""

    async def log_access(self, work: Work, access: Access) -> None:
        await connection(work).execute(insert(access_log).values(**asdict(access)))

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
