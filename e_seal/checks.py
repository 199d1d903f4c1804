"""Check a seal and a seal signature by themselves, without the document (GB/T 38540)."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from e_seal.asn1.chain import TrustStore
from e_seal.asn1.signed import RAW_SIGNATURE_BYTES, verifies, verifies_again
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import OID_SM2_WITH_SM3, Certificate, read_certificate
from e_seal.findings import Code, Finding
from e_seal.model import SealState
from e_seal.policy import MAKER, SIGNER, Policy, may_sign, outside, standing
from e_seal.ses.model import Seal, SealSignature, Signer
from e_seal.tokens import check_token
from kernel.crypto import sm3

DEFAULT_SKEW: Final = timedelta(hours=8, minutes=5)
"""Vendors write Beijing time as UTC; a gap of this size is a warning, a larger one a failure."""

_DEAD: Final = frozenset({SealState.REVOKED, SealState.CANCELLED, SealState.FROZEN})
_CODE: Final = re.compile(r"[0-9]{14}")
_SM3_NAMES: Final = frozenset({"SM3", "1.2.156.10197.1.401"})


def check_seal(
    seal: Seal,
    trust: TrustStore,
    *,
    moment: datetime,
    skew: timedelta,
    now: datetime | None = None,
) -> Iterator[Finding]:
    """Check the seal itself: maker's signature, usage, validity, path, revocation, timestamp.

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
    if not verifies_again(maker, seal.signed, seal.signature):
        yield Finding(Code.SEAL_SIGNATURE_INVALID, "the maker did not sign this seal")
    elif len(seal.signature) == RAW_SIGNATURE_BYTES:
        yield Finding(Code.W_RAW_RS, "seal signature is stored as raw r, s")
    if not may_sign(maker):
        yield Finding(Code.SEAL_MAKER_UNTRUSTED, "maker certificate may not sign")
    policy = Policy(trust, now or moment, skew)
    yield from _making(seal, maker, moment, policy)
    if seal.timestamp is not None:
        code = Code.SEAL_TIMESTAMP_INVALID
        yield from check_token(seal.timestamp, seal.signature, seal.created_at, code, policy)[1]


def _making(seal: Seal, maker: Certificate, moment: datetime, policy: Policy) -> Iterator[Finding]:
    if seal.created_at > moment:
        late = seal.created_at > moment + policy.skew
        code = Code.SEAL_CREATE_DATE_IMPLAUSIBLE if late else Code.W_TIME_SKEW
        yield Finding(code, f"made {seal.created_at:%Y-%m-%d}, used {moment:%Y-%m-%d}")
    judged = seal.created_at
    if not maker.is_valid_at(judged) and maker.is_valid_at(moment):
        judged = moment
        yield Finding(Code.W_SEAL_CREATE_DATE, "made outside the maker certificate's validity")
    period = maker.not_before, maker.not_after
    yield from outside(Code.SEAL_MAKER_UNTRUSTED, judged, period, policy.skew)
    if maker.not_after < policy.now and maker.is_valid_at(judged):
        yield Finding(Code.W_SEAL_MAKER_EXPIRED_NOW, f"expired {maker.not_after:%Y-%m-%d}")
    yield from standing(maker, MAKER, policy, judged)


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
    policy = Policy(trust, now, skew)
    yield from check_value(signature, policy)
    yield from check_timestamp(signature, policy)


