"""All SQL of grants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import insert, update

from e_license.grants.model import Grant, Use
from e_license.tables import grants
from kernel.db.work import connection
from kernel.work import Work


class SqlGrants:
    """GrantRepository on the table of grants."""

    async def add(self, work: Work, new: Sequence[Grant]) -> None:
        await connection(work).execute(insert(grants), [asdict(grant) for grant in new])

    async def consume(self, work: Work, uses: Sequence[Use], now: datetime) -> set[str]:
        used = set()
        for use in uses:
            # The row itself decides: a grant is used once, by whoever comes first.
            taken = await connection(work).execute(
                update(grants)
                .where(
                    grants.c.grant_id == use.grant_id,
                    grants.c.reference == use.reference,
                    grants.c.subject_hash == use.subject_hash,
                    grants.c.licence_type == use.licence_type,
                    grants.c.operation == use.operation,
                    grants.c.identifier == use.identifier,
                    grants.c.consumed_at.is_(None),
                    grants.c.expires_at > now,
                )
                .values(consumed_at=now)
            )
            if taken.rowcount == 1:
                used.add(use.grant_id)
        return used
