"""Read e-seals and seal signatures: tell the generation, then hand over to its reader."""

from typing import Final

from e_seal.asn1 import tlv
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.ses import v4
from e_seal.ses.model import V1, V4, V5, Seal, SealSignature, SesFormatError, SesVersionUnsupported

_OID_SIGNED_DATA: Final = "1.2.156.10197.6.1.4.2.2"


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


def signature_version(node: Node) -> int:
    """Tell the generation of an SES_Signature; CMS and bare r, s raise SesVersionUnsupported."""
    parts = node.sequence(2, 5)
    if parts[0].tag == tlv.OID and parts[0].oid() == _OID_SIGNED_DATA:
        raise SesVersionUnsupported("CMS (GB/T 35275)")
    if len(parts) == 2 and parts[0].tag == parts[1].tag == tlv.INTEGER:
        raise SesVersionUnsupported("bare SM2 signature")
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
    """Read an SESeal; raises SesFormatError (SesVersionUnsupported for v1, v5) and nothing else."""
    try:
        node = tlv.parse(data)
        version = seal_version(node)
        if version != V4:
            raise SesVersionUnsupported(version)
        return v4.read_seal(node)
    except Asn1Error as exc:
        raise SesFormatError(str(exc)) from exc


def read_signature(data: bytes) -> SealSignature:
    """Read an SES_Signature; raises SesFormatError (or SesVersionUnsupported), nothing else."""
    try:
        node = tlv.parse(data)
        version = signature_version(node)
        if version != V4:
            raise SesVersionUnsupported(version)
        return v4.read_signature(node)
    except Asn1Error as exc:
        raise SesFormatError(str(exc)) from exc
