"""Write OFD documents (GB/T 33190): the same model, clock and ids give the same bytes."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from e_seal.ofd import fonts, xml
from e_seal.ofd.package import Package
from kernel.clock import beijing
from kernel.crypto import sm3

A4: Final = (210.0, 297.0)
ROOT: Final = "Doc_0"
BLACK: Final = "0 0 0"
_DOC_ID: Final = re.compile(r"[0-9a-f]{32}")
_RUN_LENGTH_FROM: Final = 3


@dataclass(frozen=True)
class Text:
    """Characters on one baseline; ``x``, ``y`` (the baseline) and ``size`` are millimetres."""

    x: float
    y: float
    text: str
    size: float
    color: str = BLACK
    weight: int = 400


@dataclass(frozen=True)
class Path:
    """Strokes in ``data`` (``M x y L x y … C`` from the corner); all lengths are millimetres."""

    x: float
    y: float
    width: float
    height: float
    data: str
    line_width: float = 0.25
    color: str = BLACK


@dataclass(frozen=True)
class Image:
    """A picture stretched over its rectangle (millimetres); ``format`` such as ``PNG``."""

    x: float
    y: float
    width: float
    height: float
    data: bytes
    format: str = "PNG"


Item = Text | Path | Image


@dataclass(frozen=True)
class Page:
    """One page and what is drawn on it, in order."""

    items: Sequence[Item] = ()
    size: tuple[float, float] = A4


@dataclass(frozen=True)
class Attachment:
    """Data carried inside the file, for example the licence's fields as XML."""

    name: str
    file_name: str
    data: bytes
    format: str = "xml"
    is_visible: bool = False


@dataclass(frozen=True)
class Document:
    """Everything of one OFD document; ``doc_id`` is 32 hex digits (see doc_id_of)."""

    doc_id: str
    title: str
    pages: Sequence[Page]
    author: str = ""
    creator: str = "OneWindow"
    custom: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Attachment] = ()


def doc_id_of(text: str) -> str:
    """32 hex digits that stand for any id, for DocID (GB/T 33190 wants a UUID's form)."""
    return sm3.digest(text.encode()).hex()[:32]


def line(x1: float, y1: float, x2: float, y2: float, *, width: float = 0.25) -> Path:
    """A straight stroke between two points, millimetres."""
    x, y = min(x1, x2), min(y1, y2)
    data = f"M {mm(x1 - x)} {mm(y1 - y)} L {mm(x2 - x)} {mm(y2 - y)}"
    # Strict readers refuse boxes without area.
    return Path(x, y, max(abs(x2 - x1), width), max(abs(y2 - y1), width), data, width)


