"""Finds out which program calls (接入应用): checks the signature of its request, in a fixed order.

Whatever is wrong, the caller is told the same; which check failed stands in log and metric. Only a
clock that is off is told as such, to everybody alike.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

import structlog
from fastapi import Request
from prometheus_client import Counter

from gateway.api.callers import Services, address_of, container_of
from gateway.api.limiter import Rates
from gateway.api.peer import is_allowed
from gateway.container import Container
from identity import SM2_ONLY, Client, ClientKey, CryptoProfile, KeyKind
from kernel.crypto import sm2, sm3
from kernel.errors import Forbidden, Text, Unauthenticated
from kernel.signing import messages, sdgw1
from kernel.signing.canonical import NotCanonical, canonical_path
from kernel.signing.sdgw1 import Algorithm, Malformed

NONCE_LIFE: Final = timedelta(seconds=2 * sdgw1.MAX_SKEW)
_NOBODY: Final = bytes(32)
"""Secret of a key that does not exist, so that its requests take as long as others."""
_log = structlog.get_logger("partners")


class Reason(StrEnum):
    """Why a signature was not accepted."""

    MALFORMED = "SIG_MALFORMED"
    UNKNOWN_KEY = "SIG_UNKNOWN_KEY"
    """No such key, an ended one, a client that may not call, or not from there."""
    SKEW = "SIG_SKEW"
    DIGEST = "SIG_DIGEST"
    BAD = "SIG_BAD"
    REPLAY = "SIG_REPLAY"


class SignatureRefused(Unauthenticated):
    """The request's signature was not accepted."""

    code = "sig_bad"
    title = Text("请求签名未通过验证", "The request's signature was not accepted")
    clerk = Text(
        "接入应用的请求签名未通过验证，请联系运维。",
        "The calling system's signature was not accepted; contact operations.",
    )


class SignatureSkewed(Unauthenticated):
    """The request's time is too far from ours; ``server_time`` is ours, in Unix seconds."""

    code = "sig_skew"
    title = Text("请求时间偏差过大", "The request's time is too far off")
    clerk = Text(
        "接入应用的时钟偏差超过允许范围，请校时。", "The calling system's clock must be set."
    )


class WeakSignature(Forbidden):
    """This act needs an SM2 signature, which the caller could not deny later."""

    code = "sig_sm2_required"
    title = Text("须使用 SM2 签名", "An SM2 signature is required")


@dataclass(frozen=True)
class Partner:
    """接入应用 that signed this request."""

    client: Client
    key: ClientKey
    algorithm: Algorithm

    @property
    def caller(self) -> str:
        """Return the name under which its writes are repeated and recorded."""
        return f"client:{self.client.client_id}"


class SignatureMetrics:
    """Counts checks by how they ended."""

    def __init__(self, services: Container) -> None:
        self.checks = Counter(
            "onewindow_signatures",
            "Checked request signatures by outcome",
            ("outcome",),
            registry=services.metrics,
        )


def is_signed(request: Request) -> bool:
    """Whether a request claims to be signed."""
    headers = request.headers.items()
    return sdgw1.is_signed(headers) or messages.is_signed(headers)


def signed(*scopes: str) -> Callable[[Request, Services], Awaitable[Partner]]:
    """Return a dependency for programs with these scopes.

    It raises SignatureRefused, SignatureSkewed, Forbidden, WeakSignature, TooManyRequests.
    """

    async def find(request: Request, services: Services) -> Partner:
        partner = await authenticate(request, services)
        if missing := sorted(set(scopes) - partner.client.scopes):
            raise Forbidden("the client has not been granted this", scopes=missing)
        if partner.algorithm is not Algorithm.SM2_SM3 and SM2_ONLY.intersection(scopes):
            raise WeakSignature("sign this request with the client's SM2 key")
        rates_of(request).take(partner.client, services.clock.monotonic())
        return partner

    return find


@dataclass(frozen=True)
class _Shown:
    """What a request shows, under either scheme."""

    key_id: str
    algorithm: Algorithm
    timestamp: int
    nonce: str
    text: bytes
    signature: str
    """As SDGW1 writes it."""
    is_body: Callable[[bytes], bool]


