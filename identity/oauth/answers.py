"""What others may ask about tokens and people: introspection, revocation, userinfo."""

from __future__ import annotations

from typing import Any, Final

from identity import codec
from identity.clients.model import Client, ClientKind
from identity.clients.service import ClientRegistry
from identity.jose import JwtRefused
from identity.oauth.access import AccessVerifier
from identity.oauth.issuing import REFRESH_PREFIX, Authenticated, Issuer, actors
from identity.oauth.model import Access
from identity.oauth.ports import OAuthRows
from identity.oauth.sessions import Sessions
from identity.policy.acr import acr_of
from kernel.work import WorkSource

_ASKERS: Final = frozenset({ClientKind.DEPT_SYSTEM, ClientKind.OPS})
"""Who may ask about tokens of others: systems that are shown them (RFC 7662, 2.1)."""
INACTIVE: Final = {"active": False}


class Answers:
    """Answers questions about what was issued."""

    def __init__(
        self,
        rows: OAuthRows,
        works: WorkSource,
        registry: ClientRegistry,
        issuer: Issuer,
        sessions: Sessions,
        access: AccessVerifier,
    ) -> None:
        self._rows = rows
        self._works = works
        self._registry = registry
        self._issuer = issuer
        self._sessions = sessions
        self._access = access

    async def introspect(self, who: Authenticated, token: str) -> dict[str, Any]:
        """Return what a token is (RFC 7662); nothing but ``active`` when it is not live, or none of
        this client's business.
        """
        try:
            access = await self._access.resolve(token)
        except JwtRefused:
            return dict(INACTIVE)
        own = access.client_id == who.client.client_id
        if not own and who.client.kind not in _ASKERS:
            return dict(INACTIVE)
        owner = await self._registry.find(access.client_id)
        return dict(INACTIVE) if owner is None else self._described(access, owner)

    async def revoke(self, who: Authenticated, token: str) -> None:
        """Revoke a token of this client with its whole family (RFC 7009); another's is left."""
        async with self._works.begin() as work:
            found = await self._rows.token(work, codec.hashed(token))
            if found is not None and found[1].client_id == who.client.client_id:
                await self._sessions.revoke(work, found[1], "the client revoked it")
                self._access.forget_grant(found[1].id)
                return
        if token.startswith(REFRESH_PREFIX):
            return
        try:
            access = await self._access.resolve(token)
        except JwtRefused:
            return
        if access.client_id != who.client.client_id:
            return
        async with self._works.begin() as work:
            grant = await self._rows.grant(work, access.grant_id)
            if grant is not None:
                await self._sessions.revoke(work, grant, "the client revoked it")
        self._access.forget_grant(access.grant_id)

    async def userinfo(self, access: Access, client: Client) -> dict[str, Any]:
        """Return what the scopes of a token permit to know (OpenID Connect Core, 5.3).

        The id number needs the scope ``identity`` and a registered purpose (个人信息处理目的).
        """
        principal = access.principal
        if principal is None:
            return {"sub": access.client_id}
        told: dict[str, Any] = {"sub": self._issuer.subject(principal.sub, client)}
        told["user_type"] = str(principal.user_type)
        told["acr"] = acr_of(principal.ial, principal.aal)
        if "profile" in access.scopes:
            told["name"] = principal.person.name
            if principal.org is not None:
                told["org_name"] = principal.org.name
                told["acting_role"] = str(principal.acting_role)
        if "identity" in access.scopes and client.purpose_codes:
            told["id_type"] = str(principal.person.id_type)
            told["id_number"] = principal.person.id_number
            if principal.org is not None:
                told["uscc"] = principal.org.uscc
        return told

    def _described(self, access: Access, owner: Client) -> dict[str, Any]:
        told: dict[str, Any] = {
            "active": True,
            "iss": self._issuer.issuer,
            "aud": self._issuer.audience,
            "client_id": access.client_id,
            "scope": " ".join(sorted(access.scopes)),
            "iat": int(access.issued_at.timestamp()),
            "exp": int(access.expires_at.timestamp()),
            "token_type": "Bearer" if access.jkt is None else "DPoP",
            "sub": access.client_id,
        }
        if access.principal is not None:
            told["sub"] = self._issuer.subject(access.principal.sub, owner)
            told["acr"] = acr_of(access.principal.ial, access.principal.aal)
            told["auth_time"] = int(access.principal.auth_time.timestamp())
        if access.jkt is not None:
            told["cnf"] = {"jkt": access.jkt}
        if access.actor:
            told["act"] = actors(access.actor)
        return told
