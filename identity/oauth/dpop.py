"""Proof of possession (DPoP, RFC 9449): whoever holds a token also holds its key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from identity.jose import JwtRefused, is_text, open_proof, seconds_of
from identity.oauth.errors import OAuthRefused
from identity.oauth.replay import Replays
from kernel.clock import Clock
from kernel.crypto import sm3

WINDOW: Final = timedelta(seconds=60)
"""How far the time of a proof may be from ours."""
REMEMBERED: Final = timedelta(seconds=120)
"""How long the id of a proof is remembered."""
_NONCE_SECONDS: Final = 120
_MAX_JTI: Final = 128
_PORTS: Final = {"https": 443, "http": 80}
_PURPOSE: Final = b"identity.dpop\x01"


class DpopVerifier:
    """Checks proofs. ``nonces`` demands one of ours in each (RFC 9449, 8); they are computed, not
    stored, and live up to four minutes.
    """

    def __init__(self, replays: Replays, clock: Clock, key: bytes, *, nonces: bool) -> None:
        self._replays = replays
        self._clock = clock
        self._key = sm3.hmac(key, _PURPOSE)
        self._nonces = nonces

    def nonce(self) -> str | None:
        """Return the nonce that proofs should carry now; None where none is demanded."""
        return self._nonce(0) if self._nonces else None

    async def verify(
        self, proofs: Sequence[str], method: str, url: str, *, access_token: str | None = None
    ) -> str:
        """Return the thumbprint of the key behind the one proof for this request.

        ``url`` is the public address without query. Raises OAuthRefused: ``invalid_dpop_proof`` or
        ``use_dpop_nonce``.
        """
        if len(proofs) != 1:
            raise _refused("exactly one DPoP header is needed")
        try:
            proof = open_proof(proofs[0], typ="dpop+jwt", algs=("ES256",))
            issued = seconds_of(proof.claims, "iat")
        except JwtRefused as refused:
            raise _refused(refused.reason) from refused
        claims, now = proof.claims, self._clock.now()
        jti = claims.get("jti")
        if not is_text(jti) or len(str(jti)) > _MAX_JTI:
            raise _refused("the proof has no id")
        if claims.get("htm") != method:
            raise _refused("the proof is for another method")
        if not isinstance(claims.get("htu"), str) or not _same(str(claims["htu"]), url):
            raise _refused("the proof is for another address")
        if abs(now.timestamp() - issued) > WINDOW.total_seconds():
            raise _refused("the proof is too old or from the future")
        if access_token is not None:
            wanted = hashlib.sha256(access_token.encode()).digest()
            if claims.get("ath") != base64.urlsafe_b64encode(wanted).rstrip(b"=").decode():
                raise _refused("the proof is for another token")
        self._require_nonce(claims.get("nonce"))
        if not await self._replays.first(proof.thumbprint, str(jti), now + REMEMBERED):
            raise _refused("the proof was used before")
        return proof.thumbprint

    def _require_nonce(self, given: object) -> None:
        if not self._nonces:
            return
        good = (self._nonce(0), self._nonce(-1))
        if not isinstance(given, str) or not any(
            hmac.compare_digest(given.encode(), one.encode()) for one in good
        ):
            raise OAuthRefused("use_dpop_nonce", "no nonce or an old one", nonce=self._nonce(0))

    def _nonce(self, shift: int) -> str:
        period = int(self._clock.now().timestamp()) // _NONCE_SECONDS + shift
        return base64.urlsafe_b64encode(sm3.hmac(self._key, str(period).encode())[:18]).decode()


def _refused(reason: str) -> OAuthRefused:
    return OAuthRefused("invalid_dpop_proof", reason)


def _same(htu: str, url: str) -> bool:
    """Compare scheme, host, port and path (RFC 9449, 4.3, step 9); query and fragment are out."""
    try:
        return _parts(htu) == _parts(url)
    except ValueError:
        return False


def _parts(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address of ours names no user")
    scheme = parts.scheme.lower()
    return scheme, parts.hostname, parts.port or _PORTS.get(scheme), parts.path or "/"
