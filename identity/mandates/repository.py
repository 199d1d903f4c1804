"""All SQL of mandates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select, update

from identity.mandates.codec import MandateCodec
from identity.mandates.model import Mandate, MandateState, Operator
from identity.mandates.tables import mandates
from identity.model import Person
from kernel.db.base import require_one
from kernel.db.work import connection
from kernel.work import Work


class SqlMandates:
    """Mandates on PostgreSQL and SQLite (``ports.MandateRepository``)."""

    def __init__(self, codec: MandateCodec) -> None:
        self._codec = codec

    async def add(self, work: Work, mandate: Mandate) -> None:
        await connection(work).execute(insert(mandates).values(**self._codec.row(mandate)))

    async def get(self, work: Work, mandate_id: str, *, lock: bool = False) -> Mandate | None:
        query = select(mandates).where(mandates.c.id == mandate_id)
        found = await self._load(work, query.with_for_update() if lock else query)
        return found[0] if found else None

    async def between(
        self, work: Work, principal_key: str, operator: Person | Operator, *, lock: bool = False
    ) -> Sequence[Mandate]:
        query = (
            select(mandates)
            .where(
                mandates.c.principal_key == principal_key,
                mandates.c.operator_index == self._codec.index(operator),
                mandates.c.state == MandateState.ACTIVE,
            )
            .order_by(mandates.c.id)
        )
        # Shared: several acts may go on at once, and a revocation waits for all of them.
        return await self._load(work, query.with_for_update(read=True) if lock else query)

    async def given(self, work: Work, principal_key: str, limit: int) -> Sequence[Mandate]:
        query = select(mandates).where(mandates.c.principal_key == principal_key)
        return await self._load(work, query.order_by(mandates.c.id.desc()).limit(limit))

    async def held(self, work: Work, operator: Person | Operator, limit: int) -> Sequence[Mandate]:
        query = select(mandates).where(mandates.c.operator_index == self._codec.index(operator))
        return await self._load(work, query.order_by(mandates.c.id.desc()).limit(limit))

    async def change(self, work: Work, mandate: Mandate, old: MandateState) -> None:
        row = self._codec.row(mandate)
        require_one(
            await connection(work).execute(
                update(mandates)
                .where(mandates.c.id == mandate.id, mandates.c.state == old)
                .values(**row)
            )
        )

    async def overdue(self, work: Work, now: datetime, limit: int) -> Sequence[Mandate]:
        query = select(mandates).where(
            mandates.c.state == MandateState.ACTIVE, mandates.c.valid_to <= now
        )
        return await self._load(work, query.order_by(mandates.c.valid_to).limit(limit))

    async def _load(self, work: Work, query: Select[Any]) -> list[Mandate]:
        rows = await connection(work).execute(query)
        return [self._codec.mandate(row._asdict()) for row in rows]
