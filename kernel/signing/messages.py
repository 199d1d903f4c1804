"""HTTP message signatures (RFC 9421) with Content-Digest (RFC 9530), in one strict profile.

One signature, tag ``sd-gw-v1``, with created, keyid, alg, nonce. ``@method`` and ``@target-uri``
are always covered; ``content-digest``, ``content-type`` and ``idempotency-key`` whenever they are
there, and the first two whenever there is a body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kernel.crypto import sm2
from kernel.signing import sdgw1
from kernel.signing.sdgw1 import Algorithm, Malformed

TAG: Final = "sd-gw-v1"
INPUT: Final = "Signature-Input"
SIGNATURE: Final = "Signature"
CONTENT_DIGEST: Final = "Content-Digest"
_FIELDS: Final = ("content-digest", "content-type", "idempotency-key")
_ALWAYS: Final = ("@method", "@target-uri")
_ONCE: Final = frozenset({*_FIELDS, "signature-input", "signature"})
_ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "hmac-sha256": Algorithm.HMAC_SHA256,
    "hmac-sm3": Algorithm.HMAC_SM3,
    "sm2-sm3": Algorithm.SM2_SM3,
}
"""The last two are not registered; both sides have to know them (OURS)."""
_MEMBER: Final = re.compile(
    r"(?P<label>[a-z][a-z0-9_.*-]{0,40})="
    r"(?P<value>\((?P<components>\"[a-z@-]+\"(?: \"[a-z@-]+\")*)\)(?P<params>(?:;[a-z]+="
    r"(?:\"[\x20\x21\x23-\x5b\x5d-\x7e]{0,200}\"|[0-9]{1,15}))*))"
)
_PARAMETER: Final = re.compile(r";([a-z]+)=(?:\"([^\"]*)\"|([0-9]+))")
_SIGNED: Final = re.compile(r"(?P<label>[a-z][a-z0-9_.*-]{0,40})=:(?P<value>[A-Za-z0-9+/]+={0,2}):")
_SHA256: Final = re.compile(r"sha-256=:(?P<value>[A-Za-z0-9+/]{43}=):")
_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    "created": re.compile(r"[1-9][0-9]{8,10}"),
    "keyid": re.compile(r"[a-z0-9-]{3,40}"),
    "alg": re.compile("|".join(_ALGORITHMS)),
    "nonce": re.compile(r"[A-Za-z0-9_-]{16,40}"),
    "tag": re.compile(re.escape(TAG)),
}
_LINE: Final = re.compile(r"[\x20-\x7e]{0,8000}")


@dataclass(frozen=True)
class Message:
    """A request as its signature sees it; ``target`` is the absolute address, as configured."""

    method: str
    target: str
    fields: Mapping[str, str]
    """Of the three that can be covered, those that are there; names in lower case."""


@dataclass(frozen=True)
class Signed:
    """A signature that has the right form, and what it must cover."""

    key_id: str
    algorithm: Algorithm
    created: int
    nonce: str
    base: bytes
    signature: bytes
    digest: str | None
    """SHA-256 of the body in base64; None where no body is covered."""

    def covers_body(self, body: bytes) -> bool:
        """Whether the body is the one that was signed."""
        if self.digest is None:
            return not body
        return hmac.compare_digest(self.digest, _sha256(body))


def is_signed(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a request claims to be signed this way."""
    return any(name.lower() in {"signature-input", "signature"} for name, _ in headers)


def content_digest(body: bytes) -> str:
    """Return the value of Content-Digest (RFC 9530)."""
    return f"sha-256=:{_sha256(body)}:"


def read(method: str, target: str, headers: Iterable[tuple[str, str]]) -> Signed:
    """Return the signature of a request. Raises Malformed for anything outside the profile."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.lower()
        if name not in _ONCE:
            continue
        if name in found:
            raise Malformed(f"{name} is there twice")
        found[name] = value.strip(" \t")
    member = _MEMBER.fullmatch(found.get("signature-input", ""))
    signed = _SIGNED.fullmatch(found.get("signature", ""))
    if member is None or signed is None or member["label"] != signed["label"]:
        raise Malformed("signature-input or signature is missing or malformed")
    params = _parameters(member["params"])
    covered = [name.strip('"') for name in member["components"].split(" ")]
    fields: dict[str, str] = {name: found[name] for name in _FIELDS if name in found}
    if len(set(covered)) != len(covered) or set(covered) != {*_ALWAYS, *fields}:
        raise Malformed("the signature does not cover exactly what it has to")
    digest = _SHA256.fullmatch(fields.get("content-digest", ""))
    if "content-digest" in fields and digest is None:
        raise Malformed("content-digest has one member, sha-256")
    message = Message(method, target, fields)
    try:
        signature = base64.b64decode(signed["value"], validate=True)
    except ValueError as exc:
        raise Malformed("signature is not base64") from exc
    return Signed(
        key_id=params["keyid"],
        algorithm=_ALGORITHMS[params["alg"]],
        created=int(params["created"]),
        nonce=params["nonce"],
        base=base_of(message, covered, member["value"]),
        signature=signature,
        digest=None if digest is None else digest["value"],
    )


def base_of(message: Message, covered: Iterable[str], parameters: str) -> bytes:
    """Return the signature base (RFC 9421, 2.5). Raises Malformed."""
    values = {"@method": message.method, "@target-uri": message.target, **message.fields}
    lines = [f'"{name}": {values[name]}' for name in covered]
    lines.append(f'"@signature-params": {parameters}')
    if not all(_LINE.fullmatch(line) for line in lines):
        raise Malformed("a covered part is not one line of ASCII")
    return "\n".join(lines).encode("ascii")


def sign(
    message: Message,
    key: bytes | sm2.PrivateKey,
    *,
    key_id: str,
    algorithm: str,
    created: int,
    nonce: str,
) -> dict[str, str]:
    """Return both headers. Raises Malformed; ValueError for a key of another kind."""
    covered = [*_ALWAYS, *(name for name in _FIELDS if name in message.fields)]
    listed = " ".join(f'"{name}"' for name in covered)
    value = (
        f'({listed});created={created};keyid="{key_id}";alg="{algorithm}";'
        f'nonce="{nonce}";tag="{TAG}"'
    )
    base = base_of(message, covered, value)
    if isinstance(key, bytes):
        made = bytes.fromhex(sdgw1.mac(_ALGORITHMS[algorithm], key, base))
    else:
        made = sm2.sign(key, base)
    encoded = base64.b64encode(made).decode("ascii")
    return {INPUT: f"sig1={value}", SIGNATURE: f"sig1=:{encoded}:"}


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, number in _PARAMETER.findall(text):
        if name in found or (name == "created") != bool(number):
            raise Malformed("a signature parameter is there twice or of the wrong type")
        found[name] = quoted or number
    if found.keys() != _SHAPES.keys():
        raise Malformed("the parameters are created, keyid, alg, nonce and tag")
    for name, shape in _SHAPES.items():
        if shape.fullmatch(found[name]) is None:
            raise Malformed(f"the parameter {name} is malformed")
    return found


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
