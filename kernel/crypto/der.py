"""The few DER forms (ITU-T X.690) that SM2 keys, signatures and ciphertexts need, read strictly."""

from __future__ import annotations

from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30

_LONG_FORM: Final = 0x80


def write(tag: int, content: bytes) -> bytes:
    """Return tag, definite length and content."""
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def write_integer(number: int) -> bytes:
    """Return a non-negative INTEGER."""
    return write(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def read(data: bytes) -> tuple[int, bytes, bytes]:
    """Return tag, content and the bytes behind the first element; raise ValueError for anything not
    DER.
    """
    if len(data) < 2:
        raise ValueError("truncated element")
    tag, size, start = data[0], data[1], 2
    if size >= _LONG_FORM:
        width = size & 0x7F
        if not 1 <= width <= 4 or len(data) < 2 + width:
            raise ValueError("unusable length")
        start = 2 + width
        size = int.from_bytes(data[2:start])
        if size < _LONG_FORM or size.bit_length() <= (width - 1) * 8:
            raise ValueError("length not in its shortest form")
    if len(data) < start + size:
        raise ValueError("truncated content")
    return tag, data[start : start + size], data[start + size :]


def read_as(tag: int, data: bytes) -> tuple[bytes, bytes]:
    """Return content and rest of the first element, which must have this tag; ValueError
    otherwise.
    """
    found, content, rest = read(data)
    if found != tag:
        raise ValueError("unexpected tag")
    return content, rest


def read_only(tag: int, data: bytes) -> bytes:
    """Return the content of the one element that fills the data; ValueError otherwise."""
    content, rest = read_as(tag, data)
    if rest:
        raise ValueError("trailing bytes")
    return content


def read_integer(data: bytes) -> tuple[int, bytes]:
    """Return a non-negative INTEGER in its shortest form, and the rest; ValueError otherwise."""
    content, rest = read_as(INTEGER, data)
    if not content or content[0] & 0x80:
        raise ValueError("empty or negative integer")
    if len(content) > 1 and content[0] == 0 and not content[1] & 0x80:
        raise ValueError("integer not in its shortest form")
    return int.from_bytes(content), rest
