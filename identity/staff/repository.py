"""All SQL of staff, on PostgreSQL and SQLite."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, delete, insert, literal, null, or_, select, update

from identity.model import StaffRole, StaffToken
from identity.staff.model import (
    Account,
    Credential,
    Grant,
    RequestAct,
    RequestState,
    RoleRequest,
    StaffKind,
    StaffSession,
    StaffSessionState,
)
from identity.staff.ports import Tried
from identity.staff.tables import (
    credentials,
    grants,
    recovery_codes,
    role_requests,
    staff,
    staff_sessions,
    staff_tokens,
    tries,
)
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.work import Work

_ACCOUNT = (staff.c.id, staff.c.name, staff.c.kind, staff.c.active, staff.c.created_at)


class SqlStaffRows:
    """The rows of staff (``ports.StaffRows``)."""

    async def add_account(self, work: Work, account: Account) -> None:
        values = {**vars(account), "updated_at": account.created_at}
        await connection(work).execute(insert(staff).values(**values))

    async def account(self, work: Work, staff_id: str, *, lock: bool = False) -> Account | None:
        statement = select(*_ACCOUNT).where(staff.c.id == staff_id)
        if lock:
            statement = statement.with_for_update()
        row = (await connection(work).execute(statement)).first()
        return None if row is None else _account(row)

    async def accounts(self, work: Work, after: str, limit: int) -> Sequence[Account]:
        statement = select(*_ACCOUNT).where(staff.c.id > after).order_by(staff.c.id).limit(limit)
        return [_account(row) for row in await connection(work).execute(statement)]

    async def change_account(self, work: Work, staff_id: str, at: datetime, **values: Any) -> None:
        await connection(work).execute(
            update(staff).where(staff.c.id == staff_id).values(**values, updated_at=at)
        )

    async def set_kind(self, work: Work, staff_id: str, kind: StaffKind, at: datetime) -> None:
        await connection(work).execute(
            update(staff)
            .where(staff.c.id == staff_id, staff.c.kind != kind)
            .values(kind=kind, updated_at=at)
        )

    async def add_credential(self, work: Work, credential: Credential) -> None:
        values = {**vars(credential), "previous": list(credential.previous)}
        await connection(work).execute(insert(credentials).values(**values))

    async def credential(self, work: Work, staff_id: str) -> Credential | None:
        found = await connection(work).execute(
            select(credentials).where(credentials.c.staff_id == staff_id)
        )
        row = found.first()
        if row is None:
            return None
        values = row._asdict()
        return Credential(**{**values, "previous": tuple(values["previous"])})

    async def change_credential(self, work: Work, staff_id: str, **values: Any) -> None:
        await connection(work).execute(
            update(credentials).where(credentials.c.staff_id == staff_id).values(**values)
        )

    async def spend_step(self, work: Work, staff_id: str, step: int) -> bool:
        changed = await connection(work).execute(
            update(credentials)
            .where(credentials.c.staff_id == staff_id, credentials.c.totp_step < step)
            .values(totp_step=step)
        )
        return changed.rowcount == 1

    async def set_recovery_codes(self, work: Work, staff_id: str, hashes: Collection[str]) -> None:
        conn = connection(work)
        await conn.execute(delete(recovery_codes).where(recovery_codes.c.staff_id == staff_id))
        if hashes:
            rows = [{"code_hash": one, "staff_id": staff_id} for one in hashes]
            await conn.execute(insert(recovery_codes), rows)

    async def spend_recovery_code(self, work: Work, staff_id: str, code_hash: str) -> bool:
        gone = await connection(work).execute(
            delete(recovery_codes).where(
                recovery_codes.c.staff_id == staff_id, recovery_codes.c.code_hash == code_hash
            )
        )
        return gone.rowcount == 1

    async def count_try(self, work: Work, key: str, at: datetime, window_from: datetime) -> Tried:
        conn = connection(work)
        over = or_(
            tries.c.locked_until <= at,
            and_(tries.c.locked_until.is_(None), tries.c.since < window_from),
        )
        statement = (
            upsert(conn, tries)
            .values(key=key, count=1, since=at, locked_until=None)
            .on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "count": case((over, 1), else_=tries.c.count + 1),
                    "since": case((over, literal(at, tries.c.since.type)), else_=tries.c.since),
                    "locked_until": case((over, null()), else_=tries.c.locked_until),
                },
            )
            .returning(tries.c.count, tries.c.since, tries.c.locked_until)
        )
        return Tried(*(await conn.execute(statement)).one())

    async def lock_tries(self, work: Work, key: str, until: datetime) -> None:
        await connection(work).execute(
            update(tries).where(tries.c.key == key).values(locked_until=until)
        )

    async def take_back_try(self, work: Work, key: str) -> None:
        await connection(work).execute(
            update(tries).where(tries.c.key == key).values(count=tries.c.count - 1)
        )

    async def forget_tries(self, work: Work, key: str) -> None:
        await connection(work).execute(delete(tries).where(tries.c.key == key))

    async def add_session(self, work: Work, session: StaffSession) -> None:
        await connection(work).execute(insert(staff_sessions).values(**vars(session)))

    async def session(self, work: Work, sid_hash: str) -> StaffSession | None:
        found = await connection(work).execute(
            select(staff_sessions).where(staff_sessions.c.sid_hash == sid_hash)
        )
        row = found.first()
        return None if row is None else _session(row)

    async def sessions_of(self, work: Work, staff_id: str) -> Sequence[StaffSession]:
        found = await connection(work).execute(
            select(staff_sessions)
            .where(
                staff_sessions.c.staff_id == staff_id,
                staff_sessions.c.status == StaffSessionState.ACTIVE,
            )
            .order_by(staff_sessions.c.created_at.desc())
        )
        return [_session(row) for row in found]

    async def touch_session(self, work: Work, session_id: str, at: datetime) -> None:
        await connection(work).execute(
            update(staff_sessions)
            .where(
                staff_sessions.c.id == session_id,
                staff_sessions.c.status == StaffSessionState.ACTIVE,
            )
            .values(last_seen_at=at)
        )

    async def move_session(
        self,
        work: Work,
        session_id: str,
        old: StaffSessionState,
        new: StaffSessionState,
        **values: Any,
    ) -> bool:
        changed = await connection(work).execute(
            update(staff_sessions)
            .where(staff_sessions.c.id == session_id, staff_sessions.c.status == old)
            .values(status=new, pending=None, **values)
        )
        return changed.rowcount == 1

    async def add_grant(self, work: Work, grant: Grant) -> None:
        await connection(work).execute(insert(grants).values(**vars(grant), kind=grant.kind))

    async def remove_grant(self, work: Work, grant_id: str) -> None:
        await connection(work).execute(delete(grants).where(grants.c.id == grant_id))

    async def grants_of(self, work: Work, staff_id: str) -> Sequence[Grant]:
        found = await connection(work).execute(
            select(grants)
            .where(grants.c.staff_id == staff_id)
            .order_by(grants.c.granted_at, grants.c.id)
        )
        return [_grant(row) for row in found]

    async def add_request(self, work: Work, request: RoleRequest) -> None:
        await connection(work).execute(insert(role_requests).values(**vars(request)))

    async def request(self, work: Work, request_id: str) -> RoleRequest | None:
        found = await connection(work).execute(
            select(role_requests).where(role_requests.c.id == request_id)
        )
        row = found.first()
        return None if row is None else _request(row)

    async def requests(
        self, work: Work, status: RequestState | None, after: str, limit: int
    ) -> Sequence[RoleRequest]:
        statement = select(role_requests).where(role_requests.c.id > after)
        if status is not None:
            statement = statement.where(role_requests.c.status == status)
        found = await connection(work).execute(statement.order_by(role_requests.c.id).limit(limit))
        return [_request(row) for row in found]

    async def approved_reset(self, work: Work, staff_id: str) -> RoleRequest | None:
        found = await connection(work).execute(
            select(role_requests)
            .where(
                role_requests.c.staff_id == staff_id,
                role_requests.c.act == RequestAct.RESET,
                role_requests.c.status == RequestState.APPROVED,
            )
            .limit(1)
        )
        row = found.first()
        return None if row is None else _request(row)

    async def move_request(
        self,
        work: Work,
        request_id: str,
        old: RequestState,
        new: RequestState,
        values: Mapping[str, Any],
    ) -> bool:
        changed = await connection(work).execute(
            update(role_requests)
            .where(role_requests.c.id == request_id, role_requests.c.status == old)
            .values(**values, status=new)
        )
        return changed.rowcount == 1

    async def add_token(self, work: Work, token: StaffToken) -> None:
        await connection(work).execute(insert(staff_tokens).values(**vars(token)))

    async def token(self, work: Work, token_hash: str) -> StaffToken | None:
        found = await connection(work).execute(
            select(staff_tokens).where(staff_tokens.c.token_hash == token_hash)
        )
        row = found.first()
        return None if row is None else StaffToken(**row._asdict())

    async def revoke_tokens(self, work: Work, staff_id: str, at: datetime) -> int:
        changed = await connection(work).execute(
            update(staff_tokens)
            .where(
                staff_tokens.c.staff_id == staff_id,
                staff_tokens.c.revoked_at.is_(None),
                staff_tokens.c.expires_at > at,
            )
            .values(revoked_at=at)
        )
        return changed.rowcount

    async def forget(self, work: Work, now: datetime, old_before: datetime, limit: int) -> int:
        deleted = 0
        for table, key, at, before in (
            (staff_sessions, staff_sessions.c.id, staff_sessions.c.expires_at, old_before),
            (staff_tokens, staff_tokens.c.token_hash, staff_tokens.c.expires_at, old_before),
            (tries, tries.c.key, tries.c.since, old_before),
        ):
            old = select(key).where(at < before).limit(limit)
            gone = await connection(work).execute(delete(table).where(key.in_(old), at < before))
            deleted += gone.rowcount
        return deleted


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(**{**row._asdict(), "kind": StaffKind(row.kind)})


def _session(row: Row[*tuple[Any, ...]]) -> StaffSession:
    return StaffSession(**{**row._asdict(), "status": StaffSessionState(row.status)})


def _grant(row: Row[*tuple[Any, ...]]) -> Grant:
    return Grant(
        row.id,
        row.staff_id,
        StaffRole(row.role),
        row.department,
        row.region,
        row.granted_at,
        row.mac,
    )


def _request(row: Row[*tuple[Any, ...]]) -> RoleRequest:
    values = row._asdict()
    return RoleRequest(
        **{**values, "act": RequestAct(values["act"]), "status": RequestState(values["status"])}
    )
