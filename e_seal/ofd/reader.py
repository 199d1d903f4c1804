"""Read what the product needs of an OFD file: structure, text, attachments, signature list."""

import itertools
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.etree.ElementTree import Element

from e_seal.ofd import xml
from e_seal.ofd.container import Source
from e_seal.ofd.errors import OfdMalformed, OfdUnsafe
from e_seal.ofd.package import Package, read_package

OFD_XML: Final = "OFD.xml"
_ONCE: Final = ("DocInfo", "DocRoot", "Signatures")
_PLAIN: Final = re.compile(r"/[A-Za-z0-9_](?:[A-Za-z0-9_-]|[./](?=[A-Za-z0-9_-]))*", re.ASCII)
"""Absolute locations that mean what they say; most are of this kind."""
_MAX_REMEMBERED: Final = 512
"""Characters (OURS), so that strangers cannot fill the memory."""
_LINE_TOLERANCE: Final = 0.5
"""Text objects whose baselines differ by less (millimetres) are read as one line."""


@dataclass(frozen=True)
class PageEntry:
    """One page: its id in the document, its part and its size in millimetres if stated."""

    id: str
    path: str
    size: tuple[float, float] | None
    templates: tuple[str, ...] = ()
    """Parts that are drawn below it (模板页)."""


@dataclass(frozen=True)
class AttachmentEntry:
    """One attachment and its part."""

    name: str
    path: str
    format: str


@dataclass(frozen=True)
class TagEntry:
    """One file of custom tags (自定义标引): which text objects show which field."""

    type_id: str
    path: str


@dataclass(frozen=True)
class SignatureEntry:
    """One line of Signatures.xml; ``type`` is ``Seal`` or ``Sign``."""

    id: str
    type: str
    path: str


@dataclass(frozen=True)
class Outline:
    """The pages' ids and the signatures of an OFD file; its pages were not looked at."""

    package: Package
    page_ids: tuple[str, ...]
    signatures_path: str | None
    signatures: tuple[SignatureEntry, ...]


@dataclass(frozen=True)
class OfdDocument:
    """A read OFD file; ``reachable`` are the parts that a viewer may show, OFD.xml included."""

    package: Package
    doc_id: str
    title: str
    roots: tuple[str, ...]
    pages: tuple[PageEntry, ...]
    attachments: tuple[AttachmentEntry, ...]
    signatures_path: str | None
    signatures: tuple[SignatureEntry, ...]
    reachable: frozenset[str]
    tags: tuple[TagEntry, ...] = ()
    ambiguous: tuple[str, ...] = ()
    """Elements of OFD.xml that stand more than once in one DocBody: readers differ about them."""

    def tag_values(self, entry: TagEntry) -> dict[str, str]:
        """The tagged fields by name: each value is the text on the page that it refers to."""
        shown: dict[str, dict[str, str]] = {}
        for page in self.pages:
            objects = _objects(xml.parse(self.package.get(page.path)))
            shown.setdefault(page.id, {}).update(objects)
        values: dict[str, str] = {}
        for item in xml.parse(self.package.get(entry.path)).iter():
            for reference in xml.children(item, "ObjectRef"):
                texts = shown.get(reference.get("PageRef", ""), {})
                value = texts.get((reference.text or "").strip(), "")
                values[xml.local(item)] = values.get(xml.local(item), "") + value
        return values

    def page_text(self, page: PageEntry) -> str:
        """The text of one page over its templates, one line per baseline, in document order."""
        lines: list[str] = []
        last: float | None = None
        parts = (*page.templates, page.path)
        roots = [xml.parse(self.package.get(part)) for part in parts if part in self.package]
        for baseline, chars in itertools.chain.from_iterable(map(_texts, roots)):
            if last is not None and baseline is not None and abs(baseline - last) < _LINE_TOLERANCE:
                lines[-1] += chars
            else:
                lines.append(chars)
            last = baseline
        return "\n".join(lines)

    def text(self) -> str:
        """The text of all pages."""
        return "\n".join(self.page_text(page) for page in self.pages)


