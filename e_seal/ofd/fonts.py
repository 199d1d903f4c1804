"""Measure text and cut embedded fonts down to the characters of one document.

Two vendored fonts share the work: Droid Sans Fallback has no Latin letters or digits, DejaVu Sans
Condensed supplies them. Both licences lie beside the files.
"""

import functools
import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont


@dataclass(frozen=True)
class Face:
    """One vendored font: its file, names and, per character, the advance width in em."""

    file: str
    name: str
    data: bytes
    widths: dict[int, float]


def _load(file: str, name: str) -> Face:
    data = (resources.files(__package__) / "fonts" / file).read_bytes()
    with TTFont(io.BytesIO(data), lazy=True) as font:
        unit = font["head"].unitsPerEm
        metrics = font["hmtx"].metrics
        widths = {code: metrics[glyph][0] / unit for code, glyph in font.getBestCmap().items()}
    return Face(file, name, data, widths)


@functools.cache
def faces() -> tuple[Face, ...]:
    """The vendored fonts in order of preference; the last one also draws what none has."""
    return (
        _load("DejaVuSansCondensed.ttf", "DejaVu Sans Condensed"),
        _load("DroidSansFallbackFull.ttf", "Droid Sans Fallback"),
    )


LATIN: Final = 0
HAN: Final = 1
_HAN_FIRST: Final = 0x2E80
"""From CJK radicals on, the Chinese font draws; below it, the Latin one."""


def face_of(char: str) -> int:
    """Index into faces() of the font that draws ``char``."""
    preferred = (HAN, LATIN) if ord(char) >= _HAN_FIRST else (LATIN, HAN)
    return next((index for index in preferred if ord(char) in faces()[index].widths), HAN)


def has_glyph(char: str) -> bool:
    """Whether any vendored font can draw ``char``; rare names may hold characters that none has."""
    return any(ord(char) in face.widths for face in faces())


def width(char: str) -> float:
    """Advance width in em; a character without glyph is one em."""
    return faces()[face_of(char)].widths.get(ord(char), 1.0)


def runs(text: str) -> Iterator[tuple[int, str]]:
    """Split text where the font changes: (index into faces(), characters)."""
    for face, chars in itertools.groupby(text, key=face_of):
        yield face, "".join(chars)


def subset(face: Face, characters: Iterable[str]) -> bytes:
    """A TrueType file with only these characters, the same bytes for the same characters."""
    options = Options()
    options.hinting = False
    options.layout_features = []
    options.notdef_outline = True
    options.recalc_timestamp = False
    options.name_IDs = [0, 1, 2, 4, 6]
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "vhea", "vmtx", "gasp", "kern", "FFTM"]
    font = TTFont(io.BytesIO(face.data), lazy=True, recalcTimestamp=False)
    with font:
        # Numbered names spare the search for 28 000 readable ones, half of the whole time.
        count = font["maxp"].numGlyphs
        font.setGlyphOrder([".notdef", *(f"g{number}" for number in range(1, count))])
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=sorted({ord(char) for char in characters}))
        subsetter.subset(font)
        out = io.BytesIO()
        font.save(out)
    return out.getvalue()
