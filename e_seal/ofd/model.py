"""What an OFD document to be written consists of; all lengths are millimetres from the top left."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kernel.crypto import sm3

A4: Final = (210.0, 297.0)
BLACK: Final = "0 0 0"
"""A colour is red, green and blue from 0 to 255."""


@dataclass(frozen=True)
class Text:
    """Characters on one baseline; ``y`` is the baseline, ``size`` the height of the type.

    ``tag`` names the field whose value this is: it is then listed among the custom tags.
    """

    x: float
    y: float
    text: str
    size: float
    color: str = BLACK
    weight: int = 400
    tag: str = ""


@dataclass(frozen=True)
class Path:
    """Lines in ``data`` (``M x y L x y … C`` from the corner), stroked, filled or both."""

    x: float
    y: float
    width: float
    height: float
    data: str
    line_width: float = 0.25
    color: str | None = BLACK
    fill: str | None = None


@dataclass(frozen=True)
class Image:
    """A picture stretched over its rectangle; ``format`` such as ``PNG``."""

    x: float
    y: float
    width: float
    height: float
    data: bytes
    format: str = "PNG"


Item = Text | Path | Image


@dataclass(frozen=True)
class Page:
    """One page and what is drawn on it, in order; ``template`` counts the document's templates."""

    items: Sequence[Item] = ()
    size: tuple[float, float] = A4
    template: int | None = None


@dataclass(frozen=True)
class Attachment:
    """Data carried inside the file, for example the licence's fields as XML."""

    name: str
    file_name: str
    data: bytes
    format: str = "xml"
    is_visible: bool = False


@dataclass(frozen=True)
class TagSchema:
    """How the custom tags (自定义标引) of a document are called: one element per tagged text."""

    type_id: str
    root: str
    namespace: str


@dataclass(frozen=True)
class Document:
    """Everything of one OFD document; ``doc_id`` is 32 hex digits (see doc_id_of).

    ``templates`` are drawn below the pages that name them (模板页).
    """

    doc_id: str
    title: str
    pages: Sequence[Page]
    author: str = ""
    subject: str = ""
    keywords: Sequence[str] = ()
    creator: str = "OneWindow"
    creator_version: str = ""
    custom: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Attachment] = ()
    templates: Sequence[Page] = ()
    tags: TagSchema | None = None

    def items(self) -> list[Item]:
        """Everything drawn anywhere, templates first."""
        return [item for page in (*self.templates, *self.pages) for item in page.items]


def doc_id_of(text: str) -> str:
    """32 hex digits that stand for any id, for DocID (GB/T 33190 wants a UUID's form)."""
    return sm3.digest(text.encode()).hex()[:32]


def mm(value: float) -> str:
    """Millimetres as text, without noise beyond a micrometre."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def box(x: float, y: float, width: float, height: float) -> str:
    """An ST_Box."""
    return f"{mm(x)} {mm(y)} {mm(width)} {mm(height)}"


def line(x1: float, y1: float, x2: float, y2: float, *, width: float = 0.25) -> Path:
    """A straight stroke between two points."""
    x, y = min(x1, x2), min(y1, y2)
    data = f"M {mm(x1 - x)} {mm(y1 - y)} L {mm(x2 - x)} {mm(y2 - y)}"
    # Strict readers refuse boxes without area.
    return Path(x, y, max(abs(x2 - x1), width), max(abs(y2 - y1), width), data, width)


def blocks(x: float, y: float, size: float, rows: Sequence[Sequence[int]]) -> Path:
    """A square of dark and light modules, such as a QR code, as one filled path."""
    edges = [mm(size * number / len(rows)) for number in range(len(rows) + 1)]
    strokes: list[str] = []
    for row, modules in enumerate(rows):
        top, bottom = edges[row], edges[row + 1]
        column = 0
        for dark, run in itertools.groupby(modules, key=bool):
            start, column = column, column + len(list(run))
            if dark:
                left, right = edges[start], edges[column]
                strokes.append(
                    f"M {left} {top} L {right} {top} L {right} {bottom} L {left} {bottom} C"
                )
    return Path(x, y, size, size, " ".join(strokes), color=None, fill=BLACK)
