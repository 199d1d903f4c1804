"""Write OFD documents (GB/T 33190): the same model, clock and ids give the same bytes."""

import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from e_seal.ofd import fonts, xml
from e_seal.ofd.model import (
    A4,
    BLACK,
    Attachment,
    Document,
    Image,
    Item,
    Page,
    Path,
    TagSchema,
    Text,
    blocks,
    box,
    doc_id_of,
    line,
    mm,
)
from e_seal.ofd.package import Package
from kernel.clock import beijing

__all__ = [
    "A4",
    "BLACK",
    "ROOT",
    "Attachment",
    "Document",
    "Image",
    "Item",
    "Page",
    "Path",
    "TagSchema",
    "Text",
    "blocks",
    "box",
    "doc_id_of",
    "line",
    "missing_glyphs",
    "mm",
    "write",
]

ROOT: Final = "Doc_0"
_DOC_ID: Final = re.compile(r"[0-9a-f]{32}")
_TAG: Final = re.compile(r"[^\W\d][\w.-]*")
_RUN_LENGTH_FROM: Final = 3
_REGULAR: Final = 400


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
        self._tagged: dict[str, list[tuple[int, int]]] = {}
        characters: dict[int, set[str]] = {}
        for item in document.items():
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
        parts: dict[str, bytes] = {}
        templates: list[int] = []
        common: list[str] = []
        for index, page in enumerate(self._document.templates):
            templates.append(self._new_id())
            name = f"Tpls/Tpl_{index}/Content.xml"
            parts[f"{ROOT}/{name}"] = self._page(page, templates[-1], None)
            common.append(xml.tag("TemplatePage", {"ID": templates[-1], "BaseLoc": name}))
        pages: list[str] = []
        for index, page in enumerate(self._document.pages):
            page_id, name = self._new_id(), f"Pages/Page_{index}/Content.xml"
            below = None if page.template is None else templates[page.template]
            parts[f"{ROOT}/{name}"] = self._page(page, page_id, below)
            pages.append(xml.tag("Page", {"ID": page_id, "BaseLoc": name}))
        resources = self._resources()
        tags = self._tags()
        attachments = self._attachments()
        return {
            "OFD.xml": self._ofd(),
            f"{ROOT}/Document.xml": self._root(common, pages, has_tags=bool(tags)),
            **resources,
            **parts,
            **tags,
            **attachments,
        }

    def _ofd(self) -> bytes:
        document = self._document
        custom = [
            xml.leaf("CustomData", value, {"Name": name}) for name, value in document.custom.items()
        ]
        words = [xml.leaf("Keyword", word) for word in document.keywords]
        day = self._at.date().isoformat()
        info = xml.tag(
            "DocInfo",
            None,
            xml.leaf("DocID", document.doc_id),
            xml.leaf("Title", document.title),
            _optional("Author", document.author),
            _optional("Subject", document.subject),
            xml.leaf("CreationDate", day),
            xml.leaf("ModDate", day),
            xml.tag("Keywords", None, *words) if words else "",
            xml.leaf("Creator", document.creator),
            _optional("CreatorVersion", document.creator_version),
            xml.tag("CustomDatas", None, *custom) if custom else "",
        )
        body = xml.tag("DocBody", None, info, xml.leaf("DocRoot", f"{ROOT}/Document.xml"))
        return xml.document("OFD", {"Version": "1.0", "DocType": "OFD"}, body)

    def _root(self, templates: Sequence[str], pages: Sequence[str], *, has_tags: bool) -> bytes:
        width, height = self._document.pages[0].size
        common = xml.tag(
            "CommonData",
            None,
            xml.leaf("MaxUnitID", self._last_id),
            xml.tag("PageArea", None, xml.leaf("PhysicalBox", box(0, 0, width, height))),
            xml.leaf("PublicRes", "PublicRes.xml"),
            xml.leaf("DocumentRes", "DocumentRes.xml") if self._images else "",
            *templates,
        )
        attached = xml.leaf("Attachments", "Attachs/Attachments.xml")
        return xml.document(
            "Document",
            None,
            common,
            xml.tag("Pages", None, *pages),
            xml.leaf("CustomTags", "Tags/CustomTags.xml") if has_tags else "",
            attached if self._document.attachments else "",
        )

    def _page(self, page: Page, page_id: int, below: int | None) -> bytes:
        area = xml.tag("Area", None, xml.leaf("PhysicalBox", box(0, 0, *page.size)))
        template = "" if below is None else xml.tag("Template", {"TemplateID": below})
        layer_id = self._new_id()
        objects = [part for item in page.items for part in self._item(item, page_id)]
        layer = xml.tag("Layer", {"ID": layer_id, "Type": "Body"}, *objects)
        content = xml.tag("Content", None, layer) if objects else ""
        return xml.document("Page", None, area, template, content)

    def _item(self, item: Item, page_id: int) -> Iterator[str]:
        if isinstance(item, Text):
            yield from self._text(item, page_id)
        elif isinstance(item, Path):
            yield self._path(item)
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

    def _path(self, item: Path) -> str:
        stroke = xml.tag("StrokeColor", {"Value": item.color}) if item.color is not None else ""
        fill = xml.tag("FillColor", {"Value": item.fill}) if item.fill is not None else ""
        return xml.tag(
            "PathObject",
            {
                "ID": self._new_id(),
                "Boundary": box(item.x, item.y, item.width, item.height),
                "LineWidth": mm(item.line_width),
                # True for strokes and false for fills is what both mean when they are left out.
                "Stroke": None if stroke else "false",
                "Fill": "true" if fill else None,
            },
            stroke,
            fill,
            xml.leaf("AbbreviatedData", item.data),
        )

    def _text(self, item: Text, page_id: int) -> Iterator[str]:
        x = item.x
        for face, chars in fonts.runs(item.text):
            advances = _advances(chars, item.size)
            code = {"X": "0", "Y": mm(item.size), "DeltaX": _delta_x(advances[:-1]) or None}
            number, length = self._new_id(), sum(advances)
            if item.tag:
                self._tagged.setdefault(item.tag, []).append((page_id, number))
            yield xml.tag(
                "TextObject",
                {
                    "ID": number,
                    "Boundary": box(x, item.y - item.size, length, item.size * 1.3),
                    "Font": self._fonts[face],
                    "Size": mm(item.size),
                    "Weight": item.weight if item.weight != _REGULAR else None,
                },
                xml.tag("FillColor", {"Value": item.color}),
                xml.leaf("TextCode", chars, code),
            )
            x += length

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

    def _tags(self) -> dict[str, bytes]:
        schema = self._document.tags
        if schema is None or not self._tagged:
            return {}
        file = f"{schema.type_id}.xml"
        about = {"TypeID": schema.type_id}
        listed = xml.tag("CustomTag", about, xml.leaf("FileLoc", file))
        fields = [
            (name, [xml.leaf("ObjectRef", number, {"PageRef": page}) for page, number in places])
            for name, places in self._tagged.items()
        ]
        return {
            f"{ROOT}/Tags/CustomTags.xml": xml.document("CustomTags", None, listed),
            f"{ROOT}/Tags/{file}": xml.foreign(schema.root, schema.namespace, fields),
        }

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


