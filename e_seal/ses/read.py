"""Read e-seals and seal signatures: tell the generation, then hand over to its reader."""

from enum import StrEnum
from functools import lru_cache

from e_seal.asn1 import cms, tlv
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.ses import v1, v4
from e_seal.ses.model import V1, V4, V5, Seal, SealSignature, SesFormatError, SesVersionUnsupported


class ValueKind(StrEnum):
    """What a SignedValue.dat may hold."""

    SEAL = "seal"
    """An SES_Signature: with a seal."""
    SIGNED_DATA = "signed_data"
    """GB/T 35275 signed data: a signature without a seal (Type="Sign")."""
    BARE = "bare"
    """SEQUENCE of r and s, without a certificate."""


def _header_version(info: Node) -> int:
    header = info.expect(tlv.SEQUENCE).children()
    if not header:
        raise SesFormatError("SES_SealInfo is empty")
    return header[0].sequence(3)[1].integer()


def seal_version(node: Node) -> int:
    """Tell the generation of an SESeal by its shape; raises SesFormatError or Asn1Error.

    Two elements are v1, five v5; four are v4 unless the header says 5.
    """
    parts = node.sequence(2, 5)
    if len(parts) == 2:
        return V1
    version = _header_version(parts[0])
    if version != V5 and (len(parts) == 5 or version != V4):
        raise SesFormatError(f"{len(parts)} elements and version {version}")
    return version


def _kind(node: Node) -> ValueKind:
    if cms.is_signed_data(node):
        return ValueKind.SIGNED_DATA
    parts = node.sequence(2, 5)
    if len(parts) == 2 and parts[0].tag == parts[1].tag == tlv.INTEGER:
        return ValueKind.BARE
    return ValueKind.SEAL


def signature_version(node: Node) -> int:
    """Tell the generation of an SES_Signature; raises SesFormatError or Asn1Error."""
    parts = node.sequence(2, 5)
    to_sign = parts[0].expect(tlv.SEQUENCE).children()
    if len(to_sign) < 2:
        raise SesFormatError("TBS_Sign is too short")
    version = seal_version(to_sign[1])
    # The standard's own example of v1 states another number than the samples do.
    if (len(parts) == 2) is not (version == V1) or (
        version != V1 and to_sign[0].integer() != version
    ):
        raise SesFormatError("TBS_Sign and seal are of different versions")
    return version


def read_seal(data: bytes) -> Seal:
    """Read an SESeal of any generation; raises SesFormatError and nothing else."""
    return _read_seal(data) if len(data) > v4.MAX_REMEMBERED else _remembered(data)


def _read_seal(data: bytes) -> Seal:
    try:
        node = tlv.parse(data)
        return v1.read_seal(node) if seal_version(node) == V1 else v4.read_seal(node)
    except Asn1Error as exc:
        raise SesFormatError(str(exc)) from exc


_remembered = lru_cache(maxsize=64)(_read_seal)
"""By its exact bytes: one seal is used for many documents."""


def read_signature(data: bytes) -> SealSignature:
    """Read an SES_Signature of any generation; raises SesFormatError.

    Signed data and bare r, s carry no seal: they raise SesVersionUnsupported.
    """
    found = read_value(data)
    if isinstance(found, ValueKind):
        raise SesVersionUnsupported(found)
    return found


def read_value(data: bytes) -> SealSignature | ValueKind:
    """Read a SignedValue.dat that is an SES_Signature, tell what it is otherwise.

    Raises SesFormatError.
    """
    try:
        node = tlv.parse(data)
        kind = _kind(node)
        if kind is not ValueKind.SEAL:
            return kind
        if signature_version(node) == V1:
            return v1.read_signature(node)
        return v4.read_signature(node)
    except Asn1Error as exc:
        raise SesFormatError(str(exc)) from exc
