"""Lay out official notices on A4: title, paragraphs, tables of fields, signature block with seal.

Measures follow GB/T 9704-2012 (party and government documents): type area 156 x 225 mm, margins
37 mm above and 28 mm left, body size 3 (16 pt), title size 2 (22 pt).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from e_seal.ofd import fonts
from e_seal.ofd.writer import A4, Item, Page, Text, line

POINT: Final = 25.4 / 72
TITLE_SIZE: Final = 22 * POINT
BODY_SIZE: Final = 15 * POINT
TABLE_SIZE: Final = 12 * POINT
NOTE_SIZE: Final = 10.5 * POINT

TOP: Final = 32.0
LEFT: Final = 28.0
WIDTH: Final = 156.0
BOTTOM: Final = 265.0
_BODY_PITCH: Final = 8.8
_TABLE_PITCH: Final = 6.4
_NOTE_PITCH: Final = 5.6
_CELL_PADDING: Final = 2.2
_LABEL_WIDTH: Final = 40.0
_LINES_ALONG: Final = 3
_DATE_INDENT: Final = 4
"""Characters between the date and the right edge (GB/T 9704-2012, 7.3.5.1)."""

# A word, or one character with the closing marks that may not start a line; opening marks cling on.
_UNIT: Final = re.compile(
    r"[（《〈「『【〔“‘(\[]*(?:[A-Za-z0-9_@#&./:+-]+|.)[，。；：！？、）》〉」』】〕”’)\],;:!?%…]*",
    re.DOTALL,
)


@dataclass(frozen=True)
class StampPlace:
    """Where the seal goes: page index and its box, millimetres from the top left."""

    page: int
    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """Where the seal's middle lies, whatever the size of its picture."""
        return self.x + self.width / 2, self.y + self.height / 2


def text_width(text: str, size: float) -> float:
    """Width of a line in millimetres."""
    return sum(fonts.width(char) for char in text) * size


