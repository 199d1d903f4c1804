"""Measure text and cut embedded fonts down to the characters of one document.

Two vendored fonts share the work: Droid Sans Fallback has no Latin letters or digits, DejaVu Sans
Condensed supplies them. Both licences lie beside the files.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

from e_seal.ofd.truetype import TrueType


@dataclass(frozen=True)
class Face:
    """One vendored font: its names and, per character, the advance width in em."""

    file: str
    name: str
    font: TrueType
    widths: dict[int, float]

    def data(self) -> bytes:
        """The whole font file."""
        return _bytes_of(self.file)


def _bytes_of(file: str) -> bytes:
    return (resources.files(__package__) / "fonts" / file).read_bytes()


def _load(file: str, name: str) -> Face:
    font = TrueType(_bytes_of(file))
    return Face(file, name, font, font.widths)


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


@functools.lru_cache(maxsize=16_384)
def _measure(char: str) -> tuple[int, float]:
    """(index into faces() of the font that draws the character, advance width in em)."""
    code = ord(char)
    preferred = (HAN, LATIN) if code >= _HAN_FIRST else (LATIN, HAN)
    face = next((index for index in preferred if code in faces()[index].widths), HAN)
    return face, faces()[face].widths.get(code, 1.0)


def face_of(char: str) -> int:
    """Index into faces() of the font that draws ``char``."""
    return _measure(char)[0]


def has_glyph(char: str) -> bool:
    """Whether any vendored font can draw ``char``; rare names may hold characters that none has."""
    return any(ord(char) in face.widths for face in faces())


def width(char: str) -> float:
    """Advance width in em; a character without glyph is one em."""
    return _measure(char)[1]


def runs(text: str) -> Iterator[tuple[int, str]]:
    """Split text where the font changes: (index into faces(), characters)."""
    for face, chars in itertools.groupby(text, key=face_of):
        yield face, "".join(chars)


def subset(face: Face, characters: Iterable[str]) -> bytes:
    """A TrueType file with only these characters, the same bytes for the same characters."""
    return face.font.subset(characters)
