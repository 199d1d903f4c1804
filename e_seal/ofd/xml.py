"""XML of OFD parts: parsed without DTD or entities, matched by local name, written predictably."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import XML, Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from e_seal.ofd.errors import OfdMalformed, OfdUnsafe

NAMESPACE: Final = "http://www.ofdspec.org/2016"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_MAX_XML_DEPTH: Final = 200
MAX_PART: Final = 16 * 1024 * 1024
"""Octets (OURS): a parsed part takes about ten times its size."""
_HEAD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:"
    rb"<\?xml\s+version\s*=\s*[\"']1\.[01][\"'](?:\s+encoding\s*=\s*[\"'](?i:utf-8)[\"'])?"
    rb"(?:\s+standalone\s*=\s*[\"'](?:yes|no)[\"'])?\s*\?>|\s*<[A-Za-z_])"
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL: Final = re.compile(r"[^ !#-%'-;=?-\ud7ff\ue000-\ufffd]")
"""Whatever may not stand in text or in an attribute as it is."""


def parse(data: bytes) -> Element:
    """Parse one part; raises OfdUnsafe for a DTD or excess depth, OfdMalformed for broken XML."""
    if len(data) > MAX_PART:
        raise OfdUnsafe("XML part too large")
    is_plain = _is_plain(data)
    try:
        # Without a document type nothing can be declared; the careful parser is five times slower.
        root = XML(data) if is_plain else fromstring(data, forbid_dtd=True)
    except DefusedXmlException as exc:
        raise OfdUnsafe("XML with a DTD or entities") from exc
    except (ParseError, ValueError, LookupError) as exc:
        raise OfdMalformed("broken XML") from exc
    if not isinstance(root, Element):
        raise OfdMalformed("XML without an element")
    if is_plain and data.count(b"</") < _MAX_XML_DEPTH:
        return root  # so many levels would need as many end tags
    level = [root]
    for _ in range(_MAX_XML_DEPTH):
        level = [child for element in level if len(element) for child in element]
        if not level:
            return root
    raise OfdUnsafe("XML nested too deeply")


def _is_plain(data: bytes) -> bool:
    """Whether the bytes are UTF-8 by their own account and cannot hold a document type."""
    head = _HEAD.match(data)
    return head is not None and b"<!D" not in data and b"<!E" not in data and b"\0" not in data


def local(element: Element) -> str:
    """Name without its namespace: real files mix two of them."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element | None, name: str) -> Iterator[Element]:
    """Direct children with this local name; nothing for None."""
    if element is None:
        return
    ending = "}" + name
    for item in element:
        if item.tag == name or item.tag.endswith(ending):
            yield item


def child(element: Element | None, *path: str) -> Element | None:
    """First element along a path of local names, or None."""
    for name in path:
        element = next(children(element, name), None)
    return element


def text(element: Element | None, *path: str) -> str | None:
    """Stripped text at a path, or None when absent or empty."""
    found = child(element, *path)
    return (found.text or "").strip() or None if found is not None else None


def _escape(value: str, *, quote: bool) -> str:
    if _SPECIAL.search(value) is None:
        return value
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    value = _CONTROLS.sub("", value)
    if quote:
        value = value.replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return value


def tag(name: str, attributes: Mapping[str, object] | None = None, *content: str) -> str:
    """One element in the ``ofd:`` prefix; ``content`` is XML, attributes of None are left out."""
    pairs = "".join(
        f' {key}="{_escape(str(value), quote=True)}"'
        for key, value in (attributes or {}).items()
        if value is not None
    )
    inner = "".join(content)
    return f"<ofd:{name}{pairs}>{inner}</ofd:{name}>" if inner else f"<ofd:{name}{pairs}/>"


def leaf(name: str, value: object, attributes: Mapping[str, object] | None = None) -> str:
    """One element that holds text."""
    return tag(name, attributes, _escape(str(value), quote=False))


def document(name: str, attributes: Mapping[str, object] | None, *content: str) -> bytes:
    """A whole part with declaration and namespace, UTF-8."""
    spaced = {"xmlns:ofd": NAMESPACE, **(attributes or {})}
    return (_DECLARATION + tag(name, spaced, *content)).encode()


def foreign(root: str, namespace: str, fields: Iterable[tuple[str, Iterable[str]]]) -> bytes:
    """A part in a namespace of its own whose elements hold ``ofd:`` content."""
    spaces = f'xmlns="{_escape(namespace, quote=True)}" xmlns:ofd="{NAMESPACE}"'
    inner = "".join(f"<{name}>{''.join(content)}</{name}>" for name, content in fields)
    return f"{_DECLARATION}<{root} {spaces}>{inner}</{root}>".encode()
