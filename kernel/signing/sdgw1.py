"""SDGW1: reads and writes the headers of a signed request, makes and verifies signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kernel.crypto import sm2, sm3
from kernel.signing.canonical import NO_BODY, Covered, NotCanonical

KEY: Final = "X-Gw-Key"
TIMESTAMP: Final = "X-Gw-Timestamp"
NONCE: Final = "X-Gw-Nonce"
ALGORITHM: Final = "X-Gw-Alg"
DIGEST: Final = "X-Gw-Content-SM3"
SIGNATURE: Final = "X-Gw-Signature"
REQUEST_DIGEST: Final = "X-Gw-Request-Digest"
"""On answers: SM3 of the signed text of the request that is answered."""

MAX_SKEW: Final = 300
"""Seconds that the clocks of both sides may differ."""


class Algorithm(StrEnum):
    """How the text is signed."""

    HMAC_SM3 = "HMAC-SM3"
    HMAC_SHA256 = "HMAC-SHA256"
    SM2_SM3 = "SM2-SM3"


class Malformed(ValueError):
    """The headers are not those of SDGW1; the text says which, never its content."""


_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    KEY.lower(): re.compile(r"[a-z0-9-]{3,40}"),
    TIMESTAMP.lower(): re.compile(r"[1-9][0-9]{8,10}"),
    NONCE.lower(): re.compile(r"[A-Za-z0-9_-]{16,40}"),
    ALGORITHM.lower(): re.compile("|".join(Algorithm)),
    DIGEST.lower(): re.compile(r"[0-9a-f]{64}"),
    SIGNATURE.lower(): re.compile(r"[A-Za-z0-9+/]{64,200}={0,2}"),
}
_ONCE: Final = frozenset({*_SHAPES, "idempotency-key", "content-type"})
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Claim:
    """What a request says about itself: the covered parts, and the signature over them."""

    covered: Covered
    algorithm: Algorithm
    signature: str

    @property
    def timestamp(self) -> int:
        """Unix seconds."""
        return int(self.covered.timestamp)


def is_signed(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a request claims to be signed with SDGW1 at all."""
    return any(name.lower().startswith("x-gw-") for name, _ in headers)


def read(method: str, path: str, query: str, headers: Iterable[tuple[str, str]]) -> Claim:
    """Return the claim of a request; path and query as received. Raises Malformed."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.lower()
        if name not in _ONCE:
            continue
        if name in found:
            raise Malformed(f"{name} is there twice")
        found[name] = value
    for name, shape in _SHAPES.items():
        if shape.fullmatch(found.get(name, "")) is None:
            raise Malformed(f"{name} is missing or malformed")
    algorithm = Algorithm(found[ALGORITHM.lower()])
    covered = Covered(
        algorithm=algorithm,
        method=method,
        path=path,
        query=query,
        key_id=found[KEY.lower()],
        timestamp=found[TIMESTAMP.lower()],
        nonce=found[NONCE.lower()],
        idempotency_key=found.get("idempotency-key", ""),
        content_type=found.get("content-type", ""),
        digest=found[DIGEST.lower()],
    )
    return Claim(covered, algorithm, found[SIGNATURE.lower()])


def text_of(claim: Claim) -> bytes:
    """Return the text that the claim's signature must cover. Raises Malformed."""
    try:
        return claim.covered.text()
    except NotCanonical as exc:
        raise Malformed(f"{exc} has no canonical form") from exc


def mac(algorithm: Algorithm, secret: bytes, text: bytes) -> str:
    """Return the signature of a shared secret in hexadecimal."""
    if algorithm is Algorithm.HMAC_SM3:
        return sm3.hmac(secret, text).hex()
    if algorithm is Algorithm.HMAC_SHA256:
        return hmac.new(secret, text, hashlib.sha256).hexdigest()
    raise ValueError("SM2 needs a private key, no shared secret")


def mac_is_right(algorithm: Algorithm, secret: bytes, text: bytes, signature: str) -> bool:
    """Whether a shared secret made the signature; takes the same time for every wrong one."""
    well_formed = _HEXADECIMAL.fullmatch(signature) is not None
    expected = mac(algorithm, secret, text)
    return hmac.compare_digest(expected, signature if well_formed else expected[::-1]) & well_formed


def sm2_is_right(public_key: sm2.PublicKey, text: bytes, signature: str) -> bool:
    """Whether the private half of a key made the signature, base64 of DER SEQUENCE{r, s}."""
    try:
        return sm2.verify(public_key, text, base64.b64decode(signature, validate=True))
    except ValueError:
        return False


def sign(covered: Covered, key: bytes | sm2.PrivateKey) -> dict[str, str]:
    """Return the headers that sign a request. Raises NotCanonical; ValueError for another key."""
    text = covered.text()
    if isinstance(key, bytes):
        signature = mac(Algorithm(covered.algorithm), key, text)
    elif covered.algorithm == Algorithm.SM2_SM3:
        signature = base64.b64encode(sm2.sign(key, text)).decode("ascii")
    else:
        raise ValueError("an SM2 key signs with SM2-SM3 only")
    return {
        KEY: covered.key_id,
        TIMESTAMP: covered.timestamp,
        NONCE: covered.nonce,
        ALGORITHM: covered.algorithm,
        DIGEST: covered.digest,
        SIGNATURE: signature,
    }


def digest_of(body: bytes) -> str:
    """Return the digest header's value."""
    return sm3.digest(body).hex() if body else NO_BODY
