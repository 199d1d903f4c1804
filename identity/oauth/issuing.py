"""Makes tokens: signed and bound ones, opaque ones, id tokens, rotating refresh tokens."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from identity import codec
from identity.clients.model import Client, CryptoProfile
from identity.model import Principal
from identity.oauth.keys import SigningKeys
from identity.oauth.model import Grant, GrantState, StoredToken, TokenKind, scopes_of
from identity.oauth.ports import OAuthRows
from identity.policy.acr import acr_of
from identity.subjects import PairwiseSubjects
from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import Work

ACCESS_PREFIX: Final = "sdgt_"
REFRESH_PREFIX: Final = "sdrt_"
ACCESS_LIFE: Final = timedelta(seconds=300)
ID_TOKEN_LIFE: Final = timedelta(seconds=300)


@dataclass(frozen=True)
class Authenticated:
    """A client that proved who it is; ``by_jwt`` tells by private_key_jwt from by SDGW1."""

    client: Client
    by_jwt: bool
    jkt: str | None = None
    """Thumbprint of the key that its DPoP proof showed."""

    @property
    def signed(self) -> bool:
        """Whether its access tokens are JWTs: never in ``gm``; in ``dual`` as it authenticated."""
        if self.client.profile is CryptoProfile.DUAL:
            return self.by_jwt
        return self.client.profile is CryptoProfile.INTL


class Issuer:
    """Issues what a grant permits, at ``issuer``, for the interface ``audience``."""

    def __init__(
        self,
        rows: OAuthRows,
        keys: SigningKeys,
        subjects: PairwiseSubjects,
        clock: Clock,
        ids: IdSource,
        *,
        issuer: str,
        audience: str,
    ) -> None:
        self._rows = rows
        self._keys = keys
        self._subjects = subjects
        self._clock = clock
        self._ids = ids
        self.issuer = issuer
        self.audience = audience

    async def grant(
        self,
        work: Work,
        who: Authenticated,
        *,
        sub: str,
        session_id: str | None,
        scope: str,
        actor: str = "",
        expires_at: datetime,
    ) -> Grant:
        """Store and return a new grant."""
        grant = Grant(
            id=self._ids.new("grt"),
            client_id=who.client.client_id,
            sub=sub,
            session_id=session_id,
            scope=scope,
            jkt=who.jkt,
            actor=actor,
            status=GrantState.ACTIVE,
            created_at=self._clock.now(),
            expires_at=expires_at,
        )
        await self._rows.add_grant(work, grant)
        return grant

    async def answer(
        self,
        work: Work,
        who: Authenticated,
        grant: Grant,
        scope: str,
        principal: Principal | None,
        *,
        ends: datetime | None = None,
    ) -> dict[str, Any]:
        """Return the answer of the token endpoint with an access token (RFC 6749, 5.1)."""
        now = self._clock.now()
        until = min(now + ACCESS_LIFE, grant.expires_at, ends or grant.expires_at)
        if who.signed:
            token = await self._signed(who.client, grant, scope, principal, now, until)
        else:
            token = self._ids.secret(ACCESS_PREFIX)
            await self._store(work, token, TokenKind.ACCESS, grant, scope, until)
        return {
            "access_token": token,
            "token_type": "Bearer" if grant.jkt is None else "DPoP",
            "expires_in": int((until - now).total_seconds()),
            "scope": scope,
        }

    async def refresh_token(self, work: Work, grant: Grant) -> str:
        """Return a new refresh token of the family; it ends when the grant does."""
        token = self._ids.secret(REFRESH_PREFIX)
        await self._store(work, token, TokenKind.REFRESH, grant, grant.scope, grant.expires_at)
        return token

    async def id_token(
        self, client: Client, grant: Grant, principal: Principal, nonce: str | None, token: str
    ) -> str:
        """Return an id token for the client (OpenID Connect Core, 2)."""
        now = int(self._clock.now().timestamp())
        half = hashlib.sha256(token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": client.client_id,
            "sub": self.subject(principal.sub, client),
            "iat": now,
            "exp": now + int(ID_TOKEN_LIFE.total_seconds()),
            "jti": self._ids.new("idt"),
            "auth_time": int(principal.auth_time.timestamp()),
            "acr": acr_of(principal.ial, principal.aal),
            "amr": list(principal.amr),
            "sid": grant.session_id,
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return (await self._keys.current()).sign(claims, typ="JWT")

    async def logout_token(self, client: Client, sub: str, session_id: str) -> str:
        """Return a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4)."""
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": client.client_id,
            "sub": self.subject(sub, client),
            "sid": session_id,
            "iat": now,
            "exp": now + 120,
            "jti": self._ids.new("lgt"),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return (await self._keys.current()).sign(claims, typ="logout+jwt")

    def subject(self, sub: str, client: Client) -> str:
        """Return the subject as this client's sector knows it (OpenID Connect Core, 8.1)."""
        return self._subjects.pairwise(sub, client.sector)

    async def _signed(
        self,
        client: Client,
        grant: Grant,
        scope: str,
        principal: Principal | None,
        now: datetime,
        until: datetime,
    ) -> str:
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "client_id": client.client_id,
            "iat": int(now.timestamp()),
            "exp": int(until.timestamp()),
            "jti": self._ids.new("at"),
            "scope": scope,
            "grant": grant.id,
        }
        if principal is None:
            claims["sub"] = client.client_id
        else:
            claims["sub"] = self.subject(principal.sub, client)
            claims["acr"] = acr_of(principal.ial, principal.aal)
            claims["auth_time"] = int(principal.auth_time.timestamp())
        if grant.actor:
            claims["act"] = actors(grant.actor)
        if grant.jkt is not None:
            claims["cnf"] = {"jkt": grant.jkt}
        return (await self._keys.current()).sign(claims, typ="at+jwt")

    async def _store(
        self, work: Work, token: str, kind: TokenKind, grant: Grant, scope: str, until: datetime
    ) -> None:
        stored = StoredToken(
            token_hash=codec.hashed(token),
            grant_id=grant.id,
            kind=kind,
            scope=scope,
            created_at=self._clock.now(),
            expires_at=until,
        )
        await self._rows.add_token(work, stored)


def actors(chain: str) -> Mapping[str, Any]:
    """Return a chain of actors as nested ``act`` claims (RFC 8693, 4.1)."""
    found: dict[str, Any] = {}
    for actor in reversed(chain.split()):
        found = {"sub": actor, "act": found} if found else {"sub": actor}
    return found


def narrowed(wanted: str, allowed: frozenset[str]) -> str | None:
    """Return the wanted scope in one order, or what is allowed when nothing is wanted; None when
    more is wanted than allowed.
    """
    asked = scopes_of(wanted) or allowed
    return " ".join(sorted(asked)) if asked <= allowed and asked else None
