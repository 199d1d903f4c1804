"""JSON Web Tokens: the one room where they are signed and verified (RFC 7515, 7519, 8725, 9449)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

MAX_TOKEN: Final = 8 * 1024
"""Longest token that is looked at, in characters: huge segments fill memory (CVE-2025-61920)."""

ALGORITHMS: Final = ("ES256", "PS256")
"""What we accept by default (FAPI 2.0 Security Profile, 5.4)."""

REQUIRED: Final = ("exp", "iat", "iss", "aud", "sub", "jti")
LEEWAY: Final = timedelta(seconds=30)
_SHORTEST_RSA: Final = 2048
_MAX_TEXT: Final = 512
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_SEGMENTS: Final = 3

Claims = Mapping[str, Any]
Keys: TypeAlias = KeySet
"""Keys by their ``kid``."""


class JwtRefused(Exception):
    """A token is not accepted; ``reason`` is for our log only, never for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Proof:
    """A token that carries its own key (RFC 9449, 4.2): what it says, and whose key it is."""

    claims: Claims
    thumbprint: str
    """RFC 7638, SHA-256, base64url: the value of ``jkt``."""


@dataclass(frozen=True)
class SigningKey:
    """One private ES256 key; ``kid`` is its RFC 7638 thumbprint."""

    kid: str
    _key: ECKey = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key on P-256."""
        return cls._of(ECKey.generate_key("P-256"))

    @classmethod
    def of_text(cls, text: str) -> SigningKey:
        """Return the key that ``as_text`` wrote. Raises ValueError."""
        return cls.of_jwk(json.loads(text))

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, Any]) -> SigningKey:
        """Return the private key of a JWK. Raises ValueError."""
        if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" not in jwk:
            raise ValueError("a signing key is a private key on P-256")
        try:
            return cls._of(ECKey.import_key({n: jwk[n] for n in ("kty", "crv", "x", "y", "d")}))
        except (JoseError, KeyError) as exc:
            raise ValueError("this is not a key") from exc

    @classmethod
    def _of(cls, key: ECKey) -> SigningKey:
        return cls(key.thumbprint(), key)

    def as_text(self) -> str:
        """Return the private key as JSON, to be encrypted."""
        return json.dumps(self._key.as_dict(private=True))

    def public(self) -> dict[str, Any]:
        """Return the public half as a JWK with ``kid``, ``use`` and ``alg``."""
        bare = self._key.as_dict(private=False)
        named = {name: bare[name] for name in ("kty", "crv", "x", "y")}
        return {**named, "kid": self.kid, "use": "sig", "alg": "ES256"}

    def sign(self, claims: Claims, *, typ: str, embed: bool = False) -> str:
        """Return a signed token. ``embed`` puts the public key into its header, as a DPoP proof
        wants it; ``kid`` stands there otherwise.
        """
        header: dict[str, Any] = {"alg": "ES256", "typ": typ}
        if embed:
            bare = self.public()
            header["jwk"] = {name: bare[name] for name in ("kty", "crv", "x", "y")}
        else:
            header["kid"] = self.kid
        return jwt.encode(header, dict(claims), self._key, algorithms=["ES256"])


def public_keys(jwks: Mapping[str, Any]) -> KeySet:
    """Return the keys of a JWK set that somebody gave us. Keys of unknown kinds are left out
    (RFC 7517, 5). Raises ValueError for private or symmetric keys, weak ones, and none at all.
    """
    listed = jwks.get("keys")
    if not isinstance(listed, list):
        raise ValueError("a JWK set has a list of keys")  # noqa: TRY004 - a value read, not a type
    found = [_public_key(jwk) for jwk in listed]
    keys = [key for key in found if key is not None]
    if not keys:
        raise ValueError("the JWK set holds no key that can be used")
    names = [key.kid or key.thumbprint() for key in keys]
    if len(set(names)) != len(names):
        raise ValueError("two keys of the JWK set have the same kid")
    return KeySet(list(keys))


def _public_key(jwk: object) -> ECKey | RSAKey | None:
    if not isinstance(jwk, dict):
        raise ValueError("a key of the JWK set is no object")  # noqa: TRY004 - as above
    if _PRIVATE & jwk.keys():
        raise ValueError("a JWK set for others holds a private or symmetric key")
    kind, use = jwk.get("kty"), jwk.get("use", "sig")
    if kind not in {"EC", "RSA"} or use != "sig":
        return None
    try:
        if kind == "EC":
            return ECKey.import_key(jwk)
        # Before the import, which warns of a weak key and takes it.
        if int.from_bytes(_bytes(str(jwk["n"]))).bit_length() < _SHORTEST_RSA:
            raise ValueError("an RSA key has fewer than 2048 bits")
        return RSAKey.import_key(jwk)
    except (JoseError, ValueError, KeyError, TypeError) as exc:
        raise ValueError("a key of the JWK set cannot be read") from exc


def verify_jwt(
    token: str,
    *,
    keys: KeySet,
    iss: str,
    aud: str,
    typ: str | None,
    now: datetime,
    longest: timedelta,
    algs: Collection[str] = ALGORITHMS,
    leeway: timedelta = LEEWAY,
    required: Collection[str] = REQUIRED,
) -> Claims:
    """Return the claims of a token of ``iss`` for ``aud``.

    ``typ`` None accepts the plain ``JWT`` or no type. ``longest`` bounds the time from now to its
    end. ``aud`` must be the only audience. Raises JwtRefused with the precise reason.
    """
    header = _header(token, algs, typ)
    if not isinstance(header.get("kid"), str):
        raise JwtRefused("the token names no key")
    claims = _decoded(token, keys, algs)
    for name in required:
        if claims.get(name) in (None, "", []):
            raise JwtRefused(f"the claim {name} is missing")
    _require_times(claims, now, longest, leeway)
    if claims.get("iss") != iss:
        raise JwtRefused("another issuer")
    if claims.get("aud") not in (aud, [aud]):
        raise JwtRefused("another audience, or one more than us")
    for name in ("sub", "jti"):
        if name in claims and not is_text(claims[name]):
            raise JwtRefused(f"the claim {name} is not a short text")
    return claims


def unverified_issuer(token: str) -> str:
    """Return who a token says it is from, to find its keys. Raises JwtRefused."""
    return _unverified(token, "iss")


def unverified_audience(token: str) -> str:
    """Return for whom a token says it is, where that alone is a text. Raises JwtRefused."""
    return _unverified(token, "aud")


def _unverified(token: str, name: str) -> str:
    _header(token, ALGORITHMS, None, any_type=True)
    try:
        claims = json.loads(_bytes(token.split(".")[1]))
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise JwtRefused("the claims cannot be read") from exc
    value = claims.get(name) if isinstance(claims, dict) else None
    if not isinstance(value, str) or not is_text(value):
        raise JwtRefused(f"the claim {name} is missing")
    return value


def unverified_kid(token: str) -> str:
    """Return which key a token says it was signed by. Raises JwtRefused."""
    kid = _header(token, ALGORITHMS, None, any_type=True).get("kid")
    if not isinstance(kid, str):
        raise JwtRefused("the token names no key")
    return kid


def open_proof(token: str, *, typ: str, algs: Collection[str] = ALGORITHMS) -> Proof:
    """Return what a token says that is signed by the key in its own header. What it claims is the
    caller's to check. Raises JwtRefused.
    """
    header = _header(token, algs, typ)
    try:
        key = _public_key(header.get("jwk"))
    except ValueError as exc:
        raise JwtRefused(f"the key of the proof: {exc}") from exc
    if key is None:
        raise JwtRefused("the key of the proof is of no kind that we know")
    return Proof(_decoded(token, key, algs), key.thumbprint())


def is_text(value: object) -> bool:
    """Whether a claim is a text of 1 to 512 characters."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_TEXT


