"""Read and write DER TLVs while keeping every original byte.

Real seals are not strict DER (tax seals encode ``critical FALSE`` although it is the default), so a
signature can only be verified over the slice that was received. The reader therefore keeps ``raw``
for each node and decodes values lazily. ITU-T X.690 is the source of the rules.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

MAX_BYTES: Final = 4 * 1024 * 1024
"""Octets (OURS): seals have tens of thousands; every level that is opened copies its content."""
MAX_DEPTH: Final = 32
MAX_CHILDREN: Final = 4096
_MAX_LENGTH_OCTETS: Final = 4
_MAX_OID_BYTES: Final = 64

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTF8_STRING: Final = 0x0C
PRINTABLE_STRING: Final = 0x13
T61_STRING: Final = 0x14
IA5_STRING: Final = 0x16
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
BMP_STRING: Final = 0x1E
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0: Final = 0xA0
CONTEXT_3: Final = 0xA3

_STRING_TAGS: Final = frozenset(
    {UTF8_STRING, PRINTABLE_STRING, T61_STRING, IA5_STRING, BMP_STRING, 0x12, 0x1A, 0x1B, 0x1C}
)
_TIME: Final = re.compile(
    r"(\d{12})(\d{2})?(?:[.,](\d{1,9}))?(?:Z|([+-])(\d{2})(\d{2}))?", re.ASCII
)


class Asn1Error(ValueError):
    """The bytes are not the ASN.1 that was expected; the only error this package raises."""


class Node(NamedTuple):
    """One TLV: identifier octet, content octets and the whole slice they came from."""

    tag: int
    content: bytes
    raw: bytes
    depth: int = 0

    @property
    def is_constructed(self) -> bool:
        """Whether the content is itself a list of TLVs."""
        return bool(self.tag & 0x20)

    def expect(self, *tags: int) -> "Node":
        """Return this node if its tag is one of ``tags``; raises Asn1Error otherwise."""
        if self.tag not in tags:
            wanted = ", ".join(f"{tag:02x}" for tag in tags)
            raise Asn1Error(f"tag {self.tag:02x} where {wanted} was expected")
        return self

    def children(self) -> tuple["Node", ...]:
        """Split the content into TLVs; raises Asn1Error if it is not a list of TLVs."""
        self._require_room()
        found: list[Node] = []
        offset, end, depth = 0, len(self.content), self.depth + 1
        while offset < end:
            node, offset = _read(self.content, offset, depth)
            found.append(node)
            if len(found) > MAX_CHILDREN:
                raise Asn1Error("too many elements")
        return tuple(found)

    def walk(self) -> Iterator["Node"]:
        """The same one by one and without a limit, for revocation lists; raises Asn1Error."""
        self._require_room()
        offset, end, depth = 0, len(self.content), self.depth + 1
        while offset < end:
            node, offset = _read(self.content, offset, depth)
            yield node

    def _require_room(self) -> None:
        if not self.is_constructed:
            raise Asn1Error(f"tag {self.tag:02x} is primitive")
        if self.depth >= MAX_DEPTH:
            raise Asn1Error("nested too deeply")

    def sequence(self, least: int, most: int | None = None) -> tuple["Node", ...]:
        """Children of a SEQUENCE whose length lies in ``least..most`` (most defaults to least)."""
        found = self.expect(SEQUENCE).children()
        if not least <= len(found) <= (least if most is None else most):
            raise Asn1Error(f"SEQUENCE of {len(found)} elements")
        return found

    def integer(self) -> int:
        """Value of an INTEGER, two's complement."""
        self.expect(INTEGER)
        if not self.content:
            raise Asn1Error("empty INTEGER")
        return int.from_bytes(self.content, "big", signed=True)

    def boolean(self) -> bool:
        """Value of a BOOLEAN; any non-zero octet is true (BER), as tolerant vendors expect."""
        self.expect(BOOLEAN)
        if len(self.content) != 1:
            raise Asn1Error("BOOLEAN is not one octet")
        return self.content != b"\x00"

    def octets(self) -> bytes:
        """Content of a primitive OCTET STRING."""
        return self.expect(OCTET_STRING).content

    def bits(self) -> bytes:
        """Content of a BIT STRING with no unused bits, without its first octet."""
        self.expect(BIT_STRING)
        if not self.content or self.content[0] != 0:
            raise Asn1Error("BIT STRING with unused bits")
        return self.content[1:]

    def oid(self) -> str:
        """Dotted text of an OBJECT IDENTIFIER."""
        self.expect(OID)
        if not self.content or len(self.content) > _MAX_OID_BYTES or self.content[-1] & 0x80:
            raise Asn1Error("malformed OBJECT IDENTIFIER")
        arcs: list[int] = []
        value = 0
        for octet in self.content:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))

    def text(self) -> str:
        """Text of any string type, decoded leniently.

        Real certificates hold UTF-8 in IA5String and T61String, so every type but BMPString is
        tried as UTF-8 first and as GB 18030, then Latin-1 after that.
        """
        if self.tag not in _STRING_TAGS:
            raise Asn1Error(f"tag {self.tag:02x} is not a string")
        if self.tag == BMP_STRING:
            return self.content.decode("utf-16-be", errors="replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                return self.content.decode(encoding)
            except UnicodeDecodeError:
                continue
        return self.content.decode("latin-1")

    def time(self) -> datetime:
        """Aware UTC instant of a UTCTime or GeneralizedTime; no zone is read as UTC."""
        self.expect(UTC_TIME, GENERALIZED_TIME)
        return parse_time(self.content.decode("latin-1"), short_year=self.tag == UTC_TIME)


def parse_time(text: str, *, short_year: bool) -> datetime:
    """Parse ``YYMMDDHHMM[SS]`` (short year) or ``YYYYMMDDHHMM[SS][.f]`` with an optional zone."""
    if short_year:
        # RFC 5280 4.1.2.5.1: years 50-99 belong to the 1900s.
        text = ("19" if text[:2] >= "50" else "20") + text
    match = _TIME.fullmatch(text)
    if match is None:
        raise Asn1Error("malformed time")
    digits, second, fraction, sign, hours, minutes = match.groups()
    fields = int(digits[:4]), int(digits[4:6]), int(digits[6:8]), int(digits[8:10])
    micro = int((fraction or "").ljust(6, "0")[:6])
    try:
        moment = datetime(*fields, int(digits[10:]), int(second or 0), micro, tzinfo=UTC)
        if sign:
            shift = timedelta(hours=int(hours), minutes=int(minutes))
            moment += shift if sign == "-" else -shift
    except (ValueError, OverflowError) as exc:
        raise Asn1Error("impossible time") from exc
    return moment


def _read(data: bytes, offset: int, depth: int) -> tuple[Node, int]:
    end = len(data)
    if offset + 2 > end:
        raise Asn1Error("truncated header")
    tag = data[offset]
    if tag & 0x1F == 0x1F:  # X.690 8.1.2.4, no seal uses high tag numbers
        raise Asn1Error("high tag number")
    length = data[offset + 1]
    start = offset + 2
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= _MAX_LENGTH_OCTETS:
            raise Asn1Error("indefinite or oversized length")
        if start + octets > end:
            raise Asn1Error("truncated length")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    stop = start + length
    if stop > end:
        raise Asn1Error("length runs past the end")
    return Node(tag, data[start:stop], data[offset:stop], depth), stop


def parse(data: bytes, limit: int = MAX_BYTES) -> Node:
    """Read exactly one TLV; raises Asn1Error for anything else, trailing bytes included."""
    if len(data) > limit:
        raise Asn1Error("too large")
    node, stop = _read(data, 0, 0)
    if stop != len(data):
        raise Asn1Error("trailing bytes")
    return node


def encode(tag: int, content: bytes) -> bytes:
    """Write one TLV with the shortest definite length."""
    size = len(content)
    if size < 0x80:  # X.690 8.1.3.4 short form
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of already encoded parts."""
    return encode(SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """SET OF already encoded parts, in DER order."""
    return encode(SET, b"".join(sorted(parts)))


def integer(value: int) -> bytes:
    """INTEGER in the fewest octets."""
    size = (value + (value < 0)).bit_length() // 8 + 1
    return encode(INTEGER, value.to_bytes(size, "big", signed=True))


def boolean(*, value: bool) -> bytes:
    """BOOLEAN, FF for true (DER)."""
    return encode(BOOLEAN, b"\xff" if value else b"\x00")


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return encode(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """BIT STRING without unused bits."""
    return encode(BIT_STRING, b"\x00" + content)


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from dotted text."""
    arcs = [int(arc) for arc in dotted.split(".")]
    out = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        out += bytes(reversed(septets))
    return encode(OID, bytes(out))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return encode(UTF8_STRING, text.encode())


def ia5(text: str) -> bytes:
    """IA5String; raises Asn1Error for text outside ASCII."""
    return _ascii(IA5_STRING, text)


def printable(text: str) -> bytes:
    """PrintableString; raises Asn1Error for text outside ASCII."""
    return _ascii(PRINTABLE_STRING, text)


def _ascii(tag: int, text: str) -> bytes:
    try:
        return encode(tag, text.encode("ascii"))
    except UnicodeEncodeError as exc:
        raise Asn1Error("text outside ASCII") from exc


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime ``YYYYMMDDHHMMSSZ`` of an aware instant, cut to the second."""
    return encode(GENERALIZED_TIME, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def x509_time(moment: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5)."""
    utc = moment.astimezone(UTC)
    if utc.year >= 2050:  # the year named by the clause above
        return generalized_time(utc)
    return encode(UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode())


def explicit(number: int, inner: bytes) -> bytes:
    """``[number] EXPLICIT`` around an encoded value."""
    return encode(CONTEXT_0 | number, inner)
