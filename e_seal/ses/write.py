"""Write seals and seal signatures (GB/T 38540-2020, or GM/T 0031-2025), for simulators and tests.

The gateway itself never holds a seal's key: in production both structures come from the province.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from e_seal.asn1 import tlv
from e_seal.asn1.issue import Holder
from e_seal.asn1.x509 import OID_SM2_WITH_SM3
from e_seal.ses.model import HEADER_ID, V1, V4, V5, Picture, SesFormatError
from e_seal.ses.read import read_seal
from kernel.crypto import sm2

Stamper: TypeAlias = Callable[[bytes], bytes]
"""Asks a time-stamping authority for a token over a signature value."""


@dataclass(frozen=True)
class SealDraft:
    """What a seal to be made shall say; ``signers`` are certificates (DER)."""

    code: str
    name: str
    signers: Sequence[bytes]
    created_at: datetime
    valid_from: datetime
    valid_until: datetime
    picture: Picture
    type: int = 1
    vendor_id: str = "ONEWINDOW"
    version: int = V4


def make_seal(draft: SealDraft, maker: Holder, stamp: Stamper | None = None) -> bytes:
    """Make an SESeal signed by ``maker`` (制章者); only version 5 has room for a timestamp."""
    if stamp is not None and draft.version != V5:
        raise ValueError("only a seal of version 5 carries a timestamp")
    header = tlv.sequence(tlv.ia5(HEADER_ID), tlv.integer(draft.version), tlv.ia5(draft.vendor_id))
    properties = tlv.sequence(
        tlv.integer(draft.type),
        tlv.utf8(draft.name),
        tlv.integer(1),
        tlv.sequence(*(tlv.octet_string(certificate) for certificate in draft.signers)),
        tlv.generalized_time(draft.created_at),
        tlv.generalized_time(draft.valid_from),
        tlv.generalized_time(draft.valid_until),
    )
    picture = tlv.sequence(
        tlv.ia5(draft.picture.format),
        tlv.octet_string(draft.picture.data),
        tlv.integer(draft.picture.width),
        tlv.integer(draft.picture.height),
    )
    info = tlv.sequence(header, tlv.ia5(draft.code), properties, picture)
    return _signed(info, maker, stamp)


def make_signature(
    seal: bytes,
    data_hash: bytes,
    property_info: str,
    signed_at: datetime,
    signer: Holder,
    stamp: Stamper | None = None,
) -> bytes:
    """Make an SES_Signature over ``data_hash`` (32 octets, SM3 of Signature.xml) by ``signer``.

    Its version is the seal's. Raises SesFormatError for a seal of version 1.
    """
    version = read_seal(seal).version
    if version == V1:
        raise SesFormatError("version 1 is read only")
    to_sign = tlv.sequence(
        tlv.integer(version),
        seal,
        tlv.generalized_time(signed_at),
        tlv.bit_string(data_hash),
        tlv.ia5(property_info),
    )
    return _signed(to_sign, signer, stamp)


def _signed(body: bytes, holder: Holder, stamp: Stamper | None) -> bytes:
    value = sm2.sign(holder.key, body)
    return tlv.sequence(
        body,
        tlv.octet_string(holder.certificate),
        tlv.oid(OID_SM2_WITH_SM3),
        tlv.bit_string(value),
        b"" if stamp is None else tlv.explicit(0, tlv.bit_string(stamp(value))),
    )
