"""The simulated provider's keys and tokens, true ones and, on demand, every kind of wrong one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SIZE: Final = 32
WRONGS: Final = frozenset(
    {
        *(
            "alg_none",
            "alg_hs256",
            "alg_label",
            "unknown_kid",
            "no_kid",
            "jwk_header",
            "jku_header",
        ),
        *("crit", "oversize", "expired", "not_yet", "long_lived", "no_nonce", "other_nonce"),
        *("other_iss", "other_aud", "more_aud", "other_azp", "other_at_hash", "no_exp", "tampered"),
        *("odd_amr", "odd_sub"),
    }
)
"""What can be wrong with an id_token."""
_WRONG_CLAIMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no_nonce": {"nonce": None},
    "other_nonce": {"nonce": "A" * 43},
    "other_iss": {"iss": "https://other.invalid"},
    "other_aud": {"aud": "somebody-else"},
    "other_azp": {"azp": "somebody-else"},
    "other_at_hash": {"at_hash": "A" * 22},
    "no_exp": {"exp": None},
    "oversize": {"padding": "x" * 9_000},
    "odd_amr": {"amr": "pwd"},
    "odd_sub": {"sub": 42},
}


class Key:
    """One signing key on P-256."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> Key:
        """Return a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def of(cls, scalar: str) -> Key:
        """Return the key of the member ``d`` of its JWK."""
        number = int.from_bytes(base64.urlsafe_b64decode(scalar + "="))
        return cls(ec.derive_private_key(number, ec.SECP256R1()))

    @property
    def scalar(self) -> str:
        """Return the member ``d`` of its JWK."""
        return text(self._private.private_numbers().private_value.to_bytes(SIZE))

    def public(self) -> dict[str, str | list[str]]:
        """Return the public JWK; ``kid`` is its thumbprint (RFC 7638)."""
        point = self._private.public_key().public_numbers()
        bare: dict[str, str | list[str]] = {
            "crv": "P-256",
            "kty": "EC",
            "x": text(point.x.to_bytes(SIZE)),
            "y": text(point.y.to_bytes(SIZE)),
        }
        thumb = hashlib.sha256(json.dumps(bare, separators=(",", ":")).encode()).digest()
        return {**bare, "kid": text(thumb), "use": "sig", "alg": "ES256"}

    def sign(self, covered: bytes) -> bytes:
        """Return R and S (RFC 7518, 3.4)."""
        r, s = decode_dss_signature(self._private.sign(covered, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(SIZE) + s.to_bytes(SIZE)


def text(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256 (Core 1.0, 3.1.3.6)."""
    return text(hashlib.sha256(access_token.encode()).digest()[:16])


def id_token(claims: Mapping[str, Any], key: Key, wrong: str = "") -> str:
    """Return an id_token, wrong in one way of WRONGS or right."""
    body = {**claims, **_WRONG_CLAIMS.get(wrong, {})}
    if wrong == "expired":
        body |= {"iat": body["iat"] - 900, "exp": body["iat"] - 600}
    elif wrong == "not_yet":
        body |= {"iat": body["iat"] + 600, "exp": body["exp"] + 600}
    elif wrong == "long_lived":
        body |= {"exp": body["iat"] + 10 * 365 * 86_400}
    elif wrong == "more_aud":
        body |= {"aud": [body["aud"], "somebody-else"]}
    return _signed({name: value for name, value in body.items() if value is not None}, key, wrong)


def _signed(body: Mapping[str, Any], key: Key, wrong: str) -> str:
    header: dict[str, Any] = {"alg": "ES256", "kid": key.public()["kid"]}
    stranger = Key.generate()
    match wrong:
        case "alg_none":
            header["alg"] = "none"
        case "alg_hs256":
            header["alg"] = "HS256"
        case "alg_label":
            header["alg"] = "ES512"
        case "unknown_kid":
            header["kid"], key = stranger.public()["kid"], stranger
        case "no_kid":
            del header["kid"]
        case "jwk_header":
            header |= {"jwk": stranger.public()}
            key = stranger
        case "jku_header":
            header |= {"jku": "https://attacker.invalid/jwks", "kid": stranger.public()["kid"]}
            key = stranger
        case "crit":
            header |= {"crit": ["exp"], "exp": 1}
    covered = f"{_segment(header)}.{_segment(body)}"
    return f"{covered}.{text(_signature(covered, key, wrong))}"


def _signature(covered: str, key: Key, wrong: str) -> bytes:
    if wrong == "alg_none":
        return b""
    if wrong == "alg_hs256":
        # The oldest trick: our own public key as the secret of a MAC.
        secret = json.dumps(key.public(), separators=(",", ":")).encode()
        return hmac.digest(secret, covered.encode(), "sha256")
    made = key.sign(covered.encode())
    return made[:-1] + bytes([made[-1] ^ 1]) if wrong == "tampered" else made


def _segment(part: Mapping[str, Any]) -> str:
    return text(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())
