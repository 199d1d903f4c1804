"""Read the seal structures of GB/T 38540-2020 (version 4) and GM/T 0031-2025 (version 5).

Version 5 adds a timestamp over the seal's signature value.
"""

from functools import lru_cache

from e_seal.asn1 import tlv
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.asn1.x509 import Extension, read_extensions
from e_seal.ses.model import HEADER_ID, V4, V5, Picture, Seal, SealSignature, SesFormatError, Signer

_CERTIFICATES = 1
_DIGESTS = 2
_IMPLICIT_0 = 0x80
MAX_REMEMBERED = 64 * 1024
"""Octets (OURS), so that strangers cannot fill the memory."""


def _signers(kind: int, node: Node) -> tuple[Signer, ...]:
    items = node.expect(tlv.SEQUENCE).children()
    if kind == _CERTIFICATES:
        return tuple(Signer(certificate=item.octets()) for item in items)
    if kind == _DIGESTS:
        pairs = (item.sequence(2) for item in items)
        return tuple(Signer(digest_algorithm=a.text(), digest=b.octets()) for a, b in pairs)
    raise SesFormatError(f"certListType {kind}")


def _picture(node: Node) -> Picture:
    kind, data, width, height = node.sequence(4)
    return Picture(kind.text(), data.octets(), width.integer(), height.integer())


def read_seal(node: Node) -> Seal:
    """Read an SESeal; raises SesFormatError or Asn1Error."""
    info, maker, algorithm, signature, *stamp = node.sequence(4, 5)
    fields = info.sequence(4, 5)
    header_id, number, vendor = fields[0].sequence(3)
    version = number.integer()
    if header_id.text() != HEADER_ID or version not in {V4, V5} or (stamp and version != V5):
        raise SesFormatError("header is not that of a version 4 or 5 seal")
    kind, name, list_type, signers, created, start, end = fields[2].sequence(7)
    return Seal(
        raw=node.raw,
        signed=info.raw,
        version=version,
        header_id=HEADER_ID,
        vendor_id=vendor.text(),
        code=fields[1].text(),
        type=kind.integer(),
        name=name.text(),
        signers=_signers(list_type.integer(), signers),
        created_at=created.time(),
        valid_from=start.time(),
        valid_until=end.time(),
        picture=_picture(fields[3]),
        extensions=read_extensions(fields[4]) if len(fields) == 5 else (),
        maker_certificate=maker.octets(),
        signature_algorithm=algorithm.oid(),
        signature=signature.bits(),
        timestamp=_timestamp(stamp[0]) if stamp else None,
    )


def _tagged_extensions(node: Node) -> tuple[Extension, ...]:
    inner = node.expect(tlv.CONTEXT_0).children()
    if len(inner) == 1 and inner[0].tag == tlv.SEQUENCE and _holds_sequences(inner[0]):
        return read_extensions(inner[0])
    # The tagging mode of the standard's module is unsettled: here [0] replaced the SEQUENCE tag.
    return read_extensions(tlv.parse(tlv.encode(tlv.SEQUENCE, node.content)))


def _holds_sequences(node: Node) -> bool:
    return all(item.tag == tlv.SEQUENCE for item in node.children())


def _timestamp(node: Node) -> bytes:
    if node.tag == _IMPLICIT_0:
        if not node.content or node.content[0] != 0:
            raise Asn1Error("malformed timestamp")
        return node.content[1:]
    inner = node.expect(tlv.CONTEXT_0).children()
    if len(inner) != 1:
        raise Asn1Error("malformed timestamp")
    return inner[0].bits()


def _embedded(node: Node) -> Seal:
    if len(node.raw) > MAX_REMEMBERED:
        return read_seal(node)
    return _remembered(node.raw)


@lru_cache(maxsize=64)
def _remembered(raw: bytes) -> Seal:
    """One seal signs many documents; what was read of it once holds for the same bytes."""
    return read_seal(tlv.parse(raw))


def read_signature(node: Node) -> SealSignature:
    """Read an SES_Signature; raises SesFormatError or Asn1Error."""
    parts = node.sequence(4, 5)
    fields = parts[0].sequence(5, 6)
    seal = _embedded(fields[1])
    return SealSignature(
        raw=node.raw,
        signed=parts[0].raw,
        version=seal.version,
        seal=seal,
        signed_at=fields[2].time(),
        data_hash=fields[3].bits(),
        property_info=fields[4].text(),
        extensions=_tagged_extensions(fields[5]) if len(fields) == 6 else (),
        signer_certificate=parts[1].octets(),
        signature_algorithm=parts[2].oid(),
        signature=parts[3].bits(),
        timestamp=_timestamp(parts[4]) if len(parts) == 5 else None,
    )
