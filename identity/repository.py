"""All SQL of identity."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update

from identity.model import (
    Ial,
    Login,
    LoginState,
    Session,
    SessionState,
    UserType,
)
from identity.proofing.model import ProofingState
from identity.proofing.tables import proofings
from identity.tables import logins, sessions, subjects, tickets
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.work import Work


class SqlRepository:
    """The rows of identity on PostgreSQL and SQLite (``ports.Repository``)."""

    async def add_login(self, work: Work, login: Login) -> None:
        await connection(work).execute(insert(logins).values(**vars(login)))

    async def login(self, work: Work, state_hash: str) -> Login | None:
        found = await connection(work).execute(
            select(logins).where(logins.c.state_hash == state_hash)
        )
        row = found.first()
        return None if row is None else _login(row)

    async def move_login(self, work: Work, login_id: str, old: LoginState, new: LoginState) -> bool:
        changed = await connection(work).execute(
            update(logins).where(logins.c.id == login_id, logins.c.status == old).values(status=new)
        )
        return changed.rowcount == 1

    async def burn_ticket(self, work: Work, idp: str, ticket_mac: str, at: datetime) -> bool:
        conn = connection(work)
        added = await conn.execute(
            upsert(conn, tickets)
            .values(idp=idp, ticket_mac=ticket_mac, used_at=at)
            .on_conflict_do_nothing(index_elements=["idp", "ticket_mac"])
            .returning(tickets.c.ticket_mac)
        )
        return added.first() is not None

    async def subject(
        self,
        work: Work,
        *,
        new_sub: str,
        idp: str,
        upstream_sub: str,
        user_type: UserType,
        id_number_index: str,
        at: datetime,
    ) -> str:
        conn = connection(work)
        row = upsert(conn, subjects).values(
            sub=new_sub,
            idp=idp,
            upstream_sub=upstream_sub,
            user_type=user_type,
            id_number_index=id_number_index,
            created_at=at,
            last_login_at=at,
        )
        row = row.on_conflict_do_update(
            index_elements=["idp", "upstream_sub", "user_type"],
            set_={"last_login_at": at, "id_number_index": id_number_index},
        )
        sub: str = (await conn.execute(row.returning(subjects.c.sub))).scalar_one()
        return sub

    async def proven(self, work: Work, sub: str, person_index: str, now: datetime) -> Ial:
        query = select(func.max(proofings.c.ial)).where(
            proofings.c.sub == sub,
            proofings.c.person_index == person_index,
            proofings.c.state == ProofingState.ACTIVE,
            proofings.c.expires_at > now,
        )
        found = (await connection(work).execute(query)).scalar_one()
        return Ial(found or 0)

    async def add_session(self, work: Work, session: Session) -> None:
        await connection(work).execute(insert(sessions).values(**vars(session)))

    async def session_by_code(self, work: Work, code_hash: str) -> Session | None:
        found = await connection(work).execute(
            select(sessions).where(sessions.c.code_hash == code_hash)
        )
        row = found.first()
        return None if row is None else _session(row)

    async def session(self, work: Work, session_id: str) -> Session | None:
        found = await connection(work).execute(select(sessions).where(sessions.c.id == session_id))
        row = found.first()
        return None if row is None else _session(row)

    async def session_by_token(self, work: Work, token_hash: str) -> Session | None:
        found = await connection(work).execute(
            select(sessions).where(sessions.c.token_hash == token_hash)
        )
        row = found.first()
        return None if row is None else _session(row)

    async def open_session(
        self, work: Work, session_id: str, token_hash: str, at: datetime, expires_at: datetime
    ) -> bool:
        changed = await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.AWAITING_CODE)
            .values(
                status=SessionState.ACTIVE,
                token_hash=token_hash,
                last_seen_at=at,
                expires_at=expires_at,
            )
        )
        return changed.rowcount == 1

    async def touch_session(self, work: Work, session_id: str, at: datetime) -> None:
        await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.ACTIVE)
            .values(last_seen_at=at)
        )

    async def end_session(self, work: Work, session_id: str) -> bool:
        changed = await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.ACTIVE)
            .values(status=SessionState.ENDED, principal=None, upstream=None)
        )
        return changed.rowcount == 1

    async def forget(
        self, work: Work, *, now: datetime, idle_since: datetime, old_before: datetime, limit: int
    ) -> int:
        conn = connection(work)
        over = or_(
            sessions.c.expires_at <= now,
            sessions.c.last_seen_at <= idle_since,
            and_(
                sessions.c.status == SessionState.AWAITING_CODE,
                sessions.c.code_expires_at <= now,
            ),
        )
        some = select(sessions.c.id).where(over, sessions.c.principal.is_not(None)).limit(limit)
        emptied = await conn.execute(
            update(sessions).where(sessions.c.id.in_(some)).values(principal=None, upstream=None)
        )
        touched = emptied.rowcount
        for table, key, at in (
            (sessions, sessions.c.id, sessions.c.created_at),
            (logins, logins.c.id, logins.c.created_at),
            (tickets, tickets.c.ticket_mac, tickets.c.used_at),
        ):
            old = select(key).where(at < old_before).limit(limit)
            deleted = await conn.execute(delete(table).where(key.in_(old), at < old_before))
            touched += deleted.rowcount
        return touched


def _login(row: Row[*tuple[Any, ...]]) -> Login:
    values = row._asdict()
    values["user_type"] = UserType(values["user_type"])
    values["status"] = LoginState(values["status"])
    return Login(**values)


def _session(row: Row[*tuple[Any, ...]]) -> Session:
    values = row._asdict()
    values["status"] = SessionState(values["status"])
    return Session(**values)