def check_value(signature: SealSignature, policy: Policy) -> Iterator[Finding]:
    """Steps 2 to 9: algorithm, value, signer in seal, seal, signer's certificate, times."""
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
    if not verifies(signer, signature.signed, signature.signature):
        yield Finding(Code.SIGNATURE_INVALID, "the signer did not sign this")
    elif len(signature.signature) == RAW_SIGNATURE_BYTES:
        yield Finding(Code.W_RAW_RS, "signature is stored as raw r, s")
    seal, moment = signature.seal, signature.signed_at
    if not _lists(seal.signers, signer.raw):
        yield Finding(Code.SIGNER_NOT_IN_SEAL, "the seal does not list the signer's certificate")
    if _other_code(signer, seal):
        yield Finding(Code.W_SIGNER_OTHER_CODE, f"certificate of {signer.subject.get('CN')}")
    trust, now, skew = policy.trust, policy.now, policy.skew
    yield from check_seal(seal, trust, moment=moment, skew=skew, now=now)
    yield from check_signer(signer, policy, moment, known_at=_proven(signature, policy))
    period = seal.valid_from, seal.valid_until
    yield from outside(Code.SIGN_TIME_OUTSIDE_SEAL, moment, period, skew)
    if any(item.critical for item in signature.extensions):
        yield Finding(Code.W_UNKNOWN_CRITICAL_EXT, "critical extension in TBS_Sign")


def check_state(states: Mapping[str, SealState] | None, code: str) -> Iterator[Finding]:
    """Step 16: what the status system says of a seal; nothing when it was not asked."""
    if states is None:
        return
    state = states.get(code, SealState.UNKNOWN)
    if state in _DEAD:
        yield Finding(Code.SEAL_REVOKED, f"the status system says {state}")
    elif state is SealState.REVOKED_LATER:
        yield Finding(Code.W_SEAL_REVOKED_LATER, "on the revocation list since a later day")
    elif state is SealState.UNKNOWN:
        yield Finding(Code.W_STATUS_UNKNOWN, "the status system gave no answer")


def _other_code(signer: Certificate, seal: Seal) -> bool:
    """Whether the certificate was made for another seal: its CN is the code of a government seal.

    Vendors outside of that scheme name people and units there.
    """
    name = signer.subject.get("CN") or ""
    return name != seal.code and all(map(_CODE.fullmatch, (name, seal.code)))


def check_signer(
    signer: Certificate,
    policy: Policy,
    moment: datetime,
    *,
    known_at: datetime | None = None,
    beside: tuple[Certificate, ...] = (),
) -> Iterator[Finding]:
    """Steps 6 to 8: path, usage, the signing time against the certificate, revocation."""
    yield from standing(signer, SIGNER, policy, moment, known_at=known_at, beside=beside)
    if not may_sign(signer):
        yield Finding(Code.SIGNER_KEY_USAGE, "signer certificate may not sign")
    period = signer.not_before, signer.not_after
    yield from outside(Code.SIGN_TIME_OUTSIDE_CERT, moment, period, policy.skew)
    if signer.not_after < policy.now:
        yield Finding(Code.W_SIGNER_EXPIRED_NOW, f"expired {signer.not_after:%Y-%m-%d}")
    if moment > policy.now + policy.skew:
        yield Finding(Code.SIGN_TIME_IMPLAUSIBLE, "signed in the future")


def _proven(signature: SealSignature, policy: Policy) -> datetime:
    """From when on the signature is proven to exist: a stolen key could state an earlier time."""
    if signature.timestamp is None or policy.trust.revocation is None:
        return signature.signed_at
    data, value, stated = signature.timestamp, signature.signature, signature.signed_at
    proven, _ = check_token(data, value, stated, Code.TIMESTAMP_INVALID, policy)
    return max(stated, proven or stated)


def check_timestamp(signature: SealSignature, policy: Policy) -> Iterator[Finding]:
    """Step 13: the token over the signature value, if there is one."""
    if signature.time_token is not None:
        # What such a token stands over is unsettled: it lies inside what is signed.
        yield Finding(Code.W_TIMESTAMP_UNCHECKED, "timestamp inside the signed part (version 1)")
    if signature.timestamp is not None:
        data, value, stated = signature.timestamp, signature.signature, signature.signed_at
        yield from check_token(data, value, stated, Code.TIMESTAMP_INVALID, policy)[1]