def wrap(text: str, size: float, width: float, *, indent: float = 0.0) -> list[str]:
    """Break text into lines of at most ``width`` mm; the first one is shorter by ``indent``.

    Words and numbers stay whole while they fit a line, and no line starts with a closing mark.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current, used, room = "", 0.0, width - indent
        for unit in _UNIT.findall(paragraph):
            wide = text_width(unit, size)
            if current and used + wide > room:
                lines.append(current)
                current, used, room = "", 0.0, width
            if used + wide <= room + size:
                current, used = current + unit, used + wide
                continue
            for char in unit:
                step = fonts.width(char) * size
                if current and used + step > room + size:
                    lines.append(current)
                    current, used, room = "", 0.0, width
                current, used = current + char, used + step
        lines.append(current)
    return lines


class Layout:
    """Fills pages from top to bottom; call the parts in order, then pages()."""

    def __init__(self) -> None:
        self._pages: list[list[Item]] = [[]]
        self._y = TOP
        # Where the last lines of running text begin: (items before them, height).
        self._tail: list[tuple[int, float]] = []

    def _need(self, height: float) -> None:
        if self._y + height > BOTTOM and self._y > TOP:
            self._turn()

    def _turn(self) -> None:
        self._pages.append([])
        self._y = TOP
        self._tail = []

    def _need_with_text(self, height: float) -> None:
        """Like _need(), but the new page begins with the last lines of text.

        A page that holds only a signature could be put under another text.
        """
        if self._y + height <= BOTTOM or not self._tail:
            self._need(height)
            return
        first, top = self._tail[max(0, len(self._tail) - _LINES_ALONG)]
        items, bottom = self._pages[-1], self._y
        moved = items[first:]
        del items[first:]
        self._turn()
        self._pages[-1] += [replace(item, y=item.y - top + TOP) for item in moved]
        self._y = bottom - top + TOP

    def _draw(self, x: float, text: str, size: float, pitch: float, *, weight: int = 400) -> None:
        """One line; the baseline sits so that the glyphs are centred in the pitch."""
        baseline = self._y + (pitch + size) / 2 - size * 0.12
        if text.strip():
            self._pages[-1].append(Text(x, baseline, text, size, weight=weight))

    def space(self, height: float) -> None:
        """Leave ``height`` mm empty."""
        self._y += height

    def title(self, text: str) -> None:
        """A centred title, wrapped when long."""
        pitch = TITLE_SIZE * 1.5
        for part in wrap(text, TITLE_SIZE, WIDTH):
            self._need(pitch)
            x = LEFT + (WIDTH - text_width(part, TITLE_SIZE)) / 2
            self._draw(x, part, TITLE_SIZE, pitch, weight=700)
            self._y += pitch
        self.space(3)

    def number(self, text: str) -> None:
        """The document's number (文号), centred below the title, with a rule under it."""
        self._need(_BODY_PITCH)
        size = TABLE_SIZE
        self._draw(LEFT + (WIDTH - text_width(text, size)) / 2, text, size, _TABLE_PITCH)
        self._y += _TABLE_PITCH + 1.5
        self._pages[-1].append(line(LEFT, self._y, LEFT + WIDTH, self._y, width=0.35))
        self.space(5)

    def paragraph(self, text: str, *, indent: int = 2) -> None:
        """Body text, the first line indented by ``indent`` characters."""
        self._flow(text, BODY_SIZE, _BODY_PITCH, indent)

    def note(self, text: str) -> None:
        """Small print, for example how to check the document."""
        self.space(2)
        self._flow(text, NOTE_SIZE, _NOTE_PITCH, 0)

    def _flow(self, text: str, size: float, pitch: float, indent: int) -> None:
        for paragraph in text.split("\n"):
            shift = indent * size
            for part in wrap(paragraph, size, WIDTH, indent=shift):
                self._need(pitch)
                self._tail.append((len(self._pages[-1]), self._y))
                self._draw(LEFT + shift, part, size, pitch)
                self._y += pitch
                shift = 0.0

    def table(self, rows: Sequence[tuple[str, str]]) -> None:
        """A two-column table of labels and values; rows never break across pages."""
        self.space(2)
        self._tail = []
        value_width = WIDTH - _LABEL_WIDTH - 2 * _CELL_PADDING
        label_width = _LABEL_WIDTH - 2 * _CELL_PADDING
        for index, (label, value) in enumerate(rows):
            labels = wrap(label, TABLE_SIZE, label_width)
            values = wrap(value, TABLE_SIZE, value_width)
            height = max(len(labels), len(values)) * _TABLE_PITCH + 2 * _CELL_PADDING
            before = len(self._pages)
            self._need(height)
            self._row(labels, values, height, is_first=index == 0 or len(self._pages) > before)
        self.space(5)

    def _row(
        self, labels: Sequence[str], values: Sequence[str], height: float, *, is_first: bool
    ) -> None:
        top, right = self._y, LEFT + WIDTH
        if is_first:
            self._pages[-1].append(line(LEFT, top, right, top))
        for x in (LEFT, LEFT + _LABEL_WIDTH, right):
            self._pages[-1].append(line(x, top, x, top + height))
        self._pages[-1].append(line(LEFT, top + height, right, top + height))
        for x, parts in ((LEFT, labels), (LEFT + _LABEL_WIDTH, values)):
            self._y = top + (height - len(parts) * _TABLE_PITCH) / 2
            for part in parts:
                self._draw(x + _CELL_PADDING, part, TABLE_SIZE, _TABLE_PITCH)
                self._y += _TABLE_PITCH
        self._y = top + height

    def signature_block(
        self, organisation: str, date: str, *, seal: tuple[float, float] = (42.0, 42.0)
    ) -> StampPlace:
        """Issuing body and date at the right; returns where the seal covers both, centred.

        ``seal`` is the seal picture's width and height in mm.
        """
        width, height = seal
        lines = wrap(organisation, BODY_SIZE, WIDTH * 0.7)
        block = len(lines) * _BODY_PITCH + _BODY_PITCH
        above = max(0.0, height * 0.6 - block / 2)
        # The seal itself may hang into the lower margin.
        self._need_with_text(above + block)
        self._y += above
        top = self._y
        widest = max(text_width(part, BODY_SIZE) for part in (*lines, date))
        right = LEFT + WIDTH - _DATE_INDENT * BODY_SIZE
        centre = max(right - text_width(date, BODY_SIZE) / 2, 0.0)
        centre = min(centre, LEFT + WIDTH - widest / 2, LEFT + WIDTH - width / 2)
        for part in (*lines, date):
            self._draw(centre - text_width(part, BODY_SIZE) / 2, part, BODY_SIZE, _BODY_PITCH)
            self._y += _BODY_PITCH
        # Body and date lie a little below the seal's centre (GB/T 9704-2012, 7.3.5.1).
        middle = top + block / 2 - height * 0.08
        place = StampPlace(
            len(self._pages) - 1, centre - width / 2, middle - height / 2, width, height
        )
        self._y = max(self._y, place.y + height) + 4
        return place

    def pages(self) -> tuple[Page, ...]:
        """The finished pages, numbered when there are several."""
        total = len(self._pages)
        done: list[Page] = []
        for index, items in enumerate(self._pages):
            foot: list[Item] = []
            if total > 1:
                label = f"第 {index + 1} 页，共 {total} 页"
                x = (A4[0] - text_width(label, NOTE_SIZE)) / 2
                foot.append(Text(x, BOTTOM + 14, label, NOTE_SIZE))
            done.append(Page((*items, *foot), A4))
        return tuple(done)
