"""Verifies access tokens on the way into the interface: opaque and signed, bound and free."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from identity import codec
from identity.cache import VerifiedTokens
from identity.jose import JwtRefused, unverified_kid, verify_jwt
from identity.model import Principal, is_secret
from identity.oauth.dpop import DpopVerifier
from identity.oauth.errors import OAuthRefused, TokenRefused
from identity.oauth.issuing import ACCESS_LIFE, ACCESS_PREFIX
from identity.oauth.keys import SigningKeys
from identity.oauth.model import Access, Grant, GrantState, SessionSeen, TokenKind, scopes_of
from identity.oauth.ports import AccessRows, OAuthRows
from identity.oauth.sessions import Sessions
from kernel.clock import Clock
from kernel.work import WorkSource

_TOUCH: Final = timedelta(minutes=1)


class AccessVerifier:
    """Tells whom a token stands for. What was verified is believed for ``cache_seconds``; a logout
    in this process takes effect at once.
    """

    def __init__(
        self,
        rows: OAuthRows,
        short: AccessRows,
        works: WorkSource,
        clock: Clock,
        keys: SigningKeys,
        sessions: Sessions,
        dpop: DpopVerifier,
        cache: VerifiedTokens[Access],
        *,
        issuer: str,
        audience: str,
    ) -> None:
        self._rows = rows
        self._short = short
        self._works = works
        self._clock = clock
        self._keys = keys
        self._sessions = sessions
        self._dpop = dpop
        self._cache = cache
        self._issuer = issuer
        self._audience = audience

    async def authenticate(
        self, scheme: str, token: str, proofs: Sequence[str], method: str, url: str
    ) -> Access:
        """Return what a token permits, for the request that carries it.

        ``scheme`` is the one of the Authorization header in lower case, ``proofs`` the DPoP
        headers, ``url`` the public address. Raises TokenRefused.
        """
        try:
            access = await self.resolve(token)
        except JwtRefused as refused:
            raise TokenRefused(refused.reason, dpop=scheme == "dpop") from refused
        if access.jkt is None:
            if scheme != "bearer":
                raise TokenRefused("the token is bound to no key but was sent with a proof")
            return access
        if scheme != "dpop":
            raise TokenRefused("a bound token came without a proof", dpop=True)
        try:
            jkt = await self._dpop.verify(proofs, method, url, access_token=token)
        except OAuthRefused as refused:
            raise TokenRefused(refused.reason, nonce=refused.nonce, dpop=True) from refused
        if jkt != access.jkt:
            raise TokenRefused("the proof is by another key", dpop=True)
        return access

    async def resolve(self, token: str) -> Access:
        """Return what a token permits, whoever holds it. Raises JwtRefused with the reason."""
        token_hash = codec.hashed(token)
        known = self._cache.get(token_hash)
        if known is not None:
            return known
        generation = self._cache.generation
        if token.startswith(ACCESS_PREFIX):
            access, until = await self._opaque(token, token_hash)
        else:
            access, until = await self._jwt(token)
        self._cache.put(token_hash, access, until, generation=generation)
        return access

    def forget(self, session_id: str) -> None:
        """Forget every token of a session that has just ended or changed here."""
        self._cache.drop_where(lambda access: access.session_id == session_id)
        self._sessions.forget(session_id)

    def forget_grant(self, grant_id: str) -> None:
        """Forget every token of a grant that has just been revoked here."""
        self._cache.drop_where(lambda access: access.grant_id == grant_id)

    async def _opaque(self, token: str, token_hash: str) -> tuple[Access, datetime]:
        if not is_secret(token.removeprefix(ACCESS_PREFIX)):
            raise JwtRefused("not a token of this gateway")
        found = await self._short.find(token_hash)
        if found is None or found.token.kind is not TokenKind.ACCESS:
            raise JwtRefused("no such token")
        stored, grant, session = found.token, found.grant, found.session
        until = self._live(grant, stored.expires_at)
        principal, until = await self._who(grant, session, until)
        return _access(grant, stored.scope, principal, stored.created_at, stored.expires_at), until

    async def _jwt(self, token: str) -> tuple[Access, datetime]:
        now = self._clock.now()
        kid = unverified_kid(token)
        claims = verify_jwt(
            token,
            keys=await self._keys.verifying(kid),
            iss=self._issuer,
            aud=self._audience,
            typ="at+jwt",
            algs=("ES256",),
            now=now,
            longest=ACCESS_LIFE,
            leeway=timedelta(0),
        )
        session = None
        async with self._works.read() as work:
            grant = await self._rows.grant(work, str(claims.get("grant", "")))
            if grant is not None and grant.session_id is not None:
                session = await self._rows.session(work, grant.session_id)
        if grant is None or grant.client_id != claims.get("client_id"):
            raise JwtRefused("the grant is gone")
        if (claims.get("cnf") or {}).get("jkt") != grant.jkt:
            raise JwtRefused("the token is bound to another key than its grant")
        ends = datetime.fromtimestamp(int(claims["exp"]), now.tzinfo)
        principal, until = await self._who(grant, session, self._live(grant, ends))
        begun = datetime.fromtimestamp(int(claims["iat"]), now.tzinfo)
        return _access(grant, str(claims.get("scope", "")), principal, begun, ends), until

    def _live(self, grant: Grant, ends: datetime) -> datetime:
        if grant.status is not GrantState.ACTIVE:
            raise JwtRefused("the grant was revoked")
        until = min(grant.expires_at, ends)
        if self._clock.now() >= until:
            raise JwtRefused("expired")
        return until

    async def _who(
        self, grant: Grant, session: SessionSeen | None, until: datetime
    ) -> tuple[Principal | None, datetime]:
        if grant.session_id is None:
            return None, until
        if session is None:
            raise JwtRefused("the session is gone")
        until = min(until, self._sessions.live_until(session, self._clock.now()))
        principal = self._sessions.principal(session)
        await self._touch(session.id, session.last_seen_at)
        return principal, until

    async def _touch(self, session_id: str, seen: datetime | None) -> None:
        now = self._clock.now()
        if seen is None or now - seen >= _TOUCH:
            async with self._works.begin() as work:
                await self._rows.touch_session(work, session_id, now)


def _access(
    grant: Grant, scope: str, principal: Principal | None, begun: datetime, ends: datetime
) -> Access:
    return Access(
        client_id=grant.client_id,
        grant_id=grant.id,
        session_id=grant.session_id,
        principal=principal,
        scopes=scopes_of(scope),
        jkt=grant.jkt,
        actor=grant.actor,
        issued_at=begun,
        expires_at=ends,
    )
