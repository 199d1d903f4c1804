"""What adapters of licence sources share: dates as they are written, files by their first bytes,
and whose licence an answer holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from e_license import Holder, Licence, LicenceDocument
from kernel.errors import UpstreamProtocolError

LONG_TERM: Final = "长期"
MAX_IDENTIFIER: Final = 128
_DAY: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"|([0-9]{4})([0-9]{2})([0-9]{2})"
    r"|([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日"
)
_JOINT: Final = re.compile(r"[,，、;；|/\s]+")
_MAGIC: Final = (
    (b"PK\x03\x04", "application/ofd"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


class UnknownCode(ValueError):
    """A source used a code or a form that its specification does not list."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a value that the specification does not list")
        self.field = field
        self.code = code


def day(field: str, text: str) -> date | None:
    """Return the day of ``2026-11-23``, ``20261123`` or ``2026年11月3日``; None for 长期 or
    nothing.

    Raise UnknownCode for everything else: an end that cannot be read must not look like 长期.
    """
    plain = text.strip()
    if plain in {"", LONG_TERM}:
        return None
    found = _DAY.fullmatch(plain)
    if found is None:
        raise UnknownCode(field, text)
    year, month, number = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, month, number)
    except ValueError:
        raise UnknownCode(field, text) from None


def identifier_of(field: str, text: str) -> str:
    """Return a licence identifier of 1 to 128 characters; raise UnknownCode for another text."""
    if not 1 <= len(text) <= MAX_IDENTIFIER:
        raise UnknownCode(field, text)
    return text


def licence_file(content: bytes) -> LicenceDocument:
    """Return an OFD or PNG file with its digests; the first bytes decide, not what was said.

    Raise UpstreamProtocolError for anything else.
    """
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return LicenceDocument.of(content, media_type)
    raise UpstreamProtocolError("the licence file is neither OFD nor PNG")


def require_holder(licences: Sequence[Licence], holder: Holder) -> None:
    """Raise UpstreamProtocolError when a licence names holders and the asked one is not among them.

    Joint holders share one field. A source that names no holder's code cannot be judged here.
    """
    for licence in licences:
        named = {code.upper() for code in _JOINT.split(licence.holder_code) if code}
        if named and holder.code.upper() not in named:
            raise UpstreamProtocolError("the answer holds the licence of another holder")


def require_identifier(licences: Sequence[Licence], identifier: str) -> None:
    """Raise UpstreamProtocolError when another licence came than the one that was asked for."""
    if any(licence.identifier != identifier for licence in licences):
        raise UpstreamProtocolError("the answer holds another licence than the one asked for")
