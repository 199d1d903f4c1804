"""Draw a page of an OFD document with its seals as a PNG picture, for people who only look.

Fonts inside a document are never loaded: the vendored ones draw everything, at the places that the
document states. What is unknown here is left out; a preview proves nothing. Drawing is paid from a
purse, so that a file made by a stranger cannot keep a thread busy.
"""

import functools
import io
import itertools
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final
from xml.etree.ElementTree import Element

from PIL import Image, ImageChops, ImageDraw, ImageFont, UnidentifiedImageError

from e_seal.ofd import fonts, xml
from e_seal.ofd.container import Source
from e_seal.ofd.errors import OfdError, OfdMalformed, OfdUnsafe
from e_seal.ofd.model import A4
from e_seal.ofd.reader import OfdDocument, PageEntry, read, resolve
from e_seal.ses.model import Picture, SesFormatError
from e_seal.ses.read import read_seal

DPI: Final = 120
_MM_PER_INCH: Final = 25.4
_SHARP: Final = 2
"""Drawn this many times larger, then reduced, so that lines and seals are smooth."""
_MAX_SIDE: Final = 2000.0
"""Millimetres; no page of ours or of anybody's office is larger."""
_MAX_PIXELS: Final = 24_000_000
_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP")
_BOLD: Final = 600
_STROKES: Final = {"M": 2, "S": 2, "L": 2, "Q": 4, "B": 6, "C": 0}
_CURVE_STEPS: Final = 12
_PURSE: Final = 4_000_000_000
"""About nanoseconds (OURS); a page of ours takes less than a tenth."""
_PER_OCTET, _PER_ELEMENT, _PER_GLYPH, _PER_STROKE, _PER_PASTE = 300, 2_000, 50_000, 10_000, 200_000
_MAX_PART: Final = 4 * 1024 * 1024
"""Octets of XML (OURS): the words of a part take thirty times its size."""
_FAR, _MOST = 20_000.0, 1e9
"""Pixels beyond which nothing is drawn, and numbers beyond which none is read."""
_BROKEN_PICTURE: Final = (
    *(Image.DecompressionBombError, Image.DecompressionBombWarning, UnidentifiedImageError),
    *(OSError, EOFError, ValueError, SyntaxError, IndexError, OverflowError),
    *(struct.error, zlib.error),
)

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
_SAME: Final[Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class NoSuchPage(ValueError):
    """The document has no page of this index."""


@functools.lru_cache(maxsize=64)
def _font(face: int, pixels: int) -> ImageFont.FreeTypeFont:
    # By its path: of a font in memory every size would be a copy.
    path = resources.files(fonts.__package__) / "fonts" / fonts.faces()[face].file
    return ImageFont.truetype(str(path), pixels)


@dataclass(frozen=True)
class PagePicture:
    """One page as PNG, and how many pages its document has."""

    png: bytes
    pages: int


def render_page(ofd: Source, page: int, *, dpi: int = DPI) -> bytes:
    """The page (index from 0) as PNG; raises OfdError for a broken file and NoSuchPage."""
    return picture_of_page(ofd, page, dpi=dpi).png


def picture_of_page(ofd: Source, page: int, *, dpi: int = DPI) -> PagePicture:
    """The page (index from 0) and the number of pages.

    Raises OfdError for a broken file or one that costs too much to draw, and NoSuchPage.
    """
    document = read(ofd)
    if not 0 <= page < len(document.pages):
        raise NoSuchPage(f"the document has {len(document.pages)} pages")
    entry = document.pages[page]
    width, height = entry.size or A4
    scale = dpi / _MM_PER_INCH * _SHARP
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise OfdMalformed("the page has no usable size")
    scale = min(scale, math.sqrt(_MAX_PIXELS / (width * height)))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = _Canvas(document, Image.new("RGB", size, "white"), scale)
    for part in (*entry.templates, entry.path):
        if part in document.package:
            canvas.draw(canvas.purse.parse(document.package.get(part)))
    for stamp in _stamps(document, entry, canvas.purse):
        canvas.stamp(stamp)
    out = io.BytesIO()
    canvas.image.reduce(_SHARP).save(out, "PNG", optimize=False)
    return PagePicture(out.getvalue(), len(document.pages))


@dataclass
class _Purse:
    """What may still be spent on one picture."""

    left: float = _PURSE

    def pay(self, cost: float) -> None:
        """Take a cost out. Raises OfdUnsafe when too little is left."""
        self.left -= cost
        if self.left < 0:
            raise OfdUnsafe("the page costs too much to draw")

    def parse(self, data: bytes) -> Element:
        """Parse a part. Raises OfdMalformed, and OfdUnsafe when it costs too much."""
        self.pay(_PER_PASTE + len(data) * _PER_OCTET)
        if len(data) > _MAX_PART:
            raise OfdUnsafe("the page is too large to draw")
        return xml.parse(data)


@dataclass(frozen=True)
class _Stamp:
    picture: Picture
    box: tuple[float, float, float, float]
    clip: tuple[float, float, float, float] | None


def _stamps(document: OfdDocument, page: PageEntry, purse: _Purse) -> Iterator[_Stamp]:
    for signature in document.signatures:
        try:
            root = purse.parse(document.package.get(signature.path))
            info = xml.child(root, "SignedInfo")
            location = xml.text(info, "Seal", "BaseLoc") or "Seal.esl"
            data = document.package.get(resolve(signature.path, location))
            purse.pay(len(data) * _PER_OCTET)
            seal = read_seal(data)
        except (OfdError, SesFormatError):
            purse.pay(_PER_PASTE)
            continue
        for item in xml.children(info, "StampAnnot"):
            place, clip = _box(item.get("Boundary")), _box(item.get("Clip"))
            if item.get("PageRef") == page.id and place is not None:
                yield _Stamp(seal.picture, place, clip)


def _numbers(value: str | None) -> list[float]:
    try:
        found = [float(part) for part in (value or "").split()]
    except ValueError:
        return []
    return found if all(abs(one) <= _MOST for one in found) else []


def _box(value: str | None) -> tuple[float, float, float, float] | None:
    found = _numbers(value)
    if len(found) != 4 or max(map(abs, found)) > _MAX_SIDE or min(found[2:]) <= 0:
        return None
    return found[0], found[1], found[2], found[3]


def _matrix(value: str | None) -> Matrix:
    found = _numbers(value)
    if len(found) != 6:
        return _SAME
    a, b, c, d, e, f = found
    return a, b, c, d, e, f


def _color(element: Element | None) -> tuple[int, int, int]:
    found = _numbers(element.get("Value") if element is not None else None)
    if len(found) != 3:
        return (0, 0, 0)
    red, green, blue = (min(255, max(0, int(part))) for part in found)
    return red, green, blue


def _steps(value: str | None, count: int) -> list[float]:
    """Expand an ST_Array of distances: ``g 3 5.5`` stands for 5.5 three times."""
    out: list[float] = []
    words = (value or "").split()
    index = 0
    while index < len(words) and len(out) < count:
        if words[index] == "g" and index + 2 < len(words):
            repeated, distance = _numbers(words[index + 1]), _numbers(words[index + 2])
            out += distance * min(count, int(repeated[0]) if repeated else 0)
            index += 3
        else:
            out += _numbers(words[index])
            index += 1
    return out[:count] + [0.0] * (count - len(out))


def _apply(matrix: Matrix, point: Point) -> Point:
    a, b, c, d, e, f = matrix
    x, y = point
    return a * x + c * y + e, b * x + d * y + f


def _lines(data: str, purse: _Purse) -> Iterator[list[Point]]:
    """The polylines of AbbreviatedData; curves become short strokes, arcs straight ones."""
    words = data.split()
    purse.pay(len(words) * _PER_STROKE)
    current: list[Point] = []
    index = 0
    while index < len(words):
        operator = words[index]
        count = _STROKES.get(operator, 7)
        values = _numbers(" ".join(words[index + 1 : index + 1 + count]))
        index += 1 + count
        if len(values) != count:
            break
        if operator in {"M", "S"}:
            if len(current) > 1:
                yield current
            current = [(values[0], values[1])]
        elif operator == "C":
            if current:
                current.append(current[0])
        elif operator in {"Q", "B"} and current:
            points = [current[-1], *zip(values[::2], values[1::2], strict=True)]
            current += [_bezier(points, step / _CURVE_STEPS) for step in range(1, _CURVE_STEPS + 1)]
        elif current:
            current.append((values[-2], values[-1]))
    if len(current) > 1:
        yield current


def _bezier(points: list[Point], at: float) -> Point:
    while len(points) > 1:
        points = [
            (x1 + (x2 - x1) * at, y1 + (y2 - y1) * at)
            for (x1, y1), (x2, y2) in itertools.pairwise(points)
        ]
    return points[0]


class _Canvas:
    """One page being drawn; ``scale`` is pixels per millimetre."""

    def __init__(self, document: OfdDocument, image: Image.Image, scale: float) -> None:
        self.image = image
        self._document = document
        self.purse = _Purse()
        self._scale = scale
        self._draw = ImageDraw.Draw(image)
        self._media = dict(_media(document, self.purse))

    def draw(self, page: Element) -> None:
        for item in page.iter():
            self.purse.pay(_PER_ELEMENT)
            boundary = _box(item.get("Boundary"))
            if boundary is None:
                continue
            kind = xml.local(item)
            if kind == "TextObject":
                self._text(item, boundary[:2])
            elif kind == "PathObject":
                self._path(item, boundary[:2])
            elif kind == "ImageObject":
                self._picture(item, boundary)

    def _place(self, corner: Point, matrix: Matrix, point: Point) -> Point:
        x, y = _apply(matrix, point)
        return (corner[0] + x) * self._scale, (corner[1] + y) * self._scale

    def _text(self, item: Element, corner: Point) -> None:
        matrix = _matrix(item.get("CTM"))
        size = (_numbers(item.get("Size")) or [0.0])[0]
        stretch = math.sqrt(abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]))
        pixels = round(size * stretch * self._scale)
        if not 0 < pixels < min(self.image.size):
            return
        color = _color(xml.child(item, "FillColor"))
        weight = _numbers(item.get("Weight"))
        bold = max(1, pixels // 36) if weight and weight[0] >= _BOLD else 0
        x, y = 0.0, 0.0
        for code in xml.children(item, "TextCode"):
            x = (_numbers(code.get("X")) or [x])[0]
            y = (_numbers(code.get("Y")) or [y])[0]
            chars = code.text or ""
            for char, right, down in zip(
                chars,
                _steps(code.get("DeltaX"), len(chars)),
                _steps(code.get("DeltaY"), len(chars)),
                strict=True,
            ):
                where = self._place(corner, matrix, (x, y))
                self.purse.pay(_PER_GLYPH + 4 * pixels * pixels)
                if _is_near(where):
                    font = _font(fonts.face_of(char), pixels)
                    self._draw.text(where, char, color, font, anchor="ls", stroke_width=bold)
                x, y = x + right, y + down

    def _path(self, item: Element, corner: Point) -> None:
        matrix = _matrix(item.get("CTM"))
        width = (_numbers(item.get("LineWidth")) or [0.353])[0]
        if not 0 <= width <= _MAX_SIDE:
            return
        pixels = max(1, round(width * self._scale))
        stroke = item.get("Stroke", "true") == "true"
        fill = item.get("Fill", "false") == "true"
        for points in _lines(xml.text(item, "AbbreviatedData") or "", self.purse):
            placed = [self._place(corner, matrix, point) for point in points]
            if not all(map(_is_near, placed)):
                continue
            self.purse.pay(_reach(placed, self.image.size, pixels, is_filled=fill))
            if fill and len(placed) > 2:
                self._draw.polygon(placed, _color(xml.child(item, "FillColor")))
            if stroke:
                color = _color(xml.child(item, "StrokeColor"))
                self._draw.line(placed, color, pixels, joint="curve")

    def _picture(self, item: Element, box: tuple[float, float, float, float]) -> None:
        part = self._media.get(item.get("ResourceID", ""))
        if part is not None:
            self._paste(self._document.package.get(part), box, None)

    def stamp(self, stamp: _Stamp) -> None:
        """Print a seal over what is there, as ink would."""
        self._paste(stamp.picture.data, stamp.box, stamp.clip)

    def _paste(
        self,
        data: bytes,
        box: tuple[float, float, float, float],
        clip: tuple[float, float, float, float] | None,
    ) -> None:
        size = round(box[2] * self._scale), round(box[3] * self._scale)
        self.purse.pay(_PER_PASTE + 5 * len(data) + 40 * size[0] * size[1])
        if min(size) < 1 or size[0] * size[1] > _MAX_PIXELS:
            return
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                area = opened.width * opened.height
                if area > _MAX_PIXELS:
                    return
                self.purse.pay(40 * area)
                picture = opened.convert("RGBA").resize(size)
        except OfdError:
            raise
        except _BROKEN_PICTURE:
            return
        paper = Image.new("RGBA", size, "white")
        paper.alpha_composite(picture)
        ink = paper.convert("RGB")
        left, top = round(box[0] * self._scale), round(box[1] * self._scale)
        if clip is not None:
            wide, high = max(clip[0], 0), max(clip[1], 0)
            sides = (wide, high, clip[0] + clip[2], clip[1] + clip[3])
            x1, y1, x2, y2 = (round(side * self._scale) for side in sides)
            x2, y2 = min(x2, ink.width), min(y2, ink.height)
            if x1 >= x2 or y1 >= y2:
                return
            ink = ink.crop((x1, y1, x2, y2))
            left, top = left + x1, top + y1
        if not _is_near((left, top)):
            return
        edges = (left, top, left + ink.width, top + ink.height)
        self.image.paste(ImageChops.multiply(self.image.crop(edges), ink), (left, top))


def _is_near(point: Point) -> bool:
    """Whether a point can matter to the picture; infinite ones cannot."""
    return abs(point[0]) <= _FAR and abs(point[1]) <= _FAR


def _reach(points: list[Point], size: tuple[int, int], width: int, *, is_filled: bool) -> float:
    """What a polyline costs to draw: its length by its width, and the rows it fills."""
    length = sum(math.dist(*pair) for pair in itertools.pairwise(points))
    cost = len(points) * _PER_STROKE + 2 * min(length, 4 * _FAR) * width
    if not is_filled:
        return cost
    xs, ys = [x for x, _ in points], [y for _, y in points]
    across, down = min(size[0], max(xs) - min(xs)), min(size[1], max(ys) - min(ys))
    return cost + 20 * len(points) * down + 2 * across * down


def _media(document: OfdDocument, purse: _Purse) -> Iterator[tuple[str, str]]:
    for path in document.reachable:
        if not path.endswith("Res.xml") or path not in document.package:
            continue
        root = purse.parse(document.package.get(path))
        base = root.get("BaseLoc", "").strip()
        folder = resolve(path, base) + "/" if base.strip(" ./") else path
        for item in root.iter():
            location = xml.text(item, "MediaFile")
            if xml.local(item) == "MultiMedia" and location is not None:
                part = resolve(folder, location)
                if part in document.package:
                    yield item.get("ID", ""), part
