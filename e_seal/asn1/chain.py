"""Find and check a certificate's path to a configured trust anchor (RFC 5280 clause 6, SM2)."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from e_seal.asn1 import x509
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey

_MAX_PATH: Final = 6
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_UNDERSTOOD: Final = frozenset(
    {
        x509.OID_KEY_USAGE,
        x509.OID_BASIC_CONSTRAINTS,
        x509.OID_SUBJECT_KEY_ID,
        x509.OID_AUTHORITY_KEY_ID,
        x509.OID_EXTENDED_KEY_USAGE,
        "2.5.29.31",  # CRL distribution points
        "2.5.29.32",  # certificate policies: none is required here
    }
)


class ChainResult(StrEnum):
    """What the path search found."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    NO_ANCHORS = "no_anchors"


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Configured anchors (信任锚) and the intermediate certificates that may lie between."""

    anchors: tuple[Certificate, ...] = ()
    intermediates: tuple[Certificate, ...] = ()

    @classmethod
    def from_pem(cls, anchors: str, intermediates: str = "") -> "TrustStore":
        """Build from PEM bundles; raises Asn1Error."""
        return cls.of(_pem_blocks(anchors), _pem_blocks(intermediates))

    @classmethod
    def of(cls, anchors: Iterable[bytes], intermediates: Iterable[bytes] = ()) -> "TrustStore":
        """Build from DER certificates; raises Asn1Error."""
        return cls(
            tuple(x509.read_certificate(der) for der in anchors),
            tuple(x509.read_certificate(der) for der in intermediates),
        )


def _pem_blocks(text: str) -> Iterator[bytes]:
    for body in _PEM.findall(text):
        try:
            yield base64.b64decode("".join(body.split()), validate=True)
        except binascii.Error as exc:
            raise Asn1Error("malformed PEM block") from exc


def verifies(certificate: Certificate, message: bytes, signature: bytes) -> bool:
    """Whether the certificate's SM2 key made this DER signature over ``message``."""
    if not certificate.is_sm2:
        return False
    try:
        key = sm2.PublicKey(certificate.public_point)
    except InvalidKey:
        return False
    return sm2.verify(key, message, signature)


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether ``issuer``'s SM2 key made the signature over the received TBS slice."""
    return certificate.signature_algorithm == x509.OID_SM2_WITH_SM3 and verifies(
        issuer, certificate.tbs, certificate.signature
    )


def _may_issue(issuer: Certificate, below: int, moment: datetime) -> bool:
    is_ca, path_length = issuer.basic_constraints
    usage = issuer.key_usage
    return (
        is_ca
        and (path_length is None or below <= path_length)
        and (usage is None or "keyCertSign" in usage)
        and issuer.is_valid_at(moment)
        and not _unknown_critical(issuer)
    )


def _unknown_critical(certificate: Certificate) -> bool:
    return any(item.critical and item.oid not in _UNDERSTOOD for item in certificate.extensions)


def _issuers(certificate: Certificate, store: Iterable[Certificate]) -> Iterator[Certificate]:
    for candidate in store:
        if candidate.subject.raw == certificate.issuer.raw:
            yield candidate


def check_chain(leaf: Certificate, store: TrustStore, moment: datetime) -> ChainResult:
    """Whether a path from ``leaf`` to an anchor holds with every issuer valid at ``moment``.

    The leaf's own validity is judged by the caller, because the rules differ for signer and maker.
    A certificate that is itself an anchor is trusted.
    """
    if not store.anchors:
        return ChainResult.NO_ANCHORS
    try:
        trusted = not _unknown_critical(leaf) and _reaches_anchor(leaf, store, moment, below=0)
    except Asn1Error:
        trusted = False
    return ChainResult.TRUSTED if trusted else ChainResult.UNTRUSTED


def _reaches_anchor(
    certificate: Certificate, store: TrustStore, moment: datetime, *, below: int
) -> bool:
    if any(certificate.raw == anchor.raw for anchor in store.anchors):
        return True
    if below >= _MAX_PATH:
        return False
    for issuer in _issuers(certificate, (*store.anchors, *store.intermediates)):
        if (
            _may_issue(issuer, below, moment)
            and is_signed_by(certificate, issuer)
            and _reaches_anchor(issuer, store, moment, below=below + 1)
        ):
            return True
    return False
