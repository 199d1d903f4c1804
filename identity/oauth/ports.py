"""What the authorization server needs: a place for its rows, and a short way to two of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from identity.oauth.model import (
    Grant,
    PushedRequest,
    SessionView,
    StoredKey,
    StoredToken,
    TokenFound,
)
from kernel.work import Work


class AccessRows(Protocol):
    """What every call asks: no unit of work, each answer final when it is given."""

    async def find(self, token_hash: str) -> TokenFound | None:
        """Return a token and what it stands on."""
        ...

    async def burn_jti(self, owner: str, jti_hash: str, until: datetime) -> bool:
        """Note that an id was used; False when it was used before."""
        ...


class OAuthRows(Protocol):
    """The rows of grants. Every method works inside the unit of work that it is given."""

    async def add_request(self, work: Work, request: PushedRequest) -> None:
        """Store a pushed request."""
        ...

    async def take_request(
        self, work: Work, uri_hash: str, client_id: str, now: datetime
    ) -> PushedRequest | None:
        """Use a request up and return it; None when it is unknown, used, too old or another's."""
        ...

    async def bind_login(self, work: Work, request_id: str, state_hash: str) -> None:
        """Note which login a request became."""
        ...

    async def request_of_login(self, work: Work, state_hash: str) -> PushedRequest | None:
        """Return the request of a login."""
        ...

    async def bind_session(
        self, work: Work, request_id: str, state_hash: str
    ) -> SessionView | None:
        """Note which session came of a request's login, and return it."""
        ...

    async def request_of_session(self, work: Work, session_id: str) -> PushedRequest | None:
        """Return the request that a session came of."""
        ...

    async def session(self, work: Work, session_id: str) -> SessionView | None:
        """Return a session."""
        ...

    async def session_by_code(self, work: Work, code_hash: str) -> SessionView | None:
        """Return the session behind a hashed code, used or not."""
        ...

    async def open_session(
        self, work: Work, session_id: str, at: datetime, expires_at: datetime
    ) -> bool:
        """Start a session that waits for its code; False when it does not wait any more."""
        ...

    async def renew_code(
        self, work: Work, session_id: str, code_hash: str, until: datetime
    ) -> bool:
        """Give a session that waits for its code another one; False when it does not wait."""
        ...

    async def touch_session(self, work: Work, session_id: str, at: datetime) -> None:
        """Note that an active session was used."""
        ...

    async def end_session(self, work: Work, session_id: str) -> bool:
        """End a session and forget its secrets; False when it had ended."""
        ...

    async def add_grant(self, work: Work, grant: Grant) -> None:
        """Store a grant."""
        ...

    async def grant(self, work: Work, grant_id: str) -> Grant | None:
        """Return a grant."""
        ...

    async def grants_of_session(self, work: Work, session_id: str) -> Sequence[Grant]:
        """Return the active grants that rest on a session."""
        ...

    async def revoke_grant(self, work: Work, grant_id: str) -> bool:
        """Revoke a grant; False when it was revoked before."""
        ...

    async def add_token(self, work: Work, token: StoredToken) -> None:
        """Store a token."""
        ...

    async def token(self, work: Work, token_hash: str) -> tuple[StoredToken, Grant] | None:
        """Return a token and the grant that it belongs to."""
        ...

    async def use_token(self, work: Work, token_hash: str, at: datetime) -> bool:
        """Use a refresh token up; False when it was used before."""
        ...

    async def keys(self, work: Work) -> Sequence[StoredKey]:
        """Return every signing key, the oldest first."""
        ...

    async def add_key(self, work: Work, key: StoredKey) -> None:
        """Store a signing key."""
        ...

    async def delete_key(self, work: Work, kid: str) -> None:
        """Delete a signing key that nobody needs any more."""
        ...

    async def forget(self, work: Work, now: datetime, limit: int) -> int:
        """Delete what is over; return the rows touched."""
        ...
