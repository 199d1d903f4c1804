"""Check a seal and a seal signature by themselves, without the document (GB/T 38540)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from e_seal.asn1.chain import ChainResult, TrustStore, check_chain, verifies
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import OID_SM2_WITH_SM3, Certificate, read_certificate
from e_seal.findings import Code, Finding
from e_seal.ses.model import Seal, SealSignature, Signer
from kernel.crypto import sm2, sm3

DEFAULT_SKEW: Final = timedelta(hours=8, minutes=5)
"""Vendors write Beijing time as UTC; a gap of this size is a warning, a larger one a failure."""

_RAW_SIGNATURE_BYTES: Final = 64
_SM3_NAMES: Final = frozenset({"SM3", "1.2.156.10197.1.401"})


def _verified(certificate: Certificate, message: bytes, signature: bytes) -> tuple[bool, bool]:
    """(is right, is stored as raw r‖s): a provincial system of 2020 stores the raw form."""
    if len(signature) == _RAW_SIGNATURE_BYTES:
        return verifies(certificate, message, sm2.signature_from_raw(signature)), True
    return verifies(certificate, message, signature), False


def time_finding(
    code: Code, moment: datetime, period: tuple[datetime, datetime], skew: timedelta
) -> Iterator[Finding]:
    """Nothing inside the period, a warning within ``skew`` of it, ``code`` outside."""
    start, end = period
    if start <= moment <= end:
        return
    detail = f"{moment:%Y-%m-%dT%H:%M:%SZ} outside {start:%Y-%m-%d} to {end:%Y-%m-%d}"
    near = start - skew <= moment <= end + skew
    yield Finding(Code.W_TIME_SKEW if near else code, detail)


def _chain(
    certificate: Certificate, trust: TrustStore, moment: datetime, code: Code
) -> Iterator[Finding]:
    result = check_chain(certificate, trust, moment)
    if result is ChainResult.NO_ANCHORS:
        yield Finding(Code.CHAIN_UNCHECKED, "no trust anchors are configured")
    elif result is ChainResult.UNTRUSTED:
        yield Finding(code, f"no path from {certificate.subject.get('CN')} to a trust anchor")


def _may_sign(certificate: Certificate) -> bool:
    try:
        usage = certificate.key_usage
    except Asn1Error:
        return False
    return usage is not None and "digitalSignature" in usage


def check_seal(
    seal: Seal, trust: TrustStore, *, moment: datetime, skew: timedelta
) -> Iterator[Finding]:
    """Check the seal itself: maker's signature, usage, validity, chain.

    The maker certificate is judged at the seal's createDate (GM/T 0031-2025): a certificate that
    has expired since does not spoil the seals it made. GB/T 38540-2020 looks at the time of use
    instead, so a maker certificate that is good only at ``moment`` is accepted with a warning.
    """
    if seal.signature_algorithm != OID_SM2_WITH_SM3:
        yield Finding(Code.ALG_UNSUPPORTED, f"seal signature algorithm {seal.signature_algorithm}")
        return
    try:
        maker = read_certificate(seal.maker_certificate)
    except Asn1Error as exc:
        yield Finding(Code.SEAL_FORMAT_INVALID, f"maker certificate: {exc}")
        return
    is_right, is_raw = _verified(maker, seal.signed, seal.signature)
    if not is_right:
        yield Finding(Code.SEAL_SIGNATURE_INVALID, "the maker did not sign this seal")
    elif is_raw:
        yield Finding(Code.W_RAW_RS, "seal signature is stored as raw r, s")
    if not _may_sign(maker):
        yield Finding(Code.SEAL_MAKER_UNTRUSTED, "maker certificate may not sign")
    judged = seal.created_at
    if not maker.is_valid_at(judged) and maker.is_valid_at(moment):
        judged = moment
        yield Finding(Code.W_SEAL_CREATE_DATE, "made outside the maker certificate's validity")
    period = maker.not_before, maker.not_after
    yield from time_finding(Code.SEAL_MAKER_UNTRUSTED, judged, period, skew)
    yield from _chain(maker, trust, judged, Code.SEAL_MAKER_UNTRUSTED)


def _lists(signers: tuple[Signer, ...], certificate: bytes) -> bool:
    return any(
        item.certificate == certificate
        or (item.digest_algorithm.upper() in _SM3_NAMES and item.digest == sm3.digest(certificate))
        for item in signers
    )


def check_signature(
    signature: SealSignature, trust: TrustStore, *, now: datetime, skew: timedelta
) -> Iterator[Finding]:
    """Check a seal signature and the seal inside: everything that does not need the document."""
    if signature.signature_algorithm != OID_SM2_WITH_SM3:
        detail = f"signature algorithm {signature.signature_algorithm}"
        yield Finding(Code.ALG_UNSUPPORTED, detail)
        return
    try:
        signer = read_certificate(signature.signer_certificate)
    except Asn1Error as exc:
        yield Finding(Code.SES_FORMAT_INVALID, f"signer certificate: {exc}")
        return
    if not signer.is_sm2:
        yield Finding(Code.ALG_UNSUPPORTED, "the signer's key is not SM2")
        return
    is_right, is_raw = _verified(signer, signature.signed, signature.signature)
    if not is_right:
        yield Finding(Code.SIGNATURE_INVALID, "the signer did not sign this")
    elif is_raw:
        yield Finding(Code.W_RAW_RS, "signature is stored as raw r, s")
    if not _lists(signature.seal.signers, signer.raw):
        yield Finding(Code.SIGNER_NOT_IN_SEAL, "the seal does not list the signer's certificate")
    yield from check_seal(signature.seal, trust, moment=signature.signed_at, skew=skew)
    yield from _chain(signer, trust, signature.signed_at, Code.SIGNER_CHAIN_UNTRUSTED)
    if not _may_sign(signer):
        yield Finding(Code.SIGNER_KEY_USAGE, "signer certificate may not sign")
    yield from _times(signature, signer, now, skew)
    if any(item.critical for item in signature.extensions):
        yield Finding(Code.W_UNKNOWN_CRITICAL_EXT, "critical extension in TBS_Sign")
    if signature.timestamp is not None:
        yield Finding(Code.W_TIMESTAMP_UNCHECKED, "timestamp tokens are not checked here")


def _times(
    signature: SealSignature, signer: Certificate, now: datetime, skew: timedelta
) -> Iterator[Finding]:
    moment, seal = signature.signed_at, signature.seal
    period = signer.not_before, signer.not_after
    yield from time_finding(Code.SIGN_TIME_OUTSIDE_CERT, moment, period, skew)
    if signer.not_after < now:
        yield Finding(Code.W_SIGNER_EXPIRED_NOW, f"expired {signer.not_after:%Y-%m-%d}")
    period = seal.valid_from, seal.valid_until
    yield from time_finding(Code.SIGN_TIME_OUTSIDE_SEAL, moment, period, skew)
    if moment > now + skew:
        yield Finding(Code.SIGN_TIME_IMPLAUSIBLE, "signed in the future")
