"""The messages of OpenID Connect that are used here, with the standards' names."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, 2.2."""


class Operation:
    """Names of the manifest's operations."""

    DISCOVERY: Final = "discovery"
    JWKS: Final = "jwks"
    PAR: Final = "par"
    TOKEN: Final = "token"
    USERINFO: Final = "userinfo"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")


Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s#]+$", max_length=1_000)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=8_192)]


class Discovery(_Message):
    """Provider metadata (Discovery 1.0, 3; RFC 9126, 5; RFC 9207, 3)."""

    issuer: Url
    authorization_endpoint: Url
    token_endpoint: Url
    userinfo_endpoint: Url
    jwks_uri: Url
    pushed_authorization_request_endpoint: Url | None = None
    require_pushed_authorization_requests: bool = False
    end_session_endpoint: Url | None = None
    authorization_response_iss_parameter_supported: bool = False
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ()


class Pushed(_Message):
    """Answer of the pushed authorization request endpoint (RFC 9126, 2.2)."""

    request_uri: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Tokens(_Message):
    """Answer of the token endpoint (Core 1.0, 3.1.3.3)."""

    access_token: Secret = Field(repr=False)
    token_type: Annotated[str, StringConstraints(max_length=40)]
    id_token: Annotated[str, StringConstraints(min_length=1, max_length=65_536)] = Field(repr=False)


class Kept(_Message):
    """What a session keeps of a login: it is stored encrypted, as JSON, and never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: Secret = Field(repr=False)
    id_token: Secret = Field(repr=False)
    sub: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(repr=False)
    acr: str | None = None
    amr: tuple[str, ...] = ()
    auth_time: int
    """Seconds since 1970, UTC."""
    end_session: Url | None = None


Userinfo = dict[str, Any]
"""Claims about the user (Core 1.0, 5.3.2); which of them mean what is an option."""