def seconds_of(claims: Claims, name: str) -> float:
    """Return a NumericDate (RFC 7519, 2). Raises JwtRefused."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise JwtRefused(f"the claim {name} is not a time")
    return value


def _header(
    token: str, algs: Collection[str], typ: str | None, *, any_type: bool = False
) -> Mapping[str, Any]:
    if len(token) > MAX_TOKEN or not token.isascii():
        raise JwtRefused("the token is too long or not ASCII")
    parts = token.split(".")
    if len(parts) != _SEGMENTS:
        raise JwtRefused("this is not a signed token")
    try:
        header = json.loads(_bytes(parts[0]))
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise JwtRefused("the header cannot be read") from exc
    if not isinstance(header, dict):
        raise JwtRefused("the header is no object")
    if header.get("alg") not in algs:
        raise JwtRefused("the algorithm is not accepted")
    if "crit" in header or "zip" in header or header.get("b64") is False:
        raise JwtRefused("the header demands an extension that we do not know")
    given = header.get("typ")
    if not any_type and (given if typ is not None else given or "JWT") != (typ or "JWT"):
        raise JwtRefused("another type of token")
    return header


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _decoded(token: str, keys: KeySet | ECKey | RSAKey, algs: Collection[str]) -> Claims:
    try:
        return jwt.decode(token, keys, algorithms=list(algs)).claims
    except (JoseError, ValueError, TypeError, RecursionError) as exc:
        raise JwtRefused(f"the signature or the encoding: {type(exc).__name__}") from exc


def _require_times(claims: Claims, now: datetime, longest: timedelta, leeway: timedelta) -> None:
    at, slack = now.timestamp(), leeway.total_seconds()
    exp, iat = seconds_of(claims, "exp"), seconds_of(claims, "iat")
    if at >= exp + slack:
        raise JwtRefused("expired")
    if iat > at + slack:
        raise JwtRefused("issued in the future")
    if exp - at > longest.total_seconds() + slack or exp - iat > longest.total_seconds() + slack:
        raise JwtRefused("valid for too long")
    if "nbf" in claims and seconds_of(claims, "nbf") > at + slack:
        raise JwtRefused("not valid yet")
