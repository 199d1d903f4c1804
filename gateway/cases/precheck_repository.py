"""All SQL of pre-checks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select

from gateway.cases.tables import prechecks
from kernel.db.work import connection
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class PrecheckRow:
    """One pre-check: who asked about which item, nothing of what was found."""

    precheck_id: str
    item_code: str
    owner: str
    subject_hash: str
    opened_at: datetime
    expires_at: datetime


class SqlPrechecks:
    """Pre-checks as rows."""

    async def add(self, work: Work, row: PrecheckRow) -> None:
        """Store a new pre-check."""
        await connection(work).execute(insert(prechecks).values(**asdict(row)))

    async def get(self, work: Work, precheck_id: str) -> PrecheckRow | None:
        """Return a pre-check."""
        query = select(prechecks).where(prechecks.c.precheck_id == precheck_id)
        found = (await connection(work).execute(query)).first()
        if found is None:
            return None
        return PrecheckRow(
            precheck_id=found.precheck_id,
            item_code=found.item_code,
            owner=found.owner,
            subject_hash=found.subject_hash,
            opened_at=found.opened_at,
            expires_at=found.expires_at,
        )
