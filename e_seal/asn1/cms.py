"""Read signed data of GB/T 35275 (the SM2 counterpart of PKCS #7), and check who signed it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from e_seal.asn1 import tlv, x509
from e_seal.asn1.signed import verifies
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.asn1.x509 import Certificate, read_certificate
from kernel.crypto import sm3

OID_SIGNED_DATA: Final = "1.2.156.10197.6.1.4.2.2"
_SIGNED_DATA: Final = frozenset({OID_SIGNED_DATA, "1.2.840.113549.1.7.2"})
_OID_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_OID_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_OID_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_OID_SM3: Final = "1.2.156.10197.1.401"
# Vendors name the algorithm, its digest variant, or only the curve.
_SM2_NAMES: Final = frozenset(
    {x509.OID_SM2_WITH_SM3, x509.OID_SM2_CURVE, "1.2.156.10197.1.301.1", x509.OID_EC_PUBLIC_KEY}
)
_MAX_CERTIFICATES: Final = 32
_IMPLICIT_1: Final = 0xA1
_KEY_ID: Final = 0x80
_CONSTRUCTED_OCTETS: Final = 0x24


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signer; ``signed_attributes`` is the DER SET that was signed, or None without any."""

    issuer: bytes | None
    serial: int | None
    key_id: bytes | None
    digest_algorithm: str
    signed_attributes: bytes | None
    attributes: Mapping[str, Node]
    signature_algorithm: str
    signature: bytes

    @property
    def is_sm2(self) -> bool:
        """Whether the algorithms are SM2 with SM3."""
        return self.digest_algorithm == _OID_SM3 and self.signature_algorithm in _SM2_NAMES

    @property
    def message_digest(self) -> bytes | None:
        """The signed digest of the content; raises Asn1Error."""
        found = self.attributes.get(_OID_MESSAGE_DIGEST)
        return None if found is None else found.octets()

    @property
    def signed_at(self) -> datetime | None:
        """The signing time that the signer states; raises Asn1Error."""
        found = self.attributes.get(_OID_SIGNING_TIME)
        return None if found is None else found.time()

    @property
    def content_type(self) -> str | None:
        """The signed type of the content; raises Asn1Error."""
        found = self.attributes.get(_OID_CONTENT_TYPE)
        return None if found is None else found.oid()

    def signed_over(self, content: bytes) -> bytes:
        """The octets that the signature value is made over."""
        return content if self.signed_attributes is None else self.signed_attributes


@dataclass(frozen=True, slots=True)
class SignedData:
    """Content (None when detached), certificates and signers."""

    content_type: str
    content: bytes | None
    certificates: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]

    def certificate_of(self, signer: SignerInfo) -> Certificate | None:
        """The certificate that the signer names, or None; malformed ones are passed over."""
        for certificate in self.readable():
            is_named = (
                certificate.issuer.raw == signer.issuer and certificate.serial == signer.serial
            )
            try:
                if is_named or (signer.key_id and certificate.subject_key_id == signer.key_id):
                    return certificate
            except Asn1Error:
                continue
        return None

    def readable(self) -> Sequence[Certificate]:
        """All certificates that can be read."""
        found: list[Certificate] = []
        for data in self.certificates:
            try:
                found.append(read_certificate(data))
            except Asn1Error:
                continue
        return found


def is_signed_data(node: Node) -> bool:
    """Whether this is a ContentInfo of signed data."""
    if node.tag != tlv.SEQUENCE or node.content[:1] != bytes((tlv.OID,)):
        return False
    parts = node.children()
    return bool(parts) and parts[0].tag == tlv.OID and parts[0].oid() in _SIGNED_DATA


def holds(signer: SignerInfo, certificate: Certificate, content: bytes) -> bool:
    """Whether the signer's value is right over the content, or over its attributes.

    The digest inside the attributes must then be that of the content.
    """
    if signer.signed_attributes is not None and signer.message_digest != sm3.digest(content):
        return False
    return verifies(certificate, signer.signed_over(content), signer.signature)


def read_signed_data(data: bytes) -> SignedData:
    """Read a ContentInfo of signed data; raises Asn1Error and nothing else."""
    kind, wrapped = tlv.parse(data).sequence(2)
    if kind.oid() not in _SIGNED_DATA:
        raise Asn1Error("not signed data")
    inner = wrapped.expect(tlv.CONTEXT_0).children()
    if len(inner) != 1:
        raise Asn1Error("malformed ContentInfo")
    fields = list(inner[0].sequence(4, 6))
    encapsulated = fields[2].sequence(1, 2)
    certificates: tuple[bytes, ...] = ()
    for field in fields[3:-1]:
        if field.tag == tlv.CONTEXT_0:
            certificates = tuple(item.raw for item in field.children())
        elif field.tag != _IMPLICIT_1:
            raise Asn1Error("malformed SignedData")
    if len(certificates) > _MAX_CERTIFICATES:
        raise Asn1Error("too many certificates")
    signers = tuple(_signer(item) for item in fields[-1].expect(tlv.SET).children())
    if not signers:
        raise Asn1Error("signed by nobody")
    content = _content(encapsulated[1]) if len(encapsulated) > 1 else None
    return SignedData(encapsulated[0].oid(), content, certificates, signers)


def _content(node: Node) -> bytes:
    inner = node.expect(tlv.CONTEXT_0).children()
    if len(inner) != 1:
        raise Asn1Error("malformed content")
    if inner[0].tag == _CONSTRUCTED_OCTETS:
        return b"".join(item.octets() for item in inner[0].children())
    return inner[0].octets()


def _signer(node: Node) -> SignerInfo:
    fields = list(node.sequence(5, 7))
    who, digest = fields[1], fields[2]
    issuer, serial, key_id = None, None, None
    if who.tag == tlv.SEQUENCE:
        name, number = who.sequence(2)
        issuer, serial = name.raw, number.integer()
    else:
        key_id = who.expect(_KEY_ID).content
    rest = fields[3:]
    signed: bytes | None = None
    attributes: dict[str, Node] = {}
    if rest[0].tag == tlv.CONTEXT_0:
        # The signature is made over a SET, the [0] only stands in the message (RFC 5652 5.4).
        signed = bytes((tlv.SET,)) + rest[0].raw[1:]
        attributes = _attributes(rest.pop(0))
    if len(rest) not in {2, 3}:
        raise Asn1Error("malformed SignerInfo")
    return SignerInfo(
        issuer=issuer,
        serial=serial,
        key_id=key_id,
        digest_algorithm=digest.sequence(1, 2)[0].oid(),
        signed_attributes=signed,
        attributes=attributes,
        signature_algorithm=rest[0].sequence(1, 2)[0].oid(),
        signature=rest[1].octets(),
    )


def _attributes(node: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for item in node.children():
        kind, values = item.sequence(2)
        value = values.expect(tlv.SET).children()
        if len(value) != 1 or kind.oid() in found:
            raise Asn1Error("malformed attribute")
        found[kind.oid()] = value[0]
    return found
