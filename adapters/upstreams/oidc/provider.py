"""What is known of the provider: its metadata and its keys, kept for a while and fetched once
however many wait.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from pydantic import ValidationError

from adapters.kit.kit import Kit
from adapters.upstreams.oidc.options import Options
from adapters.upstreams.oidc.wire import Discovery, Operation
from identity.jose import MAX_TOKEN, public_keys
from kernel.clock import Clock
from kernel.errors import UpstreamProtocolError

_METHOD: Final = "S256"
_CLIENT_AUTH: Final = "private_key_jwt"

T = TypeVar("T")


class Provider:
    """Metadata and keys of one issuer; everything that it says must lie below its own address."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._metadata = Cached(kit.clock, options.keys_seconds, self._fetch_metadata)
        self._keys = Cached(kit.clock, options.keys_seconds, self._fetch_keys)

    async def metadata(self) -> Discovery:
        """Return the provider's metadata; raise the upstream errors."""
        return await self._metadata.get()

    async def keys_for(self, token: str) -> Mapping[str, Any]:
        """Return the JWK set with which a token may be verified.

        A key that is not among them is looked for anew, at most once in ``refetch_seconds``: else
        whoever invents key names makes us flood the provider. ``jku`` and ``x5u`` are never read.
        """
        keys = await self._keys.get()
        kid = _kid(token)
        if kid is None or any(key.get("kid") == kid for key in keys["keys"]):
            return keys
        return await self._keys.get(not_older=timedelta(seconds=self._options.refetch_seconds))

    def path(self, endpoint: str) -> str:
        """Return an endpoint as a path below the base address; raise UpstreamProtocolError for one
        elsewhere: the gateway goes nowhere because a document told it to.
        """
        issuer = self._options.its_issuer
        if not endpoint.startswith(f"{issuer}/"):
            raise UpstreamProtocolError("an endpoint lies outside the issuer's address")
        return endpoint.removeprefix(issuer)

    async def _fetch_metadata(self) -> Discovery:
        path = self._options.discovery_path
        raw = await self._kit.client.request_json(Operation.DISCOVERY, "GET", path)
        try:
            found = Discovery.model_validate(raw)
        except ValidationError:
            raise UpstreamProtocolError("not proper provider metadata") from None
        if found.issuer != self._options.its_issuer:
            raise UpstreamProtocolError("the metadata are another issuer's")
        if _METHOD not in found.code_challenge_methods_supported:
            raise UpstreamProtocolError("the provider does not offer PKCE with S256")
        if _CLIENT_AUTH not in found.token_endpoint_auth_methods_supported:
            raise UpstreamProtocolError("the provider does not offer private_key_jwt")
        for endpoint in (found.token_endpoint, found.userinfo_endpoint, found.jwks_uri):
            self.path(endpoint)
        return found

    async def _fetch_keys(self) -> Mapping[str, Any]:
        path = self.path((await self.metadata()).jwks_uri)
        raw = await self._kit.client.request_json(Operation.JWKS, "GET", path)
        if not isinstance(raw, dict):
            raise UpstreamProtocolError("the keys are not an object")
        try:
            public_keys(raw)
        except ValueError as exc:
            raise UpstreamProtocolError(f"the keys cannot be used: {exc}") from None
        return raw


class Cached(Generic[T]):
    """One value that is fetched when it is needed and too old."""

    def __init__(self, clock: Clock, seconds: int, fetch: Callable[[], Awaitable[T]]) -> None:
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._kept: tuple[T, datetime] | None = None

    async def get(self, *, not_older: timedelta | None = None) -> T:
        """Return the value, no older than its life and than ``not_older``."""
        life = self._life if not_older is None else min(self._life, not_older)
        if (fresh := self._fresh(life)) is not None:
            return fresh[0]
        async with self._lock:
            # Whoever waited here finds what the first one fetched.
            if (fresh := self._fresh(life)) is not None:
                return fresh[0]
            began = self._clock.now()
            value = await self._fetch()
            self._kept = (value, began)
            return value

    def _fresh(self, life: timedelta) -> tuple[T, datetime] | None:
        kept = self._kept
        return kept if kept is not None and self._clock.now() - kept[1] < life else None


def _kid(token: str) -> str | None:
    """Return the key's name in a header that nobody has verified yet."""
    if len(token) > MAX_TOKEN:
        return None
    head = token.partition(".")[0]
    try:
        header: Any = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None