def mm(value: float) -> str:
    """Millimetres as text, without noise beyond a micrometre."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def box(x: float, y: float, width: float, height: float) -> str:
    """An ST_Box."""
    return f"{mm(x)} {mm(y)} {mm(width)} {mm(height)}"


def _advances(text: str, size: float) -> list[float]:
    return [fonts.width(char) * size for char in text]


def _delta_x(advances: Sequence[float]) -> str:
    out: list[str] = []
    for value, group in itertools.groupby(mm(advance) for advance in advances):
        count = len(list(group))
        out += ["g", str(count), value] if count >= _RUN_LENGTH_FROM else [value] * count
    return " ".join(out)


class _Builder:
    """Collects ids, resources and parts while one document is written."""

    def __init__(self, document: Document, at: datetime) -> None:
        self._document = document
        self._at = beijing(at)
        self._last_id = 0
        self._images: dict[tuple[bytes, str], int] = {}
        characters: dict[int, set[str]] = {}
        for page in document.pages:
            for item in page.items:
                if isinstance(item, Text):
                    for face, chars in fonts.runs(item.text):
                        characters.setdefault(face, set()).update(chars)
        self._characters = dict(sorted(characters.items()))
        self._fonts = {face: self._new_id() for face in self._characters}

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def entries(self) -> dict[str, bytes]:
        """All parts; Document.xml last to be written because it holds the highest id."""
        pages: dict[str, bytes] = {}
        listed: list[str] = []
        for index, page in enumerate(self._document.pages):
            page_id, name = self._new_id(), f"Pages/Page_{index}/Content.xml"
            pages[f"{ROOT}/{name}"] = self._page(page)
            listed.append(xml.tag("Page", {"ID": page_id, "BaseLoc": name}))
        resources = self._resources()
        attachments = self._attachments()
        return {
            "OFD.xml": self._ofd(),
            f"{ROOT}/Document.xml": self._root(listed),
            **resources,
            **pages,
            **attachments,
        }

    def _ofd(self) -> bytes:
        document = self._document
        custom = [
            xml.leaf("CustomData", value, {"Name": name}) for name, value in document.custom.items()
        ]
        info = xml.tag(
            "DocInfo",
            None,
            xml.leaf("DocID", document.doc_id),
            xml.leaf("Title", document.title),
            xml.leaf("Author", document.author) if document.author else "",
            xml.leaf("CreationDate", self._at.date().isoformat()),
            xml.leaf("Creator", document.creator),
            xml.tag("CustomDatas", None, *custom) if custom else "",
        )
        body = xml.tag("DocBody", None, info, xml.leaf("DocRoot", f"{ROOT}/Document.xml"))
        return xml.document("OFD", {"Version": "1.0", "DocType": "OFD"}, body)

    def _root(self, pages: Sequence[str]) -> bytes:
        width, height = self._document.pages[0].size
        common = xml.tag(
            "CommonData",
            None,
            xml.leaf("MaxUnitID", self._last_id),
            xml.tag("PageArea", None, xml.leaf("PhysicalBox", box(0, 0, width, height))),
            xml.leaf("PublicRes", "PublicRes.xml"),
            xml.leaf("DocumentRes", "DocumentRes.xml") if self._images else "",
        )
        attached = xml.leaf("Attachments", "Attachs/Attachments.xml")
        return xml.document(
            "Document",
            None,
            common,
            xml.tag("Pages", None, *pages),
            attached if self._document.attachments else "",
        )

    def _page(self, page: Page) -> bytes:
        area = xml.tag("Area", None, xml.leaf("PhysicalBox", box(0, 0, *page.size)))
        layer_id = self._new_id()
        objects = [part for item in page.items for part in self._item(item)]
        layer = xml.tag("Layer", {"ID": layer_id, "Type": "Body"}, *objects)
        return xml.document("Page", None, area, xml.tag("Content", None, layer) if objects else "")

    def _item(self, item: Item) -> Iterator[str]:
        if isinstance(item, Text):
            yield from self._text(item)
        elif isinstance(item, Path):
            yield xml.tag(
                "PathObject",
                {
                    "ID": self._new_id(),
                    "Boundary": box(item.x, item.y, item.width, item.height),
                    "LineWidth": mm(item.line_width),
                },
                xml.tag("StrokeColor", {"Value": item.color}),
                xml.leaf("AbbreviatedData", item.data),
            )
        else:
            resource = self._images.setdefault((item.data, item.format), 0) or self._new_id()
            self._images[item.data, item.format] = resource
            yield xml.tag(
                "ImageObject",
                {
                    "ID": self._new_id(),
                    "Boundary": box(item.x, item.y, item.width, item.height),
                    "CTM": f"{mm(item.width)} 0 0 {mm(item.height)} 0 0",
                    "ResourceID": resource,
                },
            )

    def _text(self, item: Text) -> Iterator[str]:
        x = item.x
        for face, chars in fonts.runs(item.text):
            advances = _advances(chars, item.size)
            code = {"X": "0", "Y": mm(item.size), "DeltaX": _delta_x(advances[:-1]) or None}
            yield xml.tag(
                "TextObject",
                {
                    "ID": self._new_id(),
                    "Boundary": box(x, item.y - item.size, sum(advances), item.size * 1.3),
                    "Font": self._fonts[face],
                    "Size": mm(item.size),
                    "Weight": item.weight if item.weight != 400 else None,
                },
                xml.tag("FillColor", {"Value": item.color}),
                xml.leaf("TextCode", chars, code),
            )
            x += sum(advances)

    def _resources(self) -> dict[str, bytes]:
        entries: dict[str, bytes] = {}
        files: dict[str, bytes] = {}
        listed: list[str] = []
        for face, chars in self._characters.items():
            font, file = fonts.faces()[face], f"font_{self._fonts[face]}.ttf"
            names = {"ID": self._fonts[face], "FontName": font.name, "FamilyName": font.name}
            listed.append(xml.tag("Font", names, xml.leaf("FontFile", file)))
            files[f"{ROOT}/Res/{file}"] = fonts.subset(font, chars)
        group = xml.tag("Fonts", None, *listed) if listed else ""
        entries[f"{ROOT}/PublicRes.xml"] = xml.document("Res", {"BaseLoc": "Res"}, group)
        if self._images:
            media: list[str] = []
            for (data, kind), resource in self._images.items():
                file = f"image_{resource}.{kind.lower()}"
                about = {"ID": resource, "Type": "Image", "Format": kind}
                media.append(xml.tag("MultiMedia", about, xml.leaf("MediaFile", file)))
                files[f"{ROOT}/Res/{file}"] = data
            entries[f"{ROOT}/DocumentRes.xml"] = xml.document(
                "Res", {"BaseLoc": "Res"}, xml.tag("MultiMedias", None, *media)
            )
        return {**entries, **files}

    def _attachments(self) -> dict[str, bytes]:
        if not self._document.attachments:
            return {}
        listed = [
            xml.tag(
                "Attachment",
                {
                    "ID": self._new_id(),
                    "Name": item.name,
                    "Format": item.format,
                    "CreationDate": self._at.strftime("%Y-%m-%dT%H:%M:%S"),
                    "Size": mm(len(item.data) / 1024),
                    "Visible": str(item.is_visible).lower(),
                },
                xml.leaf("FileLoc", item.file_name),
            )
            for item in self._document.attachments
        ]
        entries = {f"{ROOT}/Attachs/Attachments.xml": xml.document("Attachments", None, *listed)}
        for item in self._document.attachments:
            entries[f"{ROOT}/Attachs/{item.file_name}"] = item.data
        return entries


def write(document: Document, at: datetime) -> bytes:
    """Write the document as an OFD file dated ``at`` (aware); a wrong model raises ValueError."""
    if not document.pages:
        raise ValueError("an OFD document needs a page")
    if not _DOC_ID.fullmatch(document.doc_id):
        raise ValueError("doc_id must be 32 hex digits")
    return Package(_Builder(document, at).entries()).to_bytes(at)


def missing_glyphs(document: Document) -> frozenset[str]:
    """Characters that no vendored font can draw; the text layer still carries them."""
    return frozenset(
        char
        for page in document.pages
        for item in page.items
        if isinstance(item, Text)
        for char in item.text
        if not fonts.has_glyph(char)
    )
