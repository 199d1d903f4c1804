"""Check digital signatures without a seal (数字签名, Type="Sign"): GB/T 35275 data, or r and s."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from e_seal.asn1 import cms
from e_seal.asn1.cms import SignedData, SignerInfo
from e_seal.asn1.signed import RAW_SIGNATURE_BYTES, verifies
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate
from e_seal.checks import check_signer
from e_seal.findings import Code, Finding
from e_seal.policy import Policy
from kernel.crypto import sm3


@dataclass(frozen=True, slots=True)
class DigitalSignature:
    """Who signed, when, and what was found."""

    signer: Certificate | None
    signed_at: datetime | None
    findings: tuple[Finding, ...]


def check_signed_data(
    data: bytes, signature_xml: bytes, stated_at: datetime | None, policy: Policy
) -> DigitalSignature:
    """Check signed data over Signature.xml; ``stated_at`` is the time inside Signature.xml.

    Two dialects are alive: the content is the digest of Signature.xml and signed as it is, or the
    content is left out and signed attributes carry that digest.
    """
    try:
        signed = cms.read_signed_data(data)
        if len(signed.signers) != 1:
            raise Asn1Error("more than one signer")
        signer = signed.signers[0]
        signed_at = signer.signed_at or stated_at
        found = list(_value(signed, signer, signature_xml))
    except Asn1Error as exc:
        return DigitalSignature(None, None, (Finding(Code.SIGNED_DATA_INVALID, str(exc)),))
    certificate = signed.certificate_of(signer)
    if certificate is not None:
        beside = tuple(signed.readable())
        found += check_signer(certificate, policy, signed_at or policy.now, beside=beside)
    return DigitalSignature(certificate, signed_at, tuple(found))


def _value(signed: SignedData, signer: SignerInfo, signature_xml: bytes) -> Iterator[Finding]:
    if not signer.is_sm2:
        yield Finding(Code.ALG_UNSUPPORTED, f"signed data with {signer.signature_algorithm}")
        return
    digest = sm3.digest(signature_xml)
    content = signature_xml if signed.content is None else signed.content
    certificate = signed.certificate_of(signer)
    if certificate is None:
        yield Finding(Code.SIGNER_UNKNOWN, "the signer's certificate is not in the signed data")
    elif not verifies(certificate, signer.signed_over(content), signer.signature):
        yield Finding(Code.SIGNATURE_INVALID, "the signer did not sign this")
    elif len(signer.signature) == RAW_SIGNATURE_BYTES:
        yield Finding(Code.W_RAW_RS, "signature is stored as raw r, s")
    stated = signer.message_digest
    attributes_hold = signer.signed_attributes is None or stated == sm3.digest(content)
    if content not in {digest, signature_xml} or not attributes_hold:
        yield Finding(Code.DATA_HASH_MISMATCH, "Signature.xml is not what was signed")


def check_bare(
    data: bytes,
    signature_xml: bytes,
    stated_at: datetime | None,
    policy: Policy,
    candidates: Sequence[Certificate],
) -> DigitalSignature:
    """Check bare r and s over Signature.xml against certificates known from elsewhere.

    Which key is meant is stated nowhere, so a value that none of them made proves nothing.
    """
    for certificate in candidates:
        if verifies(certificate, signature_xml, data):
            found = tuple(check_signer(certificate, policy, stated_at or policy.now))
            return DigitalSignature(certificate, stated_at, found)
    finding = Finding(Code.SIGNER_UNKNOWN, "no certificate, and no known one fits")
    return DigitalSignature(None, stated_at, (finding,))
