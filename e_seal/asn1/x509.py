"""Read X.509 certificates of Chinese CAs leniently, keeping the bytes that were signed.

The ``cryptography`` package refuses SM2 keys and several live seal certificates (explicitly encoded
defaults, stray string types), so this reader is the authority for key, validity, usage and names.
RFC 5280 names the fields; GM/T 0015 adds only the algorithm identifiers.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from e_seal.asn1 import tlv
from e_seal.asn1.tlv import Asn1Error, Node

OID_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
OID_SM2_CURVE: Final = "1.2.156.10197.1.301"
OID_SM2_WITH_SM3: Final = "1.2.156.10197.1.501"

OID_SUBJECT_KEY_ID: Final = "2.5.29.14"
OID_KEY_USAGE: Final = "2.5.29.15"
OID_BASIC_CONSTRAINTS: Final = "2.5.29.19"
OID_AUTHORITY_KEY_ID: Final = "2.5.29.35"
OID_EXTENDED_KEY_USAGE: Final = "2.5.29.37"
OID_DISTRIBUTION_POINTS: Final = "2.5.29.31"
OID_TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"

MAX_CERTIFICATE: Final = 32 * 1024
"""Octets (OURS): live certificates have about one thousand; parsed ones are kept in memory."""

_ATTRIBUTES: Final[Mapping[str, str]] = {
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "TITLE",
    "2.5.4.42": "GIVENNAME",
    "2.5.4.45": "X500UID",
    "1.2.840.113549.1.9.1": "EMAIL",
}
_KEY_USAGES: Final = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
_SM2_POINT_BYTES: Final = 65
_SM2_KEYS: Final = frozenset(
    {
        (OID_EC_PUBLIC_KEY, OID_SM2_CURVE),
        (OID_SM2_CURVE, OID_SM2_CURVE),
        (OID_SM2_CURVE, None),
    }
)


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name: attribute label (or dotted OID) and text, in order."""

    raw: bytes
    attributes: tuple[tuple[str, str], ...]

    def get(self, label: str) -> str | None:
        """First value of an attribute such as ``CN``, or None."""
        return next((text for name, text in self.attributes if name == label), None)

    def __str__(self) -> str:
        """Readable form, most significant first as encoded."""
        return ", ".join(f"{name}={text}" for name, text in self.attributes)


@dataclass(frozen=True, slots=True)
class Extension:
    """One certificate or seal extension, its value undecoded."""

    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the product needs from one certificate; ``raw`` and ``tbs`` are received bytes."""

    raw: bytes
    tbs: bytes
    serial: int
    issuer: Name
    subject: Name
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    key_curve: str | None
    public_point: bytes
    extensions: tuple[Extension, ...]
    signature_algorithm: str
    signature: bytes

    @property
    def is_sm2(self) -> bool:
        """Whether the key is an uncompressed point on the SM2 curve.

        Some issuers name the curve as the algorithm, too.
        """
        return (
            (self.key_algorithm, self.key_curve) in _SM2_KEYS
            and len(self.public_point) == _SM2_POINT_BYTES
            and self.public_point[0] == 4  # SEC 1 2.3.3, uncompressed form
        )

    def extension(self, oid: str) -> Extension | None:
        """The extension with this OID, or None."""
        return next((item for item in self.extensions if item.oid == oid), None)

    @property
    def key_usage(self) -> frozenset[str] | None:
        """Names of the asserted key usages, or None when the extension is absent."""
        found = self.extension(OID_KEY_USAGE)
        if found is None:
            return None
        # The unused-bits octet of a named bit list is not zero, so the content is read directly.
        bits = tlv.parse(found.value).expect(tlv.BIT_STRING).content[1:]
        return frozenset(
            name
            for index, name in enumerate(_KEY_USAGES)
            if index // 8 < len(bits) and bits[index // 8] & 0x80 >> index % 8
        )

    @property
    def basic_constraints(self) -> tuple[bool, int | None]:
        """``(is a CA, path length)``; absent extension means not a CA."""
        found = self.extension(OID_BASIC_CONSTRAINTS)
        if found is None:
            return False, None
        is_ca, path_length = False, None
        for item in tlv.parse(found.value).expect(tlv.SEQUENCE).children():
            if item.tag == tlv.BOOLEAN:
                is_ca = item.boolean()
            else:
                path_length = item.integer()
        return is_ca, path_length

    @property
    def extended_key_usage(self) -> frozenset[str] | None:
        """Dotted purposes, or None when the extension is absent."""
        found = self.extension(OID_EXTENDED_KEY_USAGE)
        if found is None:
            return None
        return frozenset(item.oid() for item in tlv.parse(found.value).sequence(1, 64))

    @property
    def distribution_points(self) -> frozenset[bytes]:
        """GeneralNames (raw TLVs) under which the issuer publishes its CRLs (RFC 5280 4.2.1.13)."""
        found = self.extension(OID_DISTRIBUTION_POINTS)
        if found is None:
            return frozenset()
        points = tlv.parse(found.value).expect(tlv.SEQUENCE).children()
        return frozenset(name for point in points for name in full_names(point))

    @property
    def subject_key_id(self) -> bytes | None:
        """SubjectKeyIdentifier octets, or None."""
        found = self.extension(OID_SUBJECT_KEY_ID)
        return None if found is None else tlv.parse(found.value).octets()

    @property
    def authority_key_id(self) -> bytes | None:
        """AuthorityKeyIdentifier.keyIdentifier octets, or None."""
        found = self.extension(OID_AUTHORITY_KEY_ID)
        if found is None:
            return None
        items = tlv.parse(found.value).expect(tlv.SEQUENCE).children()
        return next((item.content for item in items if item.tag == 0x80), None)  # [0]

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether ``moment`` (aware) lies inside the validity period, ends included."""
        return self.not_before <= moment <= self.not_after


