"""All SQL of stored raises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from identity.model import Ial, Session, SessionState
from identity.proofing.model import Proofing, ProofingSource, ProofingState
from identity.proofing.tables import proofings
from identity.tables import sessions
from kernel.crypto.fields import FieldCipher, Place
from kernel.db.base import require_one
from kernel.db.work import connection
from kernel.work import Work


class SqlProofings:
    """Raises on PostgreSQL and SQLite (``ports.ProofingRepository``)."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, proofing: Proofing) -> None:
        text = json.dumps(proofing.evidence, ensure_ascii=False)
        sealed = self._cipher.encrypt(text, _place(proofing.id))
        row = {**vars(proofing), "evidence": sealed, "ial": int(proofing.ial)}
        await connection(work).execute(insert(proofings).values(**row))

    async def get(self, work: Work, proofing_id: str) -> Proofing | None:
        query = select(proofings).where(proofings.c.id == proofing_id).with_for_update()
        row = (await connection(work).execute(query)).first()
        return None if row is None else self._proofing(row)

    async def of(self, work: Work, sub: str, limit: int) -> Sequence[Proofing]:
        query = select(proofings).where(proofings.c.sub == sub)
        rows = await connection(work).execute(query.order_by(proofings.c.id.desc()).limit(limit))
        return [self._proofing(row) for row in rows]

    async def revoke(self, work: Work, proofing: Proofing) -> None:
        changed = await connection(work).execute(
            update(proofings)
            .where(proofings.c.id == proofing.id, proofings.c.state == ProofingState.ACTIVE)
            .values(
                state=proofing.state,
                revoked_at=proofing.revoked_at,
                revoked_by=proofing.revoked_by,
            )
        )
        require_one(changed)

    async def live(self, work: Work, sub: str, now: datetime) -> Sequence[Session]:
        query = (
            select(sessions)
            .where(
                sessions.c.sub == sub,
                sessions.c.status == SessionState.ACTIVE,
                sessions.c.expires_at > now,
                sessions.c.principal.is_not(None),
            )
            .order_by(sessions.c.id.desc())
        )
        rows = await connection(work).execute(query.with_for_update())
        return [
            Session(**{**row._asdict(), "status": SessionState(row._asdict()["status"])})
            for row in rows
        ]

    async def rewrite(self, work: Work, session_id: str, principal: bytes) -> None:
        changed = await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.ACTIVE)
            .values(principal=principal)
        )
        require_one(changed)

    async def end(self, work: Work, session_id: str) -> bool:
        changed = await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.ACTIVE)
            .values(status=SessionState.ENDED, principal=None, upstream=None)
        )
        return changed.rowcount == 1

    def _proofing(self, row: Row[*tuple[Any, ...]]) -> Proofing:
        values = row._asdict()
        values["evidence"] = json.loads(self._cipher.decrypt(values["evidence"], _place(row.id)))
        values["ial"] = Ial(values["ial"])
        values["source"] = ProofingSource(values["source"])
        values["state"] = ProofingState(values["state"])
        return Proofing(**values)


def _place(proofing_id: str) -> Place:
    return Place("identity_proofing", "evidence", proofing_id)
