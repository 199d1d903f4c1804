"""Issue small SM2 certificates for simulators and tests: a root, a seal maker, a signer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from e_seal.asn1 import tlv, x509
from kernel.crypto import sm2, sm3

_OIDS: Final = {"CN": "2.5.4.3", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10"}
_USAGE_BITS: Final = {
    "digitalSignature": 0,
    "nonRepudiation": 1,
    "keyCertSign": 5,
    "cRLSign": 6,
}
SEAL_USAGES: Final = ("digitalSignature", "nonRepudiation")
CA_USAGES: Final = ("keyCertSign", "cRLSign")


@dataclass(frozen=True)
class Holder:
    """A key with its certificate: whoever can sign in the sandbox."""

    key: sm2.PrivateKey
    certificate: bytes


@dataclass(frozen=True)
class Request:
    """What a certificate shall say; ``subject`` is (label, text) pairs such as ``("CN", "…")``."""

    subject: Sequence[tuple[str, str]]
    serial: int
    not_before: datetime
    not_after: datetime
    usages: Iterable[str] = SEAL_USAGES
    is_ca: bool = False
    purposes: Sequence[str] = ()
    """Extended key usages as dotted OIDs, such as time stamping."""


def _name(attributes: Sequence[tuple[str, str]]) -> bytes:
    groups = []
    for label, text in attributes:
        value = tlv.printable(text) if label == "C" else tlv.utf8(text)
        groups.append(tlv.set_of(tlv.sequence(tlv.oid(_OIDS[label]), value)))
    return tlv.sequence(*groups)


def _key_usage(usages: Iterable[str]) -> bytes:
    octet = 0
    for usage in usages:
        octet |= 0x80 >> _USAGE_BITS[usage]
    unused = (octet & -octet).bit_length() - 1 if octet else 0
    return tlv.encode(tlv.BIT_STRING, bytes((unused, octet)))


def _extension(oid: str, value: bytes, *, critical: bool) -> bytes:
    flag = tlv.boolean(value=True) if critical else b""
    return tlv.sequence(tlv.oid(oid), flag, tlv.octet_string(value))


def _purposes(purposes: Sequence[str]) -> Iterable[bytes]:
    if purposes:
        listed = tlv.sequence(*map(tlv.oid, purposes))
        # RFC 3161 2.3 wants it critical.
        yield _extension(x509.OID_EXTENDED_KEY_USAGE, listed, critical=True)


def _key_id(point: bytes) -> bytes:
    return sm3.digest(point)[:20]


def _spki(point: bytes) -> bytes:
    algorithm = tlv.sequence(tlv.oid(x509.OID_EC_PUBLIC_KEY), tlv.oid(x509.OID_SM2_CURVE))
    return tlv.sequence(algorithm, tlv.bit_string(point))


def _certificate(
    request: Request, subject_key: bytes, issuer: bytes, signer: sm2.PrivateKey
) -> bytes:
    algorithm = tlv.sequence(tlv.oid(x509.OID_SM2_WITH_SM3))
    subject_id = tlv.octet_string(_key_id(subject_key))
    authority_id = tlv.sequence(tlv.encode(0x80, _key_id(signer.public.point)))
    basic = tlv.sequence(tlv.boolean(value=True)) if request.is_ca else tlv.sequence()
    extensions = tlv.sequence(
        _extension(x509.OID_BASIC_CONSTRAINTS, basic, critical=request.is_ca),
        _extension(x509.OID_KEY_USAGE, _key_usage(request.usages), critical=True),
        _extension(x509.OID_SUBJECT_KEY_ID, subject_id, critical=False),
        _extension(x509.OID_AUTHORITY_KEY_ID, authority_id, critical=False),
        *_purposes(request.purposes),
    )
    tbs = tlv.sequence(
        tlv.explicit(0, tlv.integer(2)),
        tlv.integer(request.serial),
        algorithm,
        issuer,
        tlv.sequence(tlv.x509_time(request.not_before), tlv.x509_time(request.not_after)),
        _name(request.subject),
        _spki(subject_key),
        tlv.explicit(3, extensions),
    )
    return tlv.sequence(tbs, algorithm, tlv.bit_string(sm2.sign(signer, tbs)))


def issue_root(request: Request, key: sm2.PrivateKey) -> Holder:
    """Issue a self-signed CA certificate (根证书)."""
    return Holder(key, _certificate(request, key.public.point, _name(request.subject), key))


def issue(request: Request, key: sm2.PrivateKey, issuer: Holder) -> Holder:
    """Issue a certificate for ``key`` under ``issuer``."""
    issuer_name = x509.read_certificate(issuer.certificate).subject.raw
    return Holder(key, _certificate(request, key.public.point, issuer_name, issuer.key))
