"""The objects of a PDF file: read from their text and written back (ISO 32000-1, 7.3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from e_seal.pdf.errors import PdfMalformed

MAX_DEPTH: Final = 64
_SPACE: Final = re.compile(rb"(?:[\x00\t\n\x0c\r ]+|%[^\r\n]*)*")
_TOKEN: Final = re.compile(
    rb"<<|>>|\[|\]|/[^\x00\t\n\x0c\r ()<>\[\]{}/%]*|[+-]?(?:\d+\.?\d*|\.\d+)|[A-Za-z'\"*]+[0-9]?"
)
_REFERENCE: Final = re.compile(rb"(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+R(?![\w])")
_NAME_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_HEX: Final = re.compile(rb"<([0-9A-Fa-f\x00\t\n\x0c\r ]*)>")
_PLAIN_NAME: Final = re.compile(r"[^!-~]|[#()<>\[\]{}/%]")
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_OCTAL: Final = re.compile(rb"[0-7]{1,3}")


class Name(str):
    """A name object, without its slash."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to an indirect object."""

    number: int
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Keyword:
    """A bare word such as ``obj`` or ``endobj``."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that is written as it is: a placeholder of fixed length."""

    text: bytes


Value = (
    bool
    | int
    | float
    | bytes
    | Name
    | Ref
    | Keyword
    | Raw
    | list["Value"]
    | dict[str, "Value"]
    | None
)
Dict = dict[str, Value]


class Reader:
    """Reads objects one after the other from a buffer."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    def skip(self) -> None:
        """Go over white space and comments."""
        found = _SPACE.match(self._data, self.at)
        self.at = found.end() if found else self.at

    def value(self, depth: int = 0) -> Value:
        """The next object; raises PdfMalformed."""
        if depth > MAX_DEPTH:
            raise PdfMalformed("objects nested too deeply")
        self.skip()
        head = self._data[self.at : self.at + 2]
        if head[:1] == b"(":
            return self._literal()
        if head[:1] == b"<" and head != b"<<":
            return self._hex()
        reference = _REFERENCE.match(self._data, self.at)
        if reference is not None:
            self.at = reference.end()
            return Ref(int(reference[1]), int(reference[2]))
        token = _TOKEN.match(self._data, self.at)
        if token is None:
            raise PdfMalformed(f"no object at {self.at}")
        self.at = token.end()
        return self._from(token[0], depth)

    def _from(self, token: bytes, depth: int) -> Value:
        if token == b"<<":
            return self._dict(depth)
        if token == b"[":
            items: list[Value] = []
            while (item := self.value(depth + 1)) != Keyword(b"]"):
                items.append(item)
            return items
        if token[:1] == b"/":
            raw = _NAME_ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), token[1:])
            return Name(raw.decode("latin-1"))
        if token[:1] in b"+-.0123456789":
            return float(token) if b"." in token else int(token)
        known: dict[bytes, Value] = {b"true": True, b"false": False, b"null": None}
        return known.get(token, Keyword(token))

    def _dict(self, depth: int) -> Dict:
        entries: Dict = {}
        while True:
            key = self.value(depth + 1)
            if key == Keyword(b">>"):
                return entries
            if not isinstance(key, Name):
                raise PdfMalformed(f"a dictionary without a name at {self.at}")
            if key in entries:
                # Readers differ on which one counts.
                raise PdfMalformed(f"/{key} stands twice in a dictionary")
            entries[key] = self.value(depth + 1)

    def _hex(self) -> bytes:
        found = _HEX.match(self._data, self.at)
        if found is None:
            raise PdfMalformed(f"a broken string at {self.at}")
        self.at = found.end()
        digits = b"".join(found[1].replace(b"\0", b" ").split())
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())

    def _literal(self) -> bytes:
        out = bytearray()
        level, at, data = 1, self.at + 1, self._data
        while level:
            char = data[at : at + 1]
            if not char:
                raise PdfMalformed("a string without an end")
            at += 1
            if char == b"\\":
                octal = _OCTAL.match(data, at)
                escaped = data[at : at + 1]
                if octal is not None:
                    out.append(int(octal[0], 8) & 0xFF)
                    at = octal.end()
                else:
                    at += 2 if data[at : at + 2] == b"\r\n" else 1
                    out += b"" if escaped in b"\r\n" else _ESCAPES.get(escaped, escaped)
                continue
            level += {b"(": 1, b")": -1}.get(char, 0)
            out += char if level else b""
        self.at = at
        return bytes(out)


def written(value: Value) -> bytes:
    """The object as text."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Keyword):
        raise PdfMalformed("a bare word is no object")
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if value is None:
        return b"null"
    if isinstance(value, Name):
        return b"/" + _PLAIN_NAME.sub(lambda m: f"#{ord(m[0]):02X}", value).encode("latin-1")
    if isinstance(value, Ref):
        return f"{value.number} {value.generation} R".encode()
    if isinstance(value, bytes):
        return b"<" + value.hex().upper().encode() + b">"
    if isinstance(value, int):
        return str(value).encode()
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".").encode()
    if isinstance(value, list):
        return b"[" + b" ".join(map(written, value)) + b"]"
    return dictionary(value)


def dictionary(entries: Mapping[str, Value]) -> bytes:
    """A dictionary as text."""
    inner = b" ".join(written(Name(key)) + b" " + written(value) for key, value in entries.items())
    return b"<<" + inner + b">>"
