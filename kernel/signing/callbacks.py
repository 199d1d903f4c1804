"""What a receiver of callbacks does: verify that a message came from the gateway, whole and new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from kernel.crypto import sm2
from kernel.signing import sdgw1
from kernel.signing.sdgw1 import Algorithm, Malformed


class NotFromGateway(ValueError):
    """The message must not be believed; the text says why."""


def verify(
    url: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    keys: Mapping[str, sm2.PublicKey],
    now: int,
) -> str:
    """Return the message's nonce, which the receiver must not have seen within ten minutes.

    ``url`` is what was subscribed, ``keys`` are those of ``/v1/.well-known/gw-keys``, ``now`` is
    in Unix seconds. Raises NotFromGateway.
    """
    parts = urlsplit(url)
    try:
        claim = sdgw1.read("POST", parts.path or "/", parts.query, headers)
        text = sdgw1.text_of(claim)
    except Malformed as exc:
        raise NotFromGateway(str(exc)) from exc
    key = keys.get(claim.covered.key_id)
    if key is None:
        raise NotFromGateway("the key is not one of the gateway's; fetch the keys again")
    if claim.algorithm is not Algorithm.SM2_SM3:
        raise NotFromGateway("callbacks are signed with SM2")
    if abs(now - claim.timestamp) > sdgw1.MAX_SKEW:
        raise NotFromGateway("the message is too old, or a clock is off")
    if sdgw1.digest_of(body) != claim.covered.digest:
        raise NotFromGateway("the body was changed")
    if not sdgw1.sm2_is_right(key, text, claim.signature):
        raise NotFromGateway("the signature is wrong")
    return claim.covered.nonce
