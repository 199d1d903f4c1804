"""Who signed what: SM2 signatures by certificates, remembered where the same bytes come again."""

from functools import lru_cache
from typing import Final

from e_seal.asn1 import x509
from e_seal.asn1.x509 import Certificate, read_certificate
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey

RAW_SIGNATURE_BYTES: Final = 64
_MAX_REMEMBERED: Final = 32 * 1024
"""Octets (OURS): what may be remembered at all, so that strangers cannot fill the memory."""


@lru_cache(maxsize=512)
def _key(point: bytes) -> sm2.PublicKey | None:
    try:
        return sm2.PublicKey(point)
    except InvalidKey:
        return None


def _holds(point: bytes, message: bytes, signature: bytes) -> bool:
    key = _key(point)
    return key is not None and sm2.verify(key, message, signature)


_remembered = lru_cache(maxsize=512)(_holds)


def verifies(certificate: Certificate, message: bytes, signature: bytes) -> bool:
    """Whether the certificate's SM2 key made this signature (DER, or raw r‖s) over ``message``."""
    if not certificate.is_sm2:
        return False
    if len(signature) == RAW_SIGNATURE_BYTES:
        signature = sm2.signature_from_raw(signature)
    return _holds(certificate.public_point, message, signature)


def verifies_again(certificate: Certificate, message: bytes, signature: bytes) -> bool:
    """The same for bytes that come again and again: seals and certificates."""
    if len(message) + len(signature) > _MAX_REMEMBERED or not certificate.is_sm2:
        return verifies(certificate, message, signature)
    if len(signature) == RAW_SIGNATURE_BYTES:
        signature = sm2.signature_from_raw(signature)
    return _remembered(certificate.public_point, message, signature)


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether ``issuer``'s SM2 key made the signature over the received TBS slice."""
    return _is_signed_by(certificate.raw, issuer.raw)


@lru_cache(maxsize=1024)
def _is_signed_by(raw: bytes, issuer_raw: bytes) -> bool:
    certificate, issuer = read_certificate(raw), read_certificate(issuer_raw)
    return certificate.signature_algorithm == x509.OID_SM2_WITH_SM3 and verifies(
        issuer, certificate.tbs, certificate.signature
    )
