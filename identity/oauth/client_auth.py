"""How a client proves who it is at our endpoints: private_key_jwt, checked to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from identity.clients.model import Client, CryptoProfile
from identity.clients.service import ClientRegistry
from identity.jose import JwtRefused, public_keys, seconds_of, unverified_issuer, verify_jwt
from identity.oauth.errors import OAuthRefused
from identity.oauth.replay import Replays
from kernel.clock import Clock

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST: Final = timedelta(seconds=300)
_WAYS: Final = frozenset({"client_assertion", "client_assertion_type", "client_secret"})
_MAX_JTI: Final = 128
_TYPES: Final = (None, "client-authentication+jwt")


class ClientAuthenticator:
    """Finds out which client calls (RFC 7523; FAPI 2.0 Security Profile, 5.3.2.1)."""

    def __init__(
        self, registry: ClientRegistry, replays: Replays, clock: Clock, issuer: str
    ) -> None:
        self._registry = registry
        self._replays = replays
        self._clock = clock
        self._issuer = issuer

    async def by_assertion(self, form: Mapping[str, str]) -> Client:
        """Return the client whose assertion this is. Raises OAuthRefused ``invalid_client``."""
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_secret" in form:
            raise _refused("the client did not authenticate by private_key_jwt")
        token = form.get("client_assertion", "")
        try:
            client = await self._known(unverified_issuer(token))
            claims = self._verified(token, client)
        except JwtRefused as refused:
            raise _refused(refused.reason) from refused
        if claims["sub"] != client.client_id:
            raise _refused("the assertion is about somebody else")
        if form.get("client_id", client.client_id) != client.client_id:
            raise _refused("client_id names somebody else")
        if claims["aud"] != self._issuer:
            raise _refused("the audience is not the issuer as a single text")
        jti = str(claims["jti"])
        if len(jti) > _MAX_JTI:
            raise _refused("the id of the assertion is too long")
        until = datetime.fromtimestamp(seconds_of(claims, "exp"), UTC) + timedelta(seconds=60)
        if not await self._replays.first(client.client_id, jti, until):
            raise _refused("the assertion was used before")
        return client

    @staticmethod
    def require_signer(client: Client, form: Mapping[str, str]) -> None:
        """Refuse a client that signed its request but has to authenticate in another way.

        Raises OAuthRefused: of ``intl`` only private_key_jwt is taken; nobody authenticates twice
        (RFC 6749, 2.3).
        """
        if _WAYS.intersection(form):
            raise OAuthRefused("invalid_request", "the client authenticates in two ways")
        if client.profile is CryptoProfile.INTL:
            raise _refused("this profile authenticates by private_key_jwt only")
        if form.get("client_id", client.client_id) != client.client_id:
            raise _refused("client_id names somebody else")

    async def active(self, client_id: str) -> Client:
        """Return a client that may call. Raises OAuthRefused ``invalid_client``."""
        return await self._known(client_id)

    async def _known(self, client_id: str) -> Client:
        client = await self._registry.find(client_id)
        if client is None or not client.active(self._clock.now()):
            raise _refused("no such client, or not now")
        return client

    def _verified(self, token: str, client: Client) -> Mapping[str, object]:
        if client.jwks is None:
            raise _refused("the client registered no keys")
        try:
            keys = public_keys(client.jwks)
        except ValueError as exc:
            raise _refused(f"the client's keys: {exc}") from exc
        refused = JwtRefused("no type")
        for typ in _TYPES:
            try:
                return verify_jwt(
                    token,
                    keys=keys,
                    iss=client.client_id,
                    aud=self._issuer,
                    typ=typ,
                    now=self._clock.now(),
                    longest=_LONGEST,
                )
            except JwtRefused as exc:
                # The second type's complaint of a token of the first type would hide the reason.
                refused = refused if "another type" in exc.reason else exc
        raise refused


def _refused(reason: str) -> OAuthRefused:
    return OAuthRefused("invalid_client", reason)