def resolve(base: str, location: str) -> str:
    """Entry name of an ST_Loc found in part ``base``; raises OfdUnsafe if it leaves the package."""
    if _PLAIN.fullmatch(location):
        return location[1:]
    if len(base) + len(location) > _MAX_REMEMBERED:
        return _resolved(base, location)
    return _remembered(base, location)


def _resolved(base: str, location: str) -> str:
    location = location.strip().replace("\\", "/")
    # An absolute location wins in join: the package root is the file system's root.
    path = posixpath.normpath(posixpath.join(posixpath.dirname(base), location).lstrip("/"))
    if path in {"", "."}:
        raise OfdMalformed("empty location")
    if path == ".." or path.startswith("../"):
        raise OfdUnsafe("location leaves the package")
    return path


_remembered = lru_cache(maxsize=1024)(_resolved)


def _numbers(value: str | None) -> list[float]:
    try:
        return [float(part) for part in (value or "").split()]
    except ValueError:
        return []


def _texts(page: Element) -> Iterator[tuple[float | None, str]]:
    for item in page.iter():
        if xml.local(item) != "TextObject":
            continue
        boundary = _numbers(item.get("Boundary"))
        for code in xml.children(item, "TextCode"):
            offset = _numbers(code.get("Y"))
            known = len(boundary) == 4 and offset
            yield (boundary[1] + offset[0] if known else None), code.text or ""


def _objects(page: Element) -> Iterator[tuple[str, str]]:
    for item in page.iter():
        if xml.local(item) == "TextObject":
            codes = (code.text or "" for code in xml.children(item, "TextCode"))
            yield item.get("ID", ""), "".join(codes)


