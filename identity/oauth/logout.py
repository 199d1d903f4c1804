"""The way out: a browser ends its session here, and every client hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from identity.clients.model import Client
from identity.clients.service import ClientRegistry
from identity.jose import JwtRefused, unverified_audience, unverified_kid, verify_jwt
from identity.oauth.access import AccessVerifier
from identity.oauth.errors import AuthorizeRefused
from identity.oauth.issuing import Issuer
from identity.oauth.keys import SigningKeys
from identity.oauth.ports import OAuthRows
from identity.oauth.sessions import Sessions
from kernel.clock import Clock
from kernel.work import WorkSource

_OLD: Final = timedelta(days=3650)


class Logout:
    """RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0) and back-channel logout."""

    def __init__(
        self,
        rows: OAuthRows,
        works: WorkSource,
        clock: Clock,
        registry: ClientRegistry,
        keys: SigningKeys,
        issuer: Issuer,
        sessions: Sessions,
        access: AccessVerifier,
    ) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._registry = registry
        self._keys = keys
        self._issuer = issuer
        self._sessions = sessions
        self._access = access

    async def end(self, params: Mapping[str, str]) -> str:
        """End the session of an id token and return where to send the browser.

        Without a registered ``post_logout_redirect_uri`` that is our own front page. Raises
        AuthorizeRefused.
        """
        hint = params.get("id_token_hint", "")
        try:
            client, session_id = await self._of_hint(hint, params.get("client_id"))
        except JwtRefused as refused:
            raise AuthorizeRefused(f"id_token_hint: {refused.reason}") from refused
        after = self._after(client, params)
        return await self.end_session(session_id, after) or after

    async def end_session(self, session_id: str, after: str) -> str | None:
        """End a session by its own token; return where the browser ends the province's one."""
        async with self._works.begin() as work:
            session = await self._rows.session(work, session_id)
            if session is None:
                return None
            try:
                upstream = self._sessions.upstream_logout(session, after)
            except JwtRefused:
                upstream = None
            await self._sessions.end(work, session)
        self._access.forget(session_id)
        return upstream

    async def notice(self, client_id: str, sub: str, session_id: str) -> tuple[str, str] | None:
        """Return the address and the logout token for a client; None when it wants no notice."""
        client = await self._registry.find(client_id)
        if client is None or client.backchannel_logout_uri is None:
            return None
        token = await self._issuer.logout_token(client, sub, session_id)
        return client.backchannel_logout_uri, token

    async def _of_hint(self, hint: str, client_id: str | None) -> tuple[Client, str]:
        # Long expired is fine: it only says whose session is meant (RP-Initiated Logout, 2).
        audience = unverified_audience(hint)
        claims = verify_jwt(
            hint,
            keys=await self._keys.verifying(unverified_kid(hint)),
            iss=self._issuer.issuer,
            aud=client_id or audience,
            typ=None,
            algs=("ES256",),
            now=self._clock.now(),
            longest=_OLD,
            leeway=_OLD,
        )
        client = await self._registry.find(audience)
        session_id = claims.get("sid")
        if client is None or not isinstance(session_id, str):
            raise JwtRefused("the client or the session of the token is unknown")
        return client, session_id

    def _after(self, client: Client, params: Mapping[str, str]) -> str:
        wanted = params.get("post_logout_redirect_uri")
        if wanted is None:
            return self._issuer.issuer
        if wanted not in client.post_logout_uris:
            raise AuthorizeRefused("the post_logout_redirect_uri is not registered")
        state = params.get("state")
        if state is None:
            return wanted
        parts = urlsplit(wanted)
        own = urlencode({"state": state[:512]})
        return urlunsplit(parts._replace(query=f"{parts.query}&{own}" if parts.query else own))
