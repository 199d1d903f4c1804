"""Read the seal structures of GM/T 0031-2014 (version 1).

The maker signs a SEQUENCE that does not occur in the file: information, certificate and algorithm.
"""

import re
from datetime import UTC, datetime
from typing import Final

from e_seal.asn1 import timestamp, tlv
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.asn1.x509 import Extension, read_extensions
from e_seal.ses.model import HEADER_ID, V1, Picture, Seal, SealSignature, SesFormatError, Signer

_TIME: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:[.,]\d{1,9})?\s?Z?", re.ASCII
)


def _extensions(node: Node) -> tuple[Extension, ...]:
    # The standard says EXPLICIT without a number, the samples have no tag at all.
    if node.tag == tlv.CONTEXT_0:
        inner = node.children()
        if len(inner) != 1:
            raise Asn1Error("malformed extensions")
        node = inner[0]
    return read_extensions(node)


def read_seal(node: Node) -> Seal:
    """Read an SESeal; raises SesFormatError or Asn1Error."""
    info, sign_info = node.sequence(2)
    certificate, algorithm, signature = sign_info.sequence(3)
    fields = info.sequence(4, 5)
    header_id, _version, vendor = fields[0].sequence(3)
    if header_id.text() != HEADER_ID:
        raise SesFormatError("header is not that of a seal")
    kind, name, signers, created, start, end = fields[2].sequence(6)
    form, data, width, height = fields[3].sequence(4)
    return Seal(
        raw=node.raw,
        signed=tlv.sequence(info.raw, certificate.raw, algorithm.raw),
        version=V1,
        header_id=HEADER_ID,
        vendor_id=vendor.text(),
        code=fields[1].text(),
        type=kind.integer(),
        name=name.text(),
        # One vendor lists strings instead of OCTET STRINGs; no certificate will be equal to them.
        signers=tuple(
            Signer(certificate=item.content)
            for item in signers.expect(tlv.SEQUENCE).children()
            if not item.is_constructed
        ),
        created_at=created.time(),
        valid_from=start.time(),
        valid_until=end.time(),
        picture=Picture(form.text(), data.octets(), width.integer(), height.integer()),
        extensions=_extensions(fields[4]) if len(fields) == 5 else (),
        maker_certificate=certificate.octets(),
        signature_algorithm=algorithm.oid(),
        signature=signature.bits(),
    )


def _stated_time(data: bytes) -> tuple[datetime, bytes | None]:
    """(instant, token or None) of timeInfo, which holds a token, a TLV of a time, or just text."""
    try:
        node = tlv.parse(data)
        if node.tag in {tlv.UTC_TIME, tlv.GENERALIZED_TIME}:
            return node.time(), None
        return timestamp.read_token(data).stamped_at, data
    except Asn1Error:
        match = _TIME.fullmatch(data.decode("latin-1").strip())
        if match is None:
            raise SesFormatError("timeInfo is neither a token nor a time") from None
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC), None
    except ValueError as exc:
        raise SesFormatError("impossible time") from exc


def read_signature(node: Node) -> SealSignature:
    """Read an SES_Signature; raises SesFormatError or Asn1Error."""
    to_sign, signature = node.sequence(2)
    _version, seal, time_info, data_hash, path, certificate, algorithm = to_sign.sequence(7)
    signed_at, token = _stated_time(time_info.bits())
    return SealSignature(
        raw=node.raw,
        signed=to_sign.raw,
        version=V1,
        seal=read_seal(seal),
        signed_at=signed_at,
        data_hash=data_hash.bits(),
        property_info=path.text(),
        extensions=(),
        signer_certificate=certificate.octets(),
        signature_algorithm=algorithm.oid(),
        signature=signature.bits(),
        timestamp=None,
        time_token=token,
    )
