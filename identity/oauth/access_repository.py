"""The two statements of every call: what a token stands on, and whether an id was used before."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from identity.oauth.model import Grant, GrantState, SessionSeen, StoredToken, TokenFound, TokenKind
from identity.oauth.tables import grants, tokens, used_jtis
from identity.tables import sessions
from kernel.db.base import INSERTS
from kernel.db.engine import Database
from kernel.db.point import Point

_SEEN: Final = (
    sessions.c.id,
    sessions.c.status,
    sessions.c.principal,
    sessions.c.last_seen_at,
    sessions.c.expires_at,
)
_FIND: Final = (
    select(*tokens.c, *grants.c, *_SEEN)
    .select_from(
        tokens.join(grants, grants.c.id == tokens.c.grant_id).outerjoin(
            sessions, sessions.c.id == grants.c.session_id
        )
    )
    .where(tokens.c.token_hash == bindparam("token"))
)
_BURN: Final = {
    name: into(used_jtis)
    .values(
        owner=bindparam("owner"), jti_hash=bindparam("jti_hash"), expires_at=bindparam("expires_at")
    )
    .on_conflict_do_nothing(index_elements=["owner", "jti_hash"])
    .returning(used_jtis.c.jti_hash)
    for name, into in INSERTS.items()
}
_GRANT_AT: Final = len(tokens.c)
_SESSION_AT: Final = _GRANT_AT + len(grants.c)
_TOKEN_NAMES: Final = tuple(tokens.c.keys())
_GRANT_NAMES: Final = tuple(grants.c.keys())
_SEEN_NAMES: Final = tuple(column.name for column in _SEEN)


class SqlAccessRows:
    """What every call asks, each by one statement and one round trip (``ports.AccessRows``)."""

    def __init__(self, database: Database) -> None:
        self._find = Point(database, _FIND)
        self._burn = Point(database, _BURN[database.dialect])

    async def find(self, token_hash: str) -> TokenFound | None:
        row = await self._find.row(token=token_hash)
        if row is None:
            return None
        token = dict(zip(_TOKEN_NAMES, row, strict=False))
        token["kind"] = TokenKind(token["kind"])
        grant = dict(zip(_GRANT_NAMES, row[_GRANT_AT:_SESSION_AT], strict=True))
        grant["status"] = GrantState(grant["status"])
        seen = dict(zip(_SEEN_NAMES, row[_SESSION_AT:], strict=True))
        session = None if seen["id"] is None else SessionSeen(**seen)
        return TokenFound(StoredToken(**token), Grant(**grant), session)

    async def burn_jti(self, owner: str, jti_hash: str, until: datetime) -> bool:
        row = await self._burn.row(owner=owner, jti_hash=jti_hash, expires_at=until)
        return row is not None
