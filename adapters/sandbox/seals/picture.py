"""Draws a round government seal (圆形公章): red rim, five-pointed star, the unit's name around."""

from __future__ import annotations

import io
import math
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from PIL import Image, ImageDraw, ImageFont

SIDE_MM: Final = 42
"""Diameter of a department's seal (国发〔1999〕25号)."""
FOOT: Final = "电子印章·演示"
_WIDE_DOT: Final = "・"
"""The vendored font has the wide form of the dot only."""
_PER_MM: Final = 10
"""Points per millimetre of the picture, about 250 to the inch."""
_FINER: Final = 2
"""It is drawn so much larger and then reduced: smooth edges."""
_UNIT: Final = _PER_MM * _FINER
_RED: Final = (222, 0, 20)
_FONT: Final = "DroidSansFallbackFull.ttf"

_RIM: Final = 1.25
_STAR: Final = 7.4
_RING: Final = 15.9
"""Distance of the middle of the name's characters from the centre, like all of these in mm."""
_HEIGHT: Final = 5.6
_WIDEST: Final = 5.3
_BOLD: Final = 0.12
"""The vendored font is light; a seal is cut in bold strokes."""
_ARC: Final = 252.0
"""Degrees that the name may take, from the middle of its first to that of its last character."""
_STEP: Final = 27.0
_FOOT_HEIGHT: Final = 2.5
_FOOT_DOWN: Final = 14.1


@lru_cache(maxsize=64)
def seal_picture(name: str) -> bytes:
    """Return the seal of a unit as PNG with a transparent ground, the same bytes every time."""
    side = SIDE_MM * _UNIT
    ink = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(ink)
    edge = 0.15 * _UNIT
    draw.ellipse((edge, edge, side - edge, side - edge), outline=255, width=round(_RIM * _UNIT))
    draw.polygon(_star(side / 2), fill=255)
    _name(ink, name)
    _foot(ink)
    small = ink.resize((SIDE_MM * _PER_MM, SIDE_MM * _PER_MM), Image.Resampling.LANCZOS)
    picture = Image.new("RGBA", small.size, (*_RED, 0))
    # Sixteen steps of edge are enough for the eye and halve the file.
    picture.putalpha(small.point(lambda level: round(level / 17) * 17))
    made = io.BytesIO()
    picture.save(made, "PNG", optimize=True, dpi=(_PER_MM * 25.4, _PER_MM * 25.4))
    return made.getvalue()


def _star(centre: float) -> list[tuple[float, float]]:
    outer = _STAR * _UNIT
    # Where the sides of a regular pentagram cross.
    inner = outer * math.sin(math.radians(18)) / math.sin(math.radians(54))
    return [
        (
            centre + radius * math.sin(math.radians(36 * corner)),
            centre - radius * math.cos(math.radians(36 * corner)),
        )
        for corner in range(10)
        for radius in ((outer, inner)[corner % 2],)
    ]


def _name(ink: Image.Image, name: str) -> None:
    centre = ink.width / 2
    step = min(_STEP, _ARC / max(1, len(name) - 1))
    width = min(_WIDEST, math.radians(step) * (_RING - _HEIGHT / 4) * 0.94)
    for number, char in enumerate(name):
        angle = (number - (len(name) - 1) / 2) * step
        tile = _glyph(char, width, _HEIGHT).rotate(-angle, Image.Resampling.BICUBIC, expand=True)
        x = centre + _RING * _UNIT * math.sin(math.radians(angle))
        y = centre - _RING * _UNIT * math.cos(math.radians(angle))
        ink.paste(255, (round(x - tile.width / 2), round(y - tile.height / 2)), tile)


def _foot(ink: Image.Image) -> None:
    font = _font(round(_FOOT_HEIGHT * _UNIT))
    at = (ink.width / 2, ink.height / 2 + _FOOT_DOWN * _UNIT)
    foot = FOOT.replace("·", _WIDE_DOT)
    ImageDraw.Draw(ink).text(at, foot, fill=255, font=font, anchor="mm")


def _glyph(char: str, width: float, height: float) -> Image.Image:
    """Return one character that fills a box, narrowed where the ring is crowded; mm."""
    size = round(height * _UNIT)
    tile = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(tile)
    font = _font(size)
    left, top, right, bottom = font.getbbox(char)
    at = ((size - left - right) / 2, (size - top - bottom) / 2)
    draw.text(at, char, fill=255, font=font, stroke_width=_BOLD * _UNIT)
    return tile.resize((round(width * _UNIT), size), Image.Resampling.LANCZOS)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    data = (resources.files("e_seal.ofd") / "fonts" / _FONT).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size)
