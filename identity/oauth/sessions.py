"""Sessions as grants see them: who is signed in, whether still, and how it ends."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from identity import codec
from identity.jose import JwtRefused
from identity.model import Principal, SessionState, UpstreamSession, UserType
from identity.oauth.model import Grant, GrantState, SessionSeen, SessionView
from identity.oauth.ports import OAuthRows
from identity.oauth.states import GRANT
from identity.ports import IdentityProvider
from identity.states import SESSION
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.fields import FieldCipher, Place
from kernel.work import Move, Work

LOGOUT_TASK: Final = "identity.logout"


class Sessions:
    """Reads, ends and follows up sessions; ``idle`` is how long one may rest unused.

    The ``opened`` profiles decrypted last stay in memory, each for as long as its session's row
    holds the very same cell.
    """

    def __init__(
        self,
        rows: OAuthRows,
        cipher: FieldCipher,
        providers: Mapping[str, IdentityProvider],
        idle: timedelta,
        *,
        opened: int = 0,
    ) -> None:
        self._rows = rows
        self._cipher = cipher
        self._providers = providers
        self._idle = idle
        self._most = opened
        self._opened: OrderedDict[str, tuple[bytes, Principal]] = OrderedDict()

    def live_until(self, session: SessionSeen, now: datetime) -> datetime:
        """Return when a session is over unless it is used. Raises JwtRefused with the reason."""
        if session.status != SessionState.ACTIVE or session.principal is None:
            raise JwtRefused("the session has ended")
        if session.expires_at is None or session.last_seen_at is None:
            raise JwtRefused("the session never began")
        until = min(session.expires_at, session.last_seen_at + self._idle)
        if now >= until:
            raise JwtRefused("the session is over")
        return until

    def principal(self, session: SessionSeen) -> Principal:
        """Return who is signed in. Raises JwtRefused when its secrets are gone."""
        if session.principal is None:
            raise JwtRefused("the session has ended")
        known = self._opened.get(session.id)
        if known is not None and known[0] == session.principal:
            return known[1]
        found = codec.principal_of_json(self._open(session.id, "principal", session.principal))
        self._opened[session.id] = (session.principal, found)
        while len(self._opened) > self._most:
            self._opened.popitem(last=False)
        return found

    def forget(self, session_id: str) -> None:
        """Forget the decrypted profile of a session that has just ended or changed."""
        self._opened.pop(session_id, None)

    def upstream_logout(self, session: SessionView, return_url: str) -> str | None:
        """Return where the browser ends the province's own session, if anywhere."""
        provider = self._providers.get(session.idp)
        if provider is None or session.upstream is None:
            return None
        stored = self._open(session.id, "upstream", session.upstream)
        upstream = UpstreamSession(UserType(str(stored["user_type"])), str(stored["token"]))
        return provider.logout_url(upstream, return_url)

    async def end(self, work: Work, session: SessionView) -> None:
        """End a session and every grant on it, and tell each client by the back channel."""
        if await self._rows.end_session(work, session.id):
            old = SessionState(session.status)
            if old is SessionState.ACTIVE:
                await work.moved(
                    Move(
                        SESSION.name,
                        session.id,
                        old,
                        SessionState.ENDED,
                        SESSION.event(old, SessionState.ENDED),
                        session.id,
                        f"citizen:{session.sub}",
                        data={"idp": session.idp, "client_id": session.client_id},
                    )
                )
        for grant in await self._rows.grants_of_session(work, session.id):
            await self.revoke(work, grant, "the session ended")
            key = f"{session.id}:{grant.client_id}"
            payload = {
                "client_id": grant.client_id,
                "sub": session.sub,
                "session_id": session.id,
            }
            await work.enqueue(LOGOUT_TASK, key, {**payload})

    async def revoke(self, work: Work, grant: Grant, why: str) -> None:
        """Revoke a grant with all its tokens; nothing when it was revoked before."""
        if not await self._rows.revoke_grant(work, grant.id):
            return
        old, new = GrantState.ACTIVE, GrantState.REVOKED
        await work.moved(
            Move(
                GRANT.name,
                grant.id,
                old,
                new,
                GRANT.event(old, new),
                grant.id,
                f"client:{grant.client_id}",
                data={"client_id": grant.client_id},
                note=why,
            )
        )

    def _open(self, session_id: str, column: str, sealed: bytes) -> dict[str, Any]:
        try:
            text = self._cipher.decrypt(sealed, Place("identity_session", column, session_id))
        except DecryptionFailed as exc:
            # Its key has left the ring: signing in again is all that helps.
            raise JwtRefused("the stored session cannot be read any more") from exc
        content: dict[str, Any] = json.loads(text)
        return content