class _Walk:
    """Follows every location from OFD.xml on and remembers the parts it met."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self.reachable: set[str] = {OFD_XML}
        self.pages: list[PageEntry] = []
        self.attachments: list[AttachmentEntry] = []
        self.tags: list[TagEntry] = []
        self.signatures_path: str | None = None
        self.roots: list[str] = []

    def _part(self, path: str) -> Element | None:
        """Parsed part, or None when it is missing or was visited; missing parts stay reachable."""
        if path in self.reachable:
            return None
        self.reachable.add(path)
        return xml.parse(self._package.get(path)) if path in self._package else None

    def body(self, body: Element) -> None:
        root = xml.text(body, "DocRoot")
        if root is None:
            raise OfdMalformed("DocBody without DocRoot")
        signatures = xml.text(body, "Signatures")
        if signatures is not None and self.signatures_path is None:
            self.signatures_path = resolve(OFD_XML, signatures)
        self.document(resolve(OFD_XML, root))
        for version in xml.children(xml.child(body, "Versions"), "Version"):
            path = resolve(OFD_XML, version.get("BaseLoc", ""))
            found = self._part(path)
            other = xml.text(found, "DocRoot")
            if other is not None:
                self.document(resolve(path, other))

    def document(self, path: str) -> None:
        self.roots.append(path)
        root = self._part(path)
        if root is None:
            if path not in self._package:
                raise OfdMalformed("DocRoot is missing")
            return
        common = xml.child(root, "CommonData")
        default = _size(xml.text(common, "PageArea", "PhysicalBox"))
        for kind in ("PublicRes", "DocumentRes"):
            for item in xml.children(common, kind):
                self._resource(resolve(path, item.text or ""))
        templates: dict[str, str] = {}
        for item in xml.children(common, "TemplatePage"):
            part = resolve(path, item.get("BaseLoc", ""))
            templates[item.get("ID", "")] = part
            self._page_part(part)
        for item in xml.children(xml.child(root, "Pages"), "Page"):
            part = resolve(path, item.get("BaseLoc", ""))
            page = self._page_part(part)
            size = _size(xml.text(page, "Area", "PhysicalBox")) or default
            named = (found.get("TemplateID", "") for found in xml.children(page, "Template"))
            below = tuple(templates[name] for name in named if name in templates)
            self.pages.append(PageEntry(item.get("ID", ""), part, size, below))
        self._lists(path, root)

    def _lists(self, path: str, root: Element) -> None:
        for kind, item_name in (
            ("Annotations", "Page"),
            ("Attachments", "Attachment"),
            ("CustomTags", "CustomTag"),
            ("Extensions", "Extension"),
        ):
            for location in xml.children(root, kind):
                list_path = resolve(path, location.text or "")
                for item in xml.children(self._part(list_path), item_name):
                    self._listed(list_path, item)

    def _listed(self, list_path: str, item: Element) -> None:
        for name in ("FileLoc", "SchemaLoc", "ExtendData"):
            location = xml.text(item, name)
            if location is None:
                continue
            part = resolve(list_path, location)
            self.reachable.add(part)
            if xml.local(item) == "Attachment":
                label, kind = item.get("Name", ""), item.get("Format", "")
                self.attachments.append(AttachmentEntry(label, part, kind))
            elif xml.local(item) == "CustomTag" and name == "FileLoc":
                self.tags.append(TagEntry(item.get("TypeID", ""), part))

    def _page_part(self, path: str) -> Element | None:
        page = self._part(path)
        for item in xml.children(page, "PageRes"):
            self._resource(resolve(path, item.text or ""))
        return page

    def _resource(self, path: str) -> None:
        resource = self._part(path)
        if resource is None:
            return
        base = resource.get("BaseLoc", "")
        folder = resolve(path, base) + "/" if base.strip(" ./") else path
        for item in resource.iter():
            if xml.local(item) in {"FontFile", "MediaFile"} and item.text:
                self.reachable.add(resolve(folder, item.text))
            if profile := item.get("Profile"):
                self.reachable.add(resolve(folder, profile))


class _Skim(_Walk):
    """The same without opening what the pages show."""

    def _page_part(self, path: str) -> Element | None:
        return None

    def _resource(self, path: str) -> None:
        pass

    def _lists(self, path: str, root: Element) -> None:
        pass


def _size(value: str | None) -> tuple[float, float] | None:
    numbers = _numbers(value)
    return (numbers[2], numbers[3]) if len(numbers) == 4 else None


def _signatures(package: Package, path: str | None) -> tuple[SignatureEntry, ...]:
    if path is None or path not in package:
        return ()
    return tuple(
        SignatureEntry(
            item.get("ID", ""), item.get("Type", "Seal"), resolve(path, item.get("BaseLoc", ""))
        )
        for item in xml.children(xml.parse(package.get(path)), "Signature")
    )


def read(data: Source) -> OfdDocument:
    """Read an OFD file; raises OfdMalformed or OfdUnsafe and nothing else."""
    return read_parts(read_package(data))


def _bodies(package: Package) -> list[Element]:
    bodies = list(xml.children(xml.parse(package.get(OFD_XML)), "DocBody"))
    if not bodies:
        raise OfdMalformed("OFD.xml without DocBody")
    return bodies


def read_outline(package: Package) -> Outline:
    """Read only what a further signature needs to know; raises OfdMalformed or OfdUnsafe."""
    walk = _Skim(package)
    for body in _bodies(package):
        walk.body(body)
    path = walk.signatures_path
    pages = tuple(page.id for page in walk.pages)
    return Outline(package, pages, path, _signatures(package, path))


def read_parts(package: Package) -> OfdDocument:
    """Read the structure of an opened container; raises OfdMalformed or OfdUnsafe."""
    walk = _Walk(package)
    bodies = _bodies(package)
    twice: list[str] = []
    for body in bodies:
        walk.body(body)
        names = Counter(map(xml.local, body))
        twice += (name for name in _ONCE if names[name] > 1)
    return OfdDocument(
        package=package,
        doc_id=xml.text(bodies[0], "DocInfo", "DocID") or "",
        title=xml.text(bodies[0], "DocInfo", "Title") or "",
        roots=tuple(walk.roots),
        pages=tuple(walk.pages),
        attachments=tuple(walk.attachments),
        signatures_path=walk.signatures_path,
        signatures=_signatures(package, walk.signatures_path),
        reachable=frozenset(walk.reachable),
        tags=tuple(walk.tags),
        ambiguous=tuple(twice),
    )
