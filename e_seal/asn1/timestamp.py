"""Read time-stamp tokens (时间戳, RFC 3161 with the algorithms of GB/T 20520)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from e_seal.asn1 import cms, tlv
from e_seal.asn1.cms import SignedData
from e_seal.asn1.tlv import Asn1Error, Node

_OID_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_OID_SM3: Final = "1.2.156.10197.1.401"


@dataclass(frozen=True, slots=True)
class Token:
    """What an authority states: this imprint existed at this instant."""

    signed: SignedData
    content: bytes
    imprint_algorithm: str
    imprint: bytes
    stamped_at: datetime

    @property
    def is_sm3(self) -> bool:
        """Whether the imprint is SM3 and the signature SM2."""
        return self.imprint_algorithm == _OID_SM3 and self.signed.signers[0].is_sm2


def read_token(data: bytes) -> Token:
    """Read a TimeStampToken, or a TimeStampResp around one; raises Asn1Error."""
    node = tlv.parse(data)
    if not cms.is_signed_data(node):
        node = _inside_response(node)
    signed = cms.read_signed_data(node.raw)
    if signed.content is None or signed.content_type != _OID_TST_INFO:
        raise Asn1Error("no TSTInfo inside")
    _, _, imprint, _, stamped_at, *_ = tlv.parse(signed.content).sequence(5, 10)
    algorithm, digest = imprint.sequence(2)
    return Token(
        signed=signed,
        content=signed.content,
        imprint_algorithm=algorithm.sequence(1, 2)[0].oid(),
        imprint=digest.octets(),
        stamped_at=stamped_at.expect(tlv.GENERALIZED_TIME).time(),
    )


def _inside_response(node: Node) -> Node:
    _, token = node.sequence(2)
    return tlv.parse(token.raw)
