"""The three byte orders of an SM2 ciphertext: ASN.1 (GM/T 0009), C1C3C2 (GB/T 32918.4) and the
older C1C2C3.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from kernel.crypto import der
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.sm2_keys import POINT_SIZE, encode_point

HASH_SIZE: Final = 32


class Order(Enum):
    """How point C1 (04‖X‖Y), cipher text C2 and digest C3 follow each other."""

    ASN1 = "ASN1"
    C1C3C2 = "C1C3C2"
    C1C2C3 = "C1C2C3"


class Ciphertext(NamedTuple):
    """C1 as 65 bytes, C2 as long as the plain text, C3 of 32 bytes."""

    c1: bytes
    c2: bytes
    c3: bytes


def read(data: bytes, order: Order) -> Ciphertext:
    """Return the parts of a ciphertext; raise DecryptionFailed when it is too short or
    malformed.
    """
    if order is Order.ASN1:
        return _read_asn1(data)
    if len(data) <= POINT_SIZE + HASH_SIZE or data[0] != 4:
        raise DecryptionFailed("not 04, a point, a digest and at least one byte")
    c1, rest = data[:POINT_SIZE], data[POINT_SIZE:]
    if order is Order.C1C3C2:
        return Ciphertext(c1, rest[HASH_SIZE:], rest[:HASH_SIZE])
    return Ciphertext(c1, rest[:-HASH_SIZE], rest[-HASH_SIZE:])


def write(parts: Ciphertext, order: Order) -> bytes:
    """Return the ciphertext in the wanted order."""
    if order is Order.C1C3C2:
        return parts.c1 + parts.c3 + parts.c2
    if order is Order.C1C2C3:
        return parts.c1 + parts.c2 + parts.c3
    return der.write(
        der.SEQUENCE,
        der.write_integer(int.from_bytes(parts.c1[1:33]))
        + der.write_integer(int.from_bytes(parts.c1[33:]))
        + der.write(der.OCTET_STRING, parts.c3)
        + der.write(der.OCTET_STRING, parts.c2),
    )


def convert(data: bytes, source: Order, target: Order) -> bytes:
    """Return a ciphertext in another order; raise DecryptionFailed when it is malformed."""
    return write(read(data, source), target)


def from_hex(text: str) -> bytes:
    """Return the bytes of hexadecimal text in either case; raise DecryptionFailed for
    other text.
    """
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise DecryptionFailed("the ciphertext is not hexadecimal") from None


def _read_asn1(data: bytes) -> Ciphertext:
    try:
        x, rest = der.read_integer(der.read_only(der.SEQUENCE, data))
        y, rest = der.read_integer(rest)
        c3, rest = der.read_as(der.OCTET_STRING, rest)
        c2 = der.read_only(der.OCTET_STRING, rest)
    except ValueError as error:
        raise DecryptionFailed(f"not an SM2 ciphertext: {error}") from None
    if max(x, y) >= 1 << 256 or len(c3) != HASH_SIZE or not c2:
        raise DecryptionFailed("an SM2 ciphertext with parts of wrong length")
    return Ciphertext(encode_point((x, y)), c2, c3)
