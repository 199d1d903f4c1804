"""Lay out official notices on A4: title, paragraphs, tables of fields, signature block with seal.

Measures follow GB/T 9704-2012 (party and government documents): type area 156 x 225 mm, left
margin 28 mm, title size 2 (22 pt). Body type is 14 pt instead of 16, so that a notice is one page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from e_seal.ofd import fonts
from e_seal.ofd.model import A4, Item, Page, Text, blocks, line

POINT: Final = 25.4 / 72
TITLE_SIZE: Final = 22 * POINT
BODY_SIZE: Final = 14 * POINT
TABLE_SIZE: Final = 12 * POINT
NOTE_SIZE: Final = 10.5 * POINT

TOP: Final = 30.0
LEFT: Final = 28.0
WIDTH: Final = 156.0
BOTTOM: Final = 268.0
_BODY_PITCH: Final = 8.0
_TABLE_PITCH: Final = 6.0
_NOTE_PITCH: Final = 5.2
_CELL_PADDING: Final = 2.2
_ROW_PADDING: Final = 1.4
_LABEL_WIDTH: Final = 40.0
_NOTE_GAP: Final = 5.0
_NOTE_MARGIN: Final = 10.0
_FOOT: Final = 15.0
"""From the type area to the page number's baseline."""
_LINES_ALONG: Final = 3
_CODE_SIDE: Final = 25.0
_CODE_GAP: Final = 4.0
_CAPTION_GAP: Final = 2.4
"""Four modules of a code of 45 stay white around it (ISO/IEC 18004)."""
_DATE_INDENT: Final = 4
"""Characters between the date and the right edge (GB/T 9704-2012, 7.3.5.1)."""

