"""The token endpoint: codes, refresh tokens, programs for themselves, and delegation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from identity import codec, model
from identity.jose import JwtRefused
from identity.model import Principal, SessionState
from identity.oauth.access import AccessVerifier
from identity.oauth.errors import OAuthRefused
from identity.oauth.exchange import TOKEN_EXCHANGE, Subjects
from identity.oauth.issuing import (
    ACCESS_LIFE,
    REFRESH_PREFIX,
    Authenticated,
    Issuer,
    narrowed,
)
from identity.oauth.model import (
    USER_SCOPES,
    Grant,
    GrantState,
    PushedRequest,
    SessionView,
    TokenKind,
    scopes_of,
)
from identity.oauth.ports import OAuthRows
from identity.oauth.sessions import Sessions
from identity.states import SESSION
from kernel.clock import Clock
from kernel.work import Move, Work, WorkSource

GRANT_TYPES: Final = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    TOKEN_EXCHANGE,
)


class Grants:
    """Turns what a client shows into tokens; ``absolute`` is how long a sign-in lasts at most."""

    def __init__(
        self,
        rows: OAuthRows,
        works: WorkSource,
        clock: Clock,
        issuer: Issuer,
        sessions: Sessions,
        access: AccessVerifier,
        subjects: Subjects,
        *,
        absolute: timedelta,
    ) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._issuer = issuer
        self._sessions = sessions
        self._access = access
        self._subjects = subjects
        self._absolute = absolute

    async def token(self, who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer of the token endpoint. Raises OAuthRefused."""
        if who.signed and who.jkt is None:
            raise OAuthRefused("invalid_dpop_proof", "a signed token is bound: no proof was sent")
        kind = form.get("grant_type")
        if kind == "authorization_code":
            return await self._code(who, form)
        if kind == "refresh_token":
            return await self._refresh(who, form)
        if kind == "client_credentials":
            return await self._own(who, form)
        if kind == TOKEN_EXCHANGE:
            return await self._exchange(who, form)
        raise OAuthRefused("unsupported_grant_type", "no such grant_type")

    async def _code(self, who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        now = self._clock.now()
        replayed: SessionView | None = None
        answer: dict[str, Any] = {}
        async with self._works.begin() as work:
            session = await self._rows.session_by_code(work, codec.hashed(form.get("code", "")))
            request = (
                None if session is None else await self._rows.request_of_session(work, session.id)
            )
            if session is None or request is None or request.client_id != who.client.client_id:
                raise _bad("no such code of this client")
            if session.status != SessionState.AWAITING_CODE:
                replayed = session
                # Whoever has it besides its owner may have tokens already (RFC 6749, 4.1.2).
                await self._sessions.end(work, session)
            else:
                principal = self._require_code(who, form, session, request, now)
                answer = await self._open(work, who, session, request, principal)
        if replayed is not None:
            self._access.forget(replayed.id)
            raise _bad("the code was used before: its family is revoked")
        return answer

    def _require_code(
        self,
        who: Authenticated,
        form: Mapping[str, str],
        session: SessionView,
        request: PushedRequest,
        now: datetime,
    ) -> Principal:
        if now >= session.code_expires_at:
            raise _bad("the code is too old")
        if form.get("redirect_uri") != request.redirect_uri:
            raise _bad("another redirect_uri than the one it was asked for")
        if not model.proves(form.get("code_verifier", ""), session.code_challenge):
            raise _bad("the code_verifier is not behind the code_challenge")
        if request.jkt is not None and who.jkt != request.jkt:
            raise _bad("the code is bound to another key")
        try:
            return self._sessions.principal(session)
        except JwtRefused as refused:
            raise _bad(refused.reason) from refused

    async def _open(
        self,
        work: Work,
        who: Authenticated,
        session: SessionView,
        request: PushedRequest,
        principal: Principal,
    ) -> dict[str, Any]:
        now = self._clock.now()
        ends = now + self._absolute
        if not await self._rows.open_session(work, session.id, now, ends):
            raise _bad("the code was used at this very moment")
        old, new = SessionState.AWAITING_CODE, SessionState.ACTIVE
        about = {"idp": session.idp, "client_id": session.client_id}
        await work.moved(
            Move(
                SESSION.name,
                session.id,
                old,
                new,
                SESSION.event(old, new),
                session.id,
                f"citizen:{session.sub}",
                data={**about},
            )
        )
        grant = await self._issuer.grant(
            work,
            who,
            sub=session.sub,
            session_id=session.id,
            scope=request.scope,
            expires_at=ends,
        )
        answer = await self._issuer.answer(work, who, grant, grant.scope, principal)
        answer["refresh_token"] = await self._issuer.refresh_token(work, grant)
        if "openid" in scopes_of(grant.scope):
            answer["id_token"] = await self._issuer.id_token(
                who.client, grant, principal, request.nonce, answer["access_token"]
            )
        return answer

    async def _refresh(self, who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        token = form.get("refresh_token", "")
        if not token.startswith(REFRESH_PREFIX):
            raise _bad("not a refresh token of ours")
        token_hash, stolen = codec.hashed(token), False
        answer: dict[str, Any] = {}
        now = self._clock.now()
        async with self._works.begin() as work:
            found = await self._rows.token(work, token_hash)
            if found is None or found[0].kind is not TokenKind.REFRESH:
                raise _bad("no such refresh token")
            grant = found[1]
            if grant.client_id != who.client.client_id or grant.jkt != who.jkt:
                raise _bad("the refresh token is another client's or bound to another key")
            if grant.status is not GrantState.ACTIVE or now >= found[0].expires_at:
                raise _bad("the grant is over")
            if await self._rows.use_token(work, token_hash, now):
                answer = await self._renewed(work, who, grant, form.get("scope", ""))
            else:
                stolen = True
                await self._sessions.revoke(work, grant, "a refresh token came a second time")
        if stolen:
            self._access.forget_grant(grant.id)
            raise _bad("the refresh token was rotated away: its family is revoked")
        return answer

    async def _renewed(
        self, work: Work, who: Authenticated, grant: Grant, wanted: str
    ) -> dict[str, Any]:
        now = self._clock.now()
        scope = narrowed(wanted, scopes_of(grant.scope))
        if scope is None:
            raise OAuthRefused("invalid_scope", "more than was granted")
        session = await self._rows.session(work, grant.session_id or "")
        try:
            if session is None:
                raise JwtRefused("the session is gone")
            self._sessions.live_until(session, now)
            principal = self._sessions.principal(session)
        except JwtRefused as refused:
            raise _bad(refused.reason) from refused
        await self._rows.touch_session(work, session.id, now)
        answer = await self._issuer.answer(work, who, grant, scope, principal)
        answer["refresh_token"] = await self._issuer.refresh_token(work, grant)
        if "openid" in scopes_of(scope):
            answer["id_token"] = await self._issuer.id_token(
                who.client, grant, principal, None, answer["access_token"]
            )
        return answer

    async def _own(self, who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        scope = narrowed(form.get("scope", ""), who.client.scopes - USER_SCOPES)
        if scope is None:
            raise OAuthRefused("invalid_scope", "a scope that the program may not ask for itself")
        async with self._works.begin() as work:
            grant = await self._issuer.grant(
                work,
                who,
                sub=who.client.client_id,
                session_id=None,
                scope=scope,
                expires_at=self._clock.now() + ACCESS_LIFE,
            )
            return await self._issuer.answer(work, who, grant, scope, None)

    async def _exchange(self, who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        subject = await self._subjects.find(who, form)
        allowed = who.client.may_act_scopes
        if subject.scopes is not None:
            allowed &= subject.scopes
        scope = narrowed(form.get("scope", ""), allowed)
        if scope is None:
            raise OAuthRefused("invalid_scope", "more than the client may do for this citizen")
        actor = " ".join([who.client.client_id, *subject.actor.split()])
        now = self._clock.now()
        async with self._works.begin() as work:
            grant = await self._issuer.grant(
                work,
                who,
                sub=subject.principal.sub,
                session_id=subject.session_id,
                scope=scope,
                actor=actor,
                expires_at=min(now + ACCESS_LIFE, subject.ends),
            )
            answer = await self._issuer.answer(work, who, grant, scope, subject.principal)
        return {**answer, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}


def _bad(reason: str) -> OAuthRefused:
    return OAuthRefused("invalid_grant", reason)
