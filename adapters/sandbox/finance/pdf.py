"""Writes the one page of a sandbox receipt as a small PDF, with the fonts of the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_OBJECTS: Final = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 7 0 R/Resources 4 0 R>>",
    b"<</Font<</F1 5 0 R>>>>",
    b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H"  # noqa: ISC003 - long
    + b"/DescendantFonts[6 0 R]>>",
    b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light"  # noqa: ISC003 - long
    + b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>>>",
)
"""STSong-Light is one of the fonts that every reader brings for Chinese; nothing is embedded."""


@dataclass(frozen=True)
class Line:
    """Text at a place of the page, in points from the lower left."""

    x: int
    y: int
    size: int
    text: str


def receipt_pdf(lines: Sequence[Line], code: str, number: str) -> bytes:
    """Return a PDF whose keywords name the receipt's code and number."""
    text = "".join(_shown(line) for line in lines)
    # A red ellipse where a real receipt bears the 监制章.
    seal = "0.8 0 0 RG 2 w 300 760 m 380 760 380 810 300 810 c 220 810 220 760 300 760 c S\n"
    stream = (seal + text).encode("ascii")
    objects = (
        *_OBJECTS,
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream),
        f"<</Title(sandbox receipt)/Keywords({code} {number})>>".encode("ascii"),
    )
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for index, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (index, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(objects),
        start,
    )
    return bytes(out)


def _shown(line: Line) -> str:
    text = line.text.encode("utf-16-be").hex()
    return f"BT /F1 {line.size} Tf {line.x} {line.y} Td <{text}> Tj ET\n"