# A word, or one character with the closing marks that may not start a line; opening marks cling on.
_UNIT: Final = re.compile(
    r"[（《〈「『【〔“‘(\[]*(?:[A-Za-z0-9_@#&./:+¥-]+|.)[，。；：！？、）》〉」』】〕”’)\],;:!?%…]*",
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


@dataclass(frozen=True)
class Beside:
    """A square code at the left of the signature, dark modules as 1, with lines below it."""

    modules: Sequence[Sequence[int]]
    captions: Sequence[str]

    @property
    def height(self) -> float:
        """Code and captions, millimetres."""
        return _CODE_SIDE + _CAPTION_GAP + len(self.captions) * _NOTE_PITCH


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

    def _draw(
        self, x: float, text: str, size: float, pitch: float, *, weight: int = 400, tag: str = ""
    ) -> None:
        """One line; the baseline sits so that the glyphs are centred in the pitch."""
        baseline = self._y + (pitch + size) / 2 - size * 0.12
        if text.strip():
            self._pages[-1].append(Text(x, baseline, text, size, weight=weight, tag=tag))

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

    def _flow(self, text: str, size: float, pitch: float, indent: int) -> None:
        for paragraph in text.split("\n"):
            shift = indent * size
            for part in wrap(paragraph, size, WIDTH, indent=shift):
                self._need(pitch)
                self._tail.append((len(self._pages[-1]), self._y))
                self._draw(LEFT + shift, part, size, pitch)
                self._y += pitch
                shift = 0.0

    def table(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """A table of labels, values and tags of the values; rows never break across pages."""
        self.space(2)
        self._tail = []
        value_width = WIDTH - _LABEL_WIDTH - 2 * _CELL_PADDING
        label_width = _LABEL_WIDTH - 2 * _CELL_PADDING
        for index, (label, value, tag) in enumerate(rows):
            labels = wrap(label, TABLE_SIZE, label_width)
            values = wrap(value, TABLE_SIZE, value_width)
            height = max(len(labels), len(values)) * _TABLE_PITCH + 2 * _ROW_PADDING
            before = len(self._pages)
            self._need(height)
            self._frame(height, is_first=index == 0 or len(self._pages) > before)
            top = self._y
            self._cell(LEFT, labels, height, "")
            self._y = top
            self._cell(LEFT + _LABEL_WIDTH, values, height, tag)
            self._y = top + height
        self.space(5)

    def _frame(self, height: float, *, is_first: bool) -> None:
        top, right = self._y, LEFT + WIDTH
        if is_first:
            self._pages[-1].append(line(LEFT, top, right, top))
        for x in (LEFT, LEFT + _LABEL_WIDTH, right):
            self._pages[-1].append(line(x, top, x, top + height))
        self._pages[-1].append(line(LEFT, top + height, right, top + height))

    def _cell(self, x: float, parts: Sequence[str], height: float, tag: str) -> None:
        self._y += (height - len(parts) * _TABLE_PITCH) / 2
        for part in parts:
            self._draw(x + _CELL_PADDING, part, TABLE_SIZE, _TABLE_PITCH, tag=tag)
            self._y += _TABLE_PITCH

    def signature_block(
        self,
        organisation: str,
        date: str,
        *,
        seal: tuple[float, float] = (42.0, 42.0),
        beside: Beside | None = None,
        note: str = "",
    ) -> StampPlace:
        """Issuing body and date at the right; returns where the seal covers both, centred.

        ``seal`` is the seal picture's width and height in mm; ``beside`` is drawn at the left,
        ``note`` as small print below. All of it stays on one page.
        """
        width, height = seal
        lines = wrap(organisation, BODY_SIZE, WIDTH * 0.7)
        small = wrap(note, NOTE_SIZE, WIDTH) if note else []
        block = len(lines) * _BODY_PITCH + _BODY_PITCH
        # Body and date lie a little below the seal's centre (GB/T 9704-2012, 7.3.5.1).
        middle = block / 2 - height * 0.08
        reach = max(height, beside.height if beside is not None else 0.0) / 2
        above = max(0.0, height * 0.6 - block / 2)
        if beside is not None:
            above = max(above, beside.height / 2 - middle + _CODE_GAP)
        below = middle + reach + _NOTE_GAP + len(small) * _NOTE_PITCH - _NOTE_MARGIN
        # The seal itself may hang into the lower margin.
        self._need_with_text(above + max(block, below))
        self._y += above
        top = self._y
        widest = max(text_width(part, BODY_SIZE) for part in (*lines, date))
        right = LEFT + WIDTH - _DATE_INDENT * BODY_SIZE
        centre = max(right - text_width(date, BODY_SIZE) / 2, 0.0)
        centre = min(centre, LEFT + WIDTH - widest / 2, LEFT + WIDTH - width / 2)
        for part in (*lines, date):
            self._draw(centre - text_width(part, BODY_SIZE) / 2, part, BODY_SIZE, _BODY_PITCH)
            self._y += _BODY_PITCH
        middle += top
        place = StampPlace(
            len(self._pages) - 1, centre - width / 2, middle - height / 2, width, height
        )
        if beside is not None:
            self._code(beside, middle - beside.height / 2)
        self._y = max(self._y, middle + reach) + _NOTE_GAP
        self._small(small)
        return place

    def _code(self, beside: Beside, top: float) -> None:
        self._pages[-1].append(blocks(LEFT, top, _CODE_SIDE, beside.modules))
        self._y = top + _CODE_SIDE + _CAPTION_GAP
        self._small(beside.captions)

    def _small(self, lines: Sequence[str]) -> None:
        for part in lines:
            self._draw(LEFT, part, NOTE_SIZE, _NOTE_PITCH)
            self._y += _NOTE_PITCH

    def pages(self) -> tuple[Page, ...]:
        """The finished pages, numbered when there are several."""
        total = len(self._pages)
        done: list[Page] = []
        for index, items in enumerate(self._pages):
            foot: list[Item] = []
            if total > 1:
                label = f"第 {index + 1} 页，共 {total} 页"
                x = (A4[0] - text_width(label, NOTE_SIZE)) / 2
                foot.append(Text(x, BOTTOM + _FOOT, label, NOTE_SIZE))
            done.append(Page((*items, *foot), A4))
        return tuple(done)
