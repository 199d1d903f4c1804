"""All SQL of the authorization server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from identity.model import SessionState
from identity.oauth.model import (
    Grant,
    GrantState,
    PushedRequest,
    SessionView,
    StoredKey,
    StoredToken,
    TokenKind,
)
from identity.oauth.tables import grants, requests, signing_keys, tokens, used_jtis
from identity.tables import logins, sessions
from kernel.db.work import connection
from kernel.work import Work

_SESSION: Final = select(
    sessions.c.id,
    sessions.c.sub,
    sessions.c.client_id,
    sessions.c.idp,
    sessions.c.status,
    sessions.c.code_challenge,
    sessions.c.code_expires_at,
    sessions.c.principal,
    sessions.c.upstream,
    sessions.c.last_seen_at,
    sessions.c.expires_at,
)
_LOGIN_TAKES: Final = timedelta(hours=1)
_OPEN: Final = (SessionState.AWAITING_CODE, SessionState.ACTIVE)


class SqlOAuthRows:
    """The rows of grants on PostgreSQL and SQLite (``ports.OAuthRows``)."""

    async def add_request(self, work: Work, request: PushedRequest) -> None:
        await connection(work).execute(insert(requests).values(**vars(request)))

    async def take_request(
        self, work: Work, uri_hash: str, client_id: str, now: datetime
    ) -> PushedRequest | None:
        taken = await connection(work).execute(
            update(requests)
            .where(
                requests.c.uri_hash == uri_hash,
                requests.c.client_id == client_id,
                requests.c.used_at.is_(None),
                requests.c.expires_at > now,
            )
            .values(used_at=now)
            .returning(*requests.c)
        )
        return _request(taken.first())

    async def bind_login(self, work: Work, request_id: str, state_hash: str) -> None:
        await connection(work).execute(
            update(requests).where(requests.c.id == request_id).values(state_hash=state_hash)
        )

    async def request_of_login(self, work: Work, state_hash: str) -> PushedRequest | None:
        found = await connection(work).execute(
            select(requests).where(requests.c.state_hash == state_hash)
        )
        return _request(found.first())

    async def bind_session(
        self, work: Work, request_id: str, state_hash: str
    ) -> SessionView | None:
        conn = connection(work)
        # A session carries the id of the login that it came from.
        session_id = select(logins.c.id).where(logins.c.state_hash == state_hash).scalar_subquery()
        row = (await conn.execute(_SESSION.where(sessions.c.id == session_id))).first()
        if row is None:
            return None
        await conn.execute(
            update(requests).where(requests.c.id == request_id).values(session_id=row.id)
        )
        return SessionView(**row._asdict())

    async def request_of_session(self, work: Work, session_id: str) -> PushedRequest | None:
        found = await connection(work).execute(
            select(requests).where(requests.c.session_id == session_id)
        )
        return _request(found.first())

    async def session(self, work: Work, session_id: str) -> SessionView | None:
        row = (await connection(work).execute(_SESSION.where(sessions.c.id == session_id))).first()
        return None if row is None else SessionView(**row._asdict())

    async def session_by_code(self, work: Work, code_hash: str) -> SessionView | None:
        found = await connection(work).execute(_SESSION.where(sessions.c.code_hash == code_hash))
        row = found.first()
        return None if row is None else SessionView(**row._asdict())

    async def open_session(
        self, work: Work, session_id: str, at: datetime, expires_at: datetime
    ) -> bool:
        changed = await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.AWAITING_CODE)
            .values(status=SessionState.ACTIVE, last_seen_at=at, expires_at=expires_at)
        )
        return changed.rowcount == 1

    async def renew_code(
        self, work: Work, session_id: str, code_hash: str, until: datetime
    ) -> bool:
        changed = await connection(work).execute(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.status == SessionState.AWAITING_CODE)
            .values(code_hash=code_hash, code_expires_at=until)
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
            .where(sessions.c.id == session_id, sessions.c.status.in_(_OPEN))
            .values(status=SessionState.ENDED, principal=None, upstream=None)
        )
        return changed.rowcount == 1

    async def add_grant(self, work: Work, grant: Grant) -> None:
        await connection(work).execute(insert(grants).values(**vars(grant)))

    async def grant(self, work: Work, grant_id: str) -> Grant | None:
        found = await connection(work).execute(select(grants).where(grants.c.id == grant_id))
        row = found.first()
        return None if row is None else _grant(row._asdict())

    async def grants_of_session(self, work: Work, session_id: str) -> Sequence[Grant]:
        found = await connection(work).execute(
            select(grants)
            .where(grants.c.session_id == session_id, grants.c.status == GrantState.ACTIVE)
            .order_by(grants.c.id)
        )
        return [_grant(row._asdict()) for row in found]

    async def revoke_grant(self, work: Work, grant_id: str) -> bool:
        changed = await connection(work).execute(
            update(grants)
            .where(grants.c.id == grant_id, grants.c.status == GrantState.ACTIVE)
            .values(status=GrantState.REVOKED)
        )
        return changed.rowcount == 1

    async def add_token(self, work: Work, token: StoredToken) -> None:
        await connection(work).execute(insert(tokens).values(**vars(token)))

    async def token(self, work: Work, token_hash: str) -> tuple[StoredToken, Grant] | None:
        found = await connection(work).execute(
            select(tokens, *(column.label(f"grant__{column.name}") for column in grants.c))
            .join(grants, grants.c.id == tokens.c.grant_id)
            .where(tokens.c.token_hash == token_hash)
        )
        row = found.first()
        if row is None:
            return None
        values = row._asdict()
        own = {name: values[name] for name in tokens.c.keys()}  # noqa: SIM118 - no mapping
        grant = {name: values[f"grant__{name}"] for name in grants.c.keys()}  # noqa: SIM118
        return StoredToken(**{**own, "kind": TokenKind(own["kind"])}), _grant(grant)

    async def use_token(self, work: Work, token_hash: str, at: datetime) -> bool:
        changed = await connection(work).execute(
            update(tokens)
            .where(tokens.c.token_hash == token_hash, tokens.c.used_at.is_(None))
            .values(used_at=at)
        )
        return changed.rowcount == 1

    async def keys(self, work: Work) -> Sequence[StoredKey]:
        found = await connection(work).execute(
            select(signing_keys).order_by(signing_keys.c.starts_at, signing_keys.c.kid)
        )
        return [StoredKey(**row._asdict()) for row in found]

    async def add_key(self, work: Work, key: StoredKey) -> None:
        await connection(work).execute(insert(signing_keys).values(**vars(key)))

    async def delete_key(self, work: Work, kid: str) -> None:
        await connection(work).execute(delete(signing_keys).where(signing_keys.c.kid == kid))

    async def forget(self, work: Work, now: datetime, limit: int) -> int:
        conn = connection(work)
        touched = 0
        dead = select(grants.c.id).where(grants.c.expires_at <= now).limit(limit)
        for table, key, over in (
            (tokens, tokens.c.grant_id, tokens.c.grant_id.in_(dead)),
            (tokens, tokens.c.token_hash, tokens.c.expires_at <= now),
            (grants, grants.c.id, grants.c.expires_at <= now),
            (used_jtis, used_jtis.c.jti_hash, used_jtis.c.expires_at <= now),
        ):
            some = select(key).where(over).limit(limit)
            deleted = await conn.execute(delete(table).where(key.in_(some), over))
            touched += deleted.rowcount
        # Longer than anybody may take to sign in; then as long as its code could be replayed.
        old = select(requests.c.id).where(
            requests.c.created_at <= now - _LOGIN_TAKES,
            requests.c.session_id.is_(None)
            | requests.c.session_id.not_in(
                select(sessions.c.id).where(sessions.c.status.in_(_OPEN))
            ),
        )
        some = old.limit(limit)
        deleted = await conn.execute(delete(requests).where(requests.c.id.in_(some)))
        return touched + deleted.rowcount


def _request(row: Row[*tuple[Any, ...]] | None) -> PushedRequest | None:
    return None if row is None else PushedRequest(**row._asdict())


def _grant(values: dict[str, Any]) -> Grant:
    return Grant(**{**values, "status": GrantState(values["status"])})
