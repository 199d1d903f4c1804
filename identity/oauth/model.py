"""What an authorization server remembers: pushed requests, grants with their tokens, and keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from identity.errors import AcrUnknown
from identity.model import Principal
from identity.policy.acr import Levels, levels_of

USER_SCOPES: Final = frozenset({"openid", "profile", "identity", "offline_access"})
"""What only a citizen who signed in can give."""


class GrantState(StrEnum):
    """Whether anything that was issued under a grant still works."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"


class TokenKind(StrEnum):
    """What a stored token can do."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, kw_only=True)
class PushedRequest:
    """推送的授权请求 (RFC 9126): what a client wants, checked before any browser sees it."""

    id: str
    uri_hash: str
    client_id: str
    redirect_uri: str
    scope: str
    state: str
    nonce: str | None
    code_challenge: str
    acr_values: str
    max_age: int | None
    prompt: str
    idp: str
    user_type: str
    jkt: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    state_hash: str | None = None
    """Hash of the login's one-time state, once the browser left for the province."""
    session_id: str | None = None
    """The session that came of it."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """授权: what one client may do, for whom, until when. Its tokens are one family."""

    id: str
    client_id: str
    sub: str
    """The gateway's own subject, or the client's id where nobody signed in."""
    session_id: str | None
    scope: str
    jkt: str | None
    """Thumbprint of the only key that may use it (RFC 9449)."""
    actor: str
    """Who acts for the subject, the latest first, separated by blanks; empty without delegation."""
    status: GrantState
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredToken:
    """One opaque token; only its hash is kept."""

    token_hash: str
    grant_id: str
    kind: TokenKind
    scope: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    """When a refresh token was rotated away."""


@dataclass(frozen=True, kw_only=True)
class SessionSeen:
    """What the check of a token needs to know of the session behind it."""

    id: str
    status: str
    principal: bytes | None = field(repr=False)
    last_seen_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SessionView(SessionSeen):
    """What a grant needs to know of the session behind it."""

    sub: str
    client_id: str
    idp: str
    code_challenge: str
    code_expires_at: datetime
    upstream: bytes | None = field(repr=False)


@dataclass(frozen=True)
class TokenFound:
    """A stored token with what it stands on; no session where a program calls for itself."""

    token: StoredToken
    grant: Grant
    session: SessionSeen | None


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """A signing key of the gateway; ``private`` is encrypted."""

    kid: str
    private: bytes = field(repr=False)
    created_at: datetime
    starts_at: datetime
    """From when on it signs; it is published from the beginning."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """A verified access token: whom it stands for, and what it permits."""

    client_id: str
    grant_id: str
    session_id: str | None
    principal: Principal | None
    """None where a program calls for itself."""
    scopes: frozenset[str]
    jkt: str | None
    actor: str
    issued_at: datetime
    expires_at: datetime


def level_of(acr: str) -> Levels | None:
    """Return the levels of proofing and strength that an ``acr`` means; None for a stranger's."""
    try:
        return levels_of(acr)
    except AcrUnknown:
        return None


def scopes_of(text: str) -> frozenset[str]:
    """Return the scopes in a blank-separated list (RFC 6749, 3.3)."""
    return frozenset(text.split())