def _optional(name: str, value: str) -> str:
    return xml.leaf(name, value) if value else ""


def _require_sound(document: Document) -> None:
    if not document.pages:
        raise ValueError("an OFD document needs a page")
    if not _DOC_ID.fullmatch(document.doc_id):
        raise ValueError("doc_id must be 32 hex digits")
    count = len(document.templates)
    if any(not 0 <= page.template < count for page in document.pages if page.template is not None):
        raise ValueError("a page names a template that does not exist")
    names = {item.tag for item in document.items() if isinstance(item, Text) and item.tag}
    if names and document.tags is None:
        raise ValueError("tagged text needs a tag schema")
    schema = document.tags
    wanted = [*names, *((schema.root, schema.type_id) if schema is not None else ())]
    if not all(map(_TAG.fullmatch, wanted)):
        raise ValueError("a tag must be the name of an XML element")


def write(document: Document, at: datetime) -> bytes:
    """Write the document as an OFD file dated ``at`` (aware); a wrong model raises ValueError."""
    _require_sound(document)
    return Package(_Builder(document, at).entries()).to_bytes(at)


def missing_glyphs(document: Document) -> frozenset[str]:
    """Characters that no vendored font can draw; the text layer still carries them."""
    texts = (item.text for item in document.items() if isinstance(item, Text))
    return frozenset(char for text in texts for char in text if not fonts.has_glyph(char))
