"""Revocation lists, signed data and time-stamp tokens as authorities would make them."""

from collections.abc import Mapping
from datetime import datetime

from e_seal.asn1 import tlv, x509
from e_seal.asn1.issue import Holder
from e_seal.asn1.x509 import read_certificate
from kernel.crypto import sm2, sm3

SM2_SM3 = tlv.sequence(tlv.oid(x509.OID_SM2_WITH_SM3))
SM3 = tlv.sequence(tlv.oid("1.2.156.10197.1.401"))
SIGNED_DATA = "1.2.156.10197.6.1.4.2.2"
GM_DATA = "1.2.156.10197.6.1.4.2.1"
PKCS7_DATA = "1.2.840.113549.1.7.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = tlv.boolean(value=True) if critical else b""
    return tlv.sequence(tlv.oid(oid), flag, tlv.octet_string(value))


def crl(
    issuer: Holder,
    revoked: Mapping[int, datetime],
    at: datetime,
    until: datetime | None,
    *extensions: bytes,
    reason: int | None = None,
) -> bytes:
    extra = b""
    if reason is not None:
        extra = tlv.sequence(extension("2.5.29.21", tlv.encode(0x0A, bytes((reason,)))))
    entries = [
        tlv.sequence(tlv.integer(serial), tlv.x509_time(moment), extra)
        for serial, moment in revoked.items()
    ]
    tbs = tlv.sequence(
        tlv.integer(1),
        SM2_SM3,
        read_certificate(issuer.certificate).subject.raw,
        tlv.x509_time(at),
        tlv.x509_time(until) if until else b"",
        tlv.sequence(*entries) if entries else b"",
        tlv.explicit(0, tlv.sequence(*extensions)) if extensions else b"",
    )
    return tlv.sequence(tbs, SM2_SM3, tlv.bit_string(sm2.sign(issuer.key, tbs)))


def attributes(content_type: str, content: bytes, at: datetime) -> bytes:
    """The content of a SET of signed attributes, in DER order."""
    listed = [
        tlv.sequence(tlv.oid("1.2.840.113549.1.9.3"), tlv.set_of(tlv.oid(content_type))),
        tlv.sequence(
            tlv.oid("1.2.840.113549.1.9.4"), tlv.set_of(tlv.octet_string(sm3.digest(content)))
        ),
        tlv.sequence(tlv.oid("1.2.840.113549.1.9.5"), tlv.set_of(tlv.x509_time(at))),
    ]
    return b"".join(sorted(listed))


def signed_data(
    signer: Holder,
    content_type: str,
    content: bytes | None,
    signed: bytes | None,
    signature: bytes,
    *certificates: bytes,
) -> bytes:
    """A ContentInfo; ``signed`` are the attributes, ``certificates`` default to the signer's."""
    certificate = read_certificate(signer.certificate)
    body = tlv.explicit(0, tlv.octet_string(content)) if content is not None else b""
    info = tlv.sequence(
        tlv.integer(1),
        tlv.sequence(certificate.issuer.raw, tlv.integer(certificate.serial)),
        SM3,
        tlv.explicit(0, signed) if signed is not None else b"",
        SM2_SM3,
        tlv.octet_string(signature),
    )
    data = tlv.sequence(
        tlv.integer(1),
        tlv.set_of(SM3),
        tlv.sequence(tlv.oid(content_type), body),
        tlv.explicit(0, b"".join(certificates or (signer.certificate,))),
        tlv.set_of(info),
    )
    return tlv.sequence(tlv.oid(SIGNED_DATA), tlv.explicit(0, data))


def dialect_a(signer: Holder, signature_xml: bytes) -> bytes:
    """The digest is the content and is signed as it is; the value is raw r, s (通智云)."""
    digest = sm3.digest(signature_xml)
    raw = sm2.signature_to_raw(sm2.sign(signer.key, digest))
    return signed_data(signer, GM_DATA, digest, None, raw)


def dialect_b(signer: Holder, signature_xml: bytes, at: datetime) -> bytes:
    """Detached with signed attributes; the value is DER (国脉)."""
    signed = attributes(GM_DATA, signature_xml, at)
    value = sm2.sign(signer.key, tlv.encode(tlv.SET, signed))
    return signed_data(signer, PKCS7_DATA, None, signed, value)


def token(authority: Holder, stamped: bytes, at: datetime) -> bytes:
    """A TimeStampToken over ``stamped``."""
    info = tlv.sequence(
        tlv.integer(1),
        tlv.oid("1.2.3.4"),
        tlv.sequence(SM3, tlv.octet_string(sm3.digest(stamped))),
        tlv.integer(99),
        tlv.generalized_time(at),
    )
    signed = attributes(TST_INFO, info, at)
    value = sm2.sign(authority.key, tlv.encode(tlv.SET, signed))
    return signed_data(authority, TST_INFO, info, signed, value)
