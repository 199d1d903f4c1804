"""The CFX document of CNNONTAX 1.0, read strictly and written exactly; no frames, no MACs.

Source: the 2017 non-tax message specification as deployed between agencies and finance systems
(envelope and field tables as implemented in the field; its full text is not public).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

import defusedxml.ElementTree as SafeTree
from defusedxml import DefusedXmlException

APP: Final = "CNNONTAX"
VER: Final = "1.0"
MAX_VOUCHERS: Final = 100
CHARSET: Final = "gb18030"
"""Declared as GBK on the wire; GB18030 holds it and the rare names that GBK lacks."""

_GROUPS: Final = frozenset({"Sign_Info", "Key_Info", "Recipient_Addr"})
"""Elements of a voucher that hold further elements (8981)."""
_DECLARATION: Final = '<?xml version="1.0" encoding="GBK"?>'
_END: Final = b"</CFX>"
_HEAD_FIELDS: Final = (
    "APP",
    "VER",
    "SRC",
    "DES",
    "MsgNo",
    "MsgID",
    "MsgRef",
    "WorkDate",
    "Reserve",
)
_FORBIDDEN_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


class BadFrame(ValueError):
    """Bytes that are no proper message; ``code`` is the result code to answer with (OURS)."""

    PARSE: Final = "90002"
    LENGTH: Final = "90003"

    def __init__(self, detail: str, code: str = PARSE) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Head:
    """CFX/HEAD without its constants."""

    src: str
    des: str
    msg_no: str
    msg_id: str
    msg_ref: str
    work_date: str
    """yyyyMMdd."""


@dataclass(frozen=True)
class Message:
    """A CFX message; a voucher maps element names to text."""

    head: Head
    vouchers: tuple[Mapping[str, str], ...]

    @property
    def voucher(self) -> Mapping[str, str]:
        """Return the only voucher. Raises BadFrame when there are several."""
        if len(self.vouchers) != 1:
            raise BadFrame("exactly one Voucher was expected")
        return self.vouchers[0]


def write_voucher(fields: Sequence[tuple[str, str]]) -> bytes:
    """Return the bytes of ``<Voucher>…</Voucher>`` in the given order of elements.

    A name such as ``Sign_Info/Value`` is an element inside a group. Raises BadFrame for text that
    GB18030 or XML cannot hold; nothing is dropped or replaced.
    """
    parts: list[str] = []
    opened: list[str] = []
    for path, value in fields:
        *groups, name = path.split("/")
        if not writable(value):
            raise BadFrame(f"{path} holds a character that cannot be sent")
        while opened != groups[: len(opened)]:
            parts.append(f"</{opened.pop()}>")
        parts.extend(f"<{group}>" for group in groups[len(opened) :])
        opened = groups
        parts.append(f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>")
    parts.extend(f"</{group}>" for group in reversed(opened))
    return f"<Voucher>{''.join(parts)}</Voucher>".encode(CHARSET)


def writable(text: str) -> bool:
    """Return whether every character can be written in GB18030 and in XML 1.0."""
    return _FORBIDDEN_TEXT.search(text) is None


def write_xml(head: Head, vouchers: Sequence[bytes]) -> bytes:
    """Return the CFX document around ``<Voucher>`` texts, each Base64 inside its own Voucher."""
    values = (APP, VER, head.src, head.des, head.msg_no, head.msg_id, head.msg_ref, head.work_date)
    fields = "".join(
        f"<{name}>{escape(value)}</{name}>"
        for name, value in zip(_HEAD_FIELDS, values, strict=False)
    )
    body = "".join(f"<Voucher>{base64.b64encode(v).decode('ascii')}</Voucher>" for v in vouchers)
    text = (
        f"{_DECLARATION}<CFX><HEAD>{fields}<Reserve/></HEAD><MSG><MOF>"
        f"<VoucherCount>{len(vouchers)}</VoucherCount>"
        f"<VoucherBody>{body}</VoucherBody></MOF></MSG></CFX>"
    )
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        # Peers count characters: outside the vouchers one byte must be one character.
        raise BadFrame("the head must be ASCII") from None


def read_xml(xml: bytes) -> Message:
    """Read a CFX document; anything it does not need is refused. Raises BadFrame."""
    if not xml.endswith(_END):
        raise BadFrame("bytes follow the end of the document")
    root = _parse(_decode(xml))
    head, msg = _children(root, "CFX", ("HEAD", "MSG"))
    (mof,) = _children(msg, "MSG", ("MOF",))
    count, body = _children(mof, "MOF", ("VoucherCount", "VoucherBody"))
    vouchers = list(body)
    _require_structure(body, "VoucherBody")
    if any(child.tag != "Voucher" for child in vouchers):
        raise BadFrame("VoucherBody holds something else than Voucher")
    if not 0 < len(vouchers) <= MAX_VOUCHERS or _leaf(count) != str(len(vouchers)):
        raise BadFrame("VoucherCount is not the number of vouchers")
    return Message(_read_head(head), tuple(_read_voucher(_leaf(child)) for child in vouchers))


def _read_head(node: Element) -> Head:
    values = _flat(node)
    if not set(values) <= set(_HEAD_FIELDS):
        raise BadFrame("HEAD holds an unknown element")
    if values.get("APP") != APP or values.get("VER") != VER:
        raise BadFrame("HEAD names another protocol")
    names = ("SRC", "DES", "MsgNo", "MsgID", "MsgRef", "WorkDate")
    if any(not values.get(name) or len(values[name]) > 64 for name in names):
        raise BadFrame("HEAD lacks a field or holds one that is too long")
    return Head(*(values[name] for name in names))


def _read_voucher(text: str) -> Mapping[str, str]:
    try:
        # Java's classic encoder breaks lines; nothing else is forgiven.
        raw = base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError):
        raise BadFrame("a Voucher is not Base64") from None
    plain = _decode(raw)
    _require_not_utf8(raw, plain)
    root = _parse(plain)
    if root.tag != "Voucher":
        raise BadFrame("a Voucher holds no Voucher")
    return _flat(root, _GROUPS)


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode(CHARSET)
    except UnicodeDecodeError:
        raise BadFrame("bytes that are not GB18030") from None
    if _FORBIDDEN_TEXT.search(text):
        raise BadFrame("a character that XML does not allow")
    return text


def _require_not_utf8(raw: bytes, plain: str) -> None:
    """Refuse UTF-8 under the label GBK: it decodes to other Chinese characters, not to an error.

    OURS: only when the voucher holds Chinese and all of it is well-formed UTF-8 of Chinese.
    """
    if plain.isascii():
        return
    try:
        runs = _NOT_ASCII.findall(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return
    # Two-byte GBK characters can look like two-byte UTF-8 (联通 does) but hardly like three-byte.
    if all("\u3000" <= char <= "\uffef" for run in runs for char in run):
        raise BadFrame("a Voucher is UTF-8, not GB18030")


def _parse(text: str) -> Element:
    try:
        root: Element = SafeTree.fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        # The cause is not chained: a parser quotes what it read.
        raise BadFrame("not well-formed XML, or a DTD") from None
    return root


def _children(node: Element, name: str, wanted: tuple[str, ...]) -> list[Element]:
    if node.tag != name:
        raise BadFrame(f"{name} was expected")
    _require_structure(node, name)
    children = list(node)
    if tuple(child.tag for child in children) != wanted:
        raise BadFrame(f"{name} must hold exactly {', '.join(wanted)}")
    return children


def _require_structure(node: Element, name: str) -> None:
    texts = [node.text, *(child.tail for child in node)]
    if any(text and text.strip() for text in texts):
        raise BadFrame(f"{name} holds text between its elements")


def _flat(node: Element, groups: frozenset[str] = frozenset(), prefix: str = "") -> dict[str, str]:
    _require_structure(node, str(node.tag))
    values: dict[str, str] = {}
    for child in node:
        name = f"{prefix}{child.tag}"
        if len(child) and child.tag in groups:
            found = _flat(child, groups - {str(child.tag)}, f"{name}/")
        else:
            found = {name: _leaf(child)}
        if name in values or not values.keys().isdisjoint(found):
            raise BadFrame("an element is there twice")
        values |= found
    return values


def _leaf(node: Element) -> str:
    if len(node):
        raise BadFrame("an element holds further elements")
    return node.text or ""
