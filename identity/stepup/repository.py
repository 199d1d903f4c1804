"""All SQL of step-ups."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from identity.model import Session, SessionState
from identity.stepup.model import StepUp, StepUpState
from identity.stepup.tables import step_ups
from identity.tables import sessions
from kernel.db.base import require_one
from kernel.db.work import connection
from kernel.work import Work


class SqlStepUps:
    """Step-ups on PostgreSQL and SQLite (``ports.StepUpRepository``)."""

    async def add(self, work: Work, step_up: StepUp) -> None:
        await connection(work).execute(insert(step_ups).values(**vars(step_up)))

    async def get(self, work: Work, step_up_id: str) -> StepUp | None:
        found = await connection(work).execute(select(step_ups).where(step_ups.c.id == step_up_id))
        row = found.first()
        if row is None:
            return None
        values = row._asdict()
        return StepUp(**{**values, "state": StepUpState(values["state"])})

    async def change(self, work: Work, step_up: StepUp, old: StepUpState) -> bool:
        changed = await connection(work).execute(
            update(step_ups)
            .where(step_ups.c.id == step_up.id, step_ups.c.state == old)
            .values(**vars(step_up))
        )
        return changed.rowcount == 1

    async def begun_since(self, work: Work, sub: str, since: datetime) -> int:
        counted = await connection(work).execute(
            select(func.count())
            .select_from(step_ups)
            .where(step_ups.c.sub == sub, step_ups.c.created_at > since)
        )
        number: int = counted.scalar_one()
        return number

    async def session(self, work: Work, session_id: str, *, lock: bool) -> Session | None:
        query = select(sessions).where(sessions.c.id == session_id)
        found = await connection(work).execute(query.with_for_update() if lock else query)
        row = found.first()
        if row is None:
            return None
        values = row._asdict()
        return Session(**{**values, "status": SessionState(values["status"])})

    async def raise_session(
        self, work: Work, session_id: str, principal: bytes, token_hash: str | None
    ) -> None:
        changes: dict[str, Any] = {"principal": principal}
        if token_hash is not None:
            changes["token_hash"] = token_hash
        require_one(
            await connection(work).execute(
                update(sessions)
                .where(sessions.c.id == session_id, sessions.c.status != SessionState.ENDED)
                .values(**changes)
            )
        )