async def authenticate(request: Request, services: Container) -> Partner:
    """Return the program that signed a request. Raises SignatureRefused, SignatureSkewed."""
    try:
        shown = _shown(request, services)
    except (Malformed, NotCanonical) as exc:
        raise _refused(request, Reason.MALFORMED, str(exc)) from exc
    found = await _client(request, services, shown)
    now = services.clock.now()
    if abs(now.timestamp() - shown.timestamp) > sdgw1.MAX_SKEW:
        # Told for unknown keys as well, or the answer would say which keys exist.
        _note(request, Reason.SKEW, shown)
        raise SignatureSkewed("set the clock", server_time=int(now.timestamp()))
    is_whole = shown.is_body(await request.body())
    is_right = _is_right(found[1] if found else None, shown)
    if found is None:
        raise _refused(request, Reason.UNKNOWN_KEY, "", shown)
    if not is_whole:
        raise _refused(request, Reason.DIGEST, "", shown)
    if not is_right:
        raise _refused(request, Reason.BAD, "", shown)
    client, key = found
    # Only now, or anybody could burn the nonces of others.
    until = datetime.fromtimestamp(shown.timestamp, UTC) + NONCE_LIFE
    if not await services.clients.use_nonce(key.key_id, shown.nonce, until):
        raise _refused(request, Reason.REPLAY, "", shown)
    request.scope[sdgw1.REQUEST_DIGEST] = sm3.digest(shown.text).hex()
    metrics_of(request).checks.labels("ok").inc()
    structlog.contextvars.bind_contextvars(client_id=client.client_id)
    return Partner(client, key, shown.algorithm)


def _shown(request: Request, services: Container) -> _Shown:
    headers = request.headers.items()
    if not messages.is_signed(headers):
        claim = sdgw1.read(request.method, _path(request), _query(request), headers)
        digest = claim.covered.digest
        return _Shown(
            key_id=claim.covered.key_id,
            algorithm=claim.algorithm,
            timestamp=claim.timestamp,
            nonce=claim.covered.nonce,
            text=sdgw1.text_of(claim),
            signature=claim.signature,
            is_body=lambda body: sm3.same(sdgw1.digest_of(body).encode(), digest.encode()),
        )
    if sdgw1.is_signed(headers):
        raise Malformed("the request is signed in two ways")
    # Host is the caller's word, and behind a proxy not even that: the address is configured.
    path, query = canonical_path(_path(request)), _query(request)
    target = f"{services.settings.server.public_url}{path}{f'?{query}' if query else ''}"
    signed = messages.read(request.method, target, headers)
    is_sm2 = signed.algorithm is Algorithm.SM2_SM3
    return _Shown(
        key_id=signed.key_id,
        algorithm=signed.algorithm,
        timestamp=signed.created,
        nonce=signed.nonce,
        text=signed.base,
        signature=b64encode(signed.signature).decode() if is_sm2 else signed.signature.hex(),
        is_body=signed.covers_body,
    )


async def _client(
    request: Request, services: Container, shown: _Shown
) -> tuple[Client, ClientKey] | None:
    """Return whose key it is, if it may be used now, so, and from there."""
    found = await services.clients.find_key(shown.key_id)
    if found is None:
        return None
    client, key = found
    now = services.clock.now()
    kind = KeyKind.SM2 if shown.algorithm is Algorithm.SM2_SM3 else KeyKind.HMAC
    is_gm = shown.algorithm is not Algorithm.HMAC_SHA256
    usable = (
        client.active(now)
        and key.usable(now)
        and key.kind is kind
        and (is_gm or client.profile is not CryptoProfile.GM)
        and is_allowed(address_of(request), client.ip_cidrs)
    )
    return found if usable else None


def _is_right(key: ClientKey | None, shown: _Shown) -> bool:
    if shown.algorithm is Algorithm.SM2_SM3:
        pem = _stand_in() if key is None or key.public_key is None else key.public_key
        return sdgw1.sm2_is_right(sm2.PublicKey.from_pem(pem), shown.text, shown.signature)
    secret = _NOBODY if key is None or key.secret is None else key.secret
    return sdgw1.mac_is_right(shown.algorithm, secret, shown.text, shown.signature)


@cache
def _stand_in() -> str:
    return sm2.generate().public.to_pem()


def _path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _query(request: Request) -> str:
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")


def _refused(
    request: Request, reason: Reason, detail: str, shown: _Shown | None = None
) -> SignatureRefused:
    _note(request, reason, shown, detail)
    return SignatureRefused("the signature was not accepted")


def _note(request: Request, reason: Reason, shown: _Shown | None, detail: str = "") -> None:
    metrics_of(request).checks.labels(reason).inc()
    _log.warning(
        "signature_refused",
        reason=str(reason),
        detail=detail,
        key_id="" if shown is None else shown.key_id,
        address=address_of(request),
    )


def metrics_of(request: Request) -> SignatureMetrics:
    """Return the counters of this application, made when the first request is checked."""
    state = request.app.state
    found = getattr(state, "signatures", None)
    if not isinstance(found, SignatureMetrics):
        found = SignatureMetrics(container_of(request))
        state.signatures = found
    return found


def rates_of(request: Request) -> Rates:
    """Return the buckets of this application's clients, made when the first one calls."""
    state = request.app.state
    found = getattr(state, "rates", None)
    if not isinstance(found, Rates):
        found = Rates(dict(container_of(request).settings.partners))
        state.rates = found
    return found
