"""Read e-seals and seal signatures: tell the generation, then hand over to its reader."""

from e_seal.asn1 import tlv
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.ses import v4
from e_seal.ses.model import V1, V4, V5, Seal, SealSignature, SesFormatError, SesVersionUnsupported


def _header_version(info: Node) -> int:
    header = info.expect(tlv.SEQUENCE).children()
    if not header:
        raise SesFormatError("SES_SealInfo is empty")
    return header[0].sequence(3)[1].integer()


def seal_version(node: Node) -> int:
    """Tell the generation of an SESeal by its shape; raises SesFormatError or Asn1Error.

    Two elements are v1, five v5; four are v4 unless the header says otherwise.
    """
    parts = node.sequence(2, 5)
    if len(parts) == 2:
        return V1
    version = _header_version(parts[0])
    if len(parts) == 5:
        return V5
    return version


def signature_version(node: Node) -> int:
    """Tell the generation of an SES_Signature; CMS and bare r, s raise SesVersionUnsupported."""
    parts = node.sequence(1, 5)
    if parts[0].tag == tlv.OID:
        raise SesVersionUnsupported("CMS (GB/T 35275)")
    if parts[0].tag == tlv.INTEGER:
        raise SesVersionUnsupported("bare SM2 signature")
    if len(parts) == 2:
        return V1
    to_sign = parts[0].expect(tlv.SEQUENCE).children()
    if len(to_sign) < 2:
        raise SesFormatError("TBS_Sign is too short")
    return seal_version(to_sign[1])


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
