"""All SQL of pre-checks."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import insert, select

from gateway.cases.model import Precheck
from gateway.cases.tables import prechecks
from kernel.db.work import connection
from kernel.work import Work


class SqlPrechecks:
    """Pre-checks as rows."""

    async def add(self, work: Work, row: Precheck) -> None:
        """Store a new pre-check."""
        await connection(work).execute(insert(prechecks).values(**asdict(row)))

    async def get(self, work: Work, precheck_id: str) -> Precheck | None:
        """Return a pre-check."""
        query = select(prechecks).where(prechecks.c.precheck_id == precheck_id)
        found = (await connection(work).execute(query)).first()
        if found is None:
            return None
        return Precheck(
            precheck_id=found.precheck_id,
            item_code=found.item_code,
            owner=found.owner,
            subject_hash=found.subject_hash,
            opened_at=found.opened_at,
            expires_at=found.expires_at,
        )
