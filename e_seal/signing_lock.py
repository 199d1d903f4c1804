"""Lock a sealed document: a signature without a seal over the list of signatures (锁定签名).

The pattern is that of Shandong's seal system: after the seal's own entry a second one of
``Type="Sign"`` covers Signatures.xml and every file of the first; its value is CMS signed data
(GB/T 35275) over the 32 octets of SM3(Signature.xml). Whoever adds a signature later breaks it, so
adding one is refused with SIGNATURE_LIST_LOCKED.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from e_seal.asn1 import tlv
from e_seal.asn1.chain import ChainResult, TrustStore, check_chain, verifies
from e_seal.asn1.issue import Holder
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate, read_certificate
from e_seal.findings import Code, Finding
from e_seal.ofd.errors import OfdMalformed
from e_seal.ofd.package import read_package
from e_seal.ofd.reader import read_outline
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_seal
from e_seal.signing import OID_SM3, PreparedSignature, freeze
from kernel.crypto import sm2

OID_DATA: Final = "1.2.156.10197.6.1.4.2.1"
OID_SIGNED_DATA: Final = "1.2.156.10197.6.1.4.2.2"
OID_SM2_SIGNATURE: Final = "1.2.156.10197.1.301.1"
_RAW_SIGNATURE_BYTES: Final = 64


def prepare_lock(ofd: bytes, seal: bytes, *, at: datetime) -> PreparedSignature:
    """Freeze the locking signature of a sealed document; ``seal`` says who may sign it.

    Raises OfdError for a document that cannot be read or carries no signature yet, and
    SignatureListLocked for one that is locked.
    """
    if not read_outline(read_package(ofd)).signatures:
        raise OfdMalformed("there is no signature to lock")
    return freeze(ofd, seal, (), at=at, kind="Sign", lock=True)


def make_lock(digest: bytes, signer: Holder) -> bytes:
    """Make the CMS of a lock over ``digest`` (32 octets), for simulators and tests.

    One signer, its certificate inside, no signed attributes; the value is DER.
    """
    certificate = read_certificate(signer.certificate)
    algorithm = tlv.sequence(tlv.oid(OID_SM3))
    content = tlv.sequence(tlv.oid(OID_DATA), tlv.explicit(0, tlv.octet_string(digest)))
    whose = tlv.sequence(certificate.issuer.raw, tlv.integer(certificate.serial))
    signer_info = tlv.sequence(
        tlv.integer(1),
        whose,
        algorithm,
        tlv.sequence(tlv.oid(OID_SM2_SIGNATURE)),
        tlv.octet_string(sm2.sign(signer.key, digest)),
    )
    signed = tlv.sequence(
        tlv.integer(1),
        tlv.set_of(algorithm),
        content,
        tlv.explicit(0, signer.certificate),
        tlv.set_of(signer_info),
    )
    return tlv.sequence(tlv.oid(OID_SIGNED_DATA), tlv.explicit(0, signed))


@dataclass(frozen=True)
class LockValue:
    """What the CMS of a lock says: the signed digest, the signer, and the value over the digest."""

    digest: bytes
    certificate: bytes
    signature: bytes


def read_lock(cms: bytes) -> LockValue:
    """Read the CMS of a lock: enveloped digest, one signer, no attributes. Raises Asn1Error."""
    kind, body = tlv.parse(cms).sequence(2)
    if kind.oid() != OID_SIGNED_DATA:
        raise Asn1Error("not signed data of GB/T 35275")
    (signed,) = body.expect(tlv.CONTEXT_0).children()
    _, _, content, certificates, signers = signed.sequence(5)
    _, wrapped = content.sequence(2)
    (digest,) = wrapped.expect(tlv.CONTEXT_0).children()
    (signer,) = signers.expect(tlv.SET).children()
    (certificate,) = certificates.expect(tlv.CONTEXT_0).children()
    fields = signer.sequence(5)
    return LockValue(digest.octets(), certificate.raw, fields[4].octets())


def check_lock(
    prepared: PreparedSignature,
    cms: bytes,
    *,
    trust: TrustStore,
    now: datetime,
    skew: timedelta,
) -> Iterator[Finding]:
    """Yield the failures of what the province sent back for a lock; none means: embed it.

    The signer must be one that the seal lists: a lock by a stranger would close the document for
    everybody else.
    """
    try:
        value = read_lock(cms)
        signer = read_certificate(value.certificate)
        seal = read_seal(prepared.seal)
    except (Asn1Error, SesFormatError, ValueError) as exc:
        yield Finding(Code.SES_FORMAT_INVALID, str(exc))
        return
    if value.digest != prepared.digest:
        yield Finding(Code.DATA_HASH_MISMATCH, "another digest was signed")
    if all(item.certificate != value.certificate for item in seal.signers):
        yield Finding(Code.SIGNER_NOT_IN_SEAL, "the seal does not list the signer's certificate")
    if not verifies(signer, value.digest, _as_der(value.signature)):
        yield Finding(Code.SIGNATURE_INVALID, "the signer did not sign this")
    if not signer.not_before - skew <= now <= signer.not_after + skew:
        yield Finding(Code.SIGN_TIME_OUTSIDE_CERT, "the signer's certificate is not valid now")
    yield from _chain(signer, trust, now)


def _chain(signer: Certificate, trust: TrustStore, now: datetime) -> Iterator[Finding]:
    if check_chain(signer, trust, now) is ChainResult.UNTRUSTED:
        yield Finding(Code.SIGNER_CHAIN_UNTRUSTED, "no path to a trust anchor")


def _as_der(signature: bytes) -> bytes:
    # Shandong stores the bare r and s.
    if len(signature) == _RAW_SIGNATURE_BYTES:
        return sm2.signature_from_raw(signature)
    return signature