def read_extensions(node: Node) -> tuple[Extension, ...]:
    """Read a SEQUENCE OF {OID, critical DEFAULT FALSE, OCTET STRING}."""
    found: list[Extension] = []
    for item in node.expect(tlv.SEQUENCE).children():
        parts = item.sequence(2, 3)
        critical = parts[1].boolean() if len(parts) == 3 else False  # the optional one
        found.append(Extension(parts[0].oid(), critical, parts[-1].octets()))
    return tuple(found)


def full_names(point: Node) -> Iterator[bytes]:
    """Raw names of ``[0] DistributionPointName { [0] fullName }`` (RFC 5280 4.2.1.13)."""
    for field in point.children():
        if field.tag == tlv.CONTEXT_0:
            for choice in field.children():
                if choice.tag == tlv.CONTEXT_0:
                    yield from (name.raw for name in choice.children())


def read_name(node: Node) -> Name:
    """Read a distinguished name, its strings leniently; raises Asn1Error."""
    attributes: list[tuple[str, str]] = []
    for group in node.expect(tlv.SEQUENCE).children():
        for item in group.expect(tlv.SET).children():
            kind, value = item.sequence(2)
            oid = kind.oid()
            # x500UniqueIdentifier is a BIT STRING by standard and a string in the field.
            text = value.content[1:].hex() if value.tag == tlv.BIT_STRING else value.text()
            attributes.append((_ATTRIBUTES.get(oid, oid), text))
    return Name(node.raw, tuple(attributes))


def _public_key(node: Node) -> tuple[str, str | None, bytes]:
    algorithm, key = node.sequence(2)
    parts = algorithm.sequence(1, 2)
    curve = parts[1].oid() if len(parts) > 1 and parts[1].tag == tlv.OID else None
    return parts[0].oid(), curve, key.bits()


@functools.lru_cache(maxsize=512)
def read_certificate(data: bytes) -> Certificate:
    """Read one DER certificate; raises Asn1Error and nothing else."""
    if len(data) > MAX_CERTIFICATE:
        raise Asn1Error("certificate too large")
    tbs, algorithm, signature = tlv.parse(data).sequence(3)
    fields = list(tbs.expect(tlv.SEQUENCE).children())
    if fields and fields[0].tag == tlv.CONTEXT_0:
        del fields[0]
    if len(fields) < 6:  # serial to subjectPublicKeyInfo are mandatory
        raise Asn1Error("certificate lacks mandatory fields")
    serial, inner_algorithm, issuer, validity, subject, key = fields[:6]
    if inner_algorithm.raw != algorithm.raw:  # RFC 5280 4.1.1.2
        raise Asn1Error("two signature algorithms")
    extensions: tuple[Extension, ...] = ()
    for extra in fields[6:]:
        if extra.tag == tlv.CONTEXT_3:
            inner = extra.children()
            if len(inner) != 1:
                raise Asn1Error("malformed extensions")
            extensions = read_extensions(inner[0])
    not_before, not_after = validity.sequence(2)
    key_algorithm, curve, point = _public_key(key)
    return Certificate(
        raw=data,
        tbs=tbs.raw,
        serial=serial.integer(),
        issuer=read_name(issuer),
        subject=read_name(subject),
        not_before=not_before.time(),
        not_after=not_after.time(),
        key_algorithm=key_algorithm,
        key_curve=curve,
        public_point=point,
        extensions=extensions,
        signature_algorithm=algorithm.sequence(1, 2)[0].oid(),
        signature=signature.bits(),
    )
