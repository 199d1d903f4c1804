"""The CNNONTAX 1.0 frame around a CFX document; the MAC itself is computed elsewhere.

Source: the 2017 non-tax message specification as deployed between agencies and finance systems.
The simulator and the adapter share this module and the dialect, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from adapters.dialects.cfx import (
    APP,
    CHARSET,
    VER,
    BadFrame,
    Head,
    Message,
    read_xml,
    writable,
    write_voucher,
    write_xml,
)

__all__ = [
    "APP",
    "CHARSET",
    "HEAD",
    "MAC",
    "MAX_FRAME",
    "PREFIX",
    "VER",
    "BadFrame",
    "Frame",
    "Head",
    "Message",
    "frame_length",
    "join_frame",
    "read_xml",
    "split_frame",
    "writable",
    "write_voucher",
    "write_xml",
]

PREFIX: Final = 8
"""Bytes of the length field, which counts itself."""
HEAD: Final = 23
MAC: Final = 64
MAX_FRAME: Final = 8 * 1024 * 1024
"""Longest frame, in bytes (OURS: the specification names no limit); readers set lower ones."""

_LENGTH: Final = re.compile(rb"([1-9][0-9]{0,7}) *")
_MAC: Final = re.compile(rb"[0-9A-Fa-f]{64}")


@dataclass(frozen=True)
class Frame:
    """A frame taken apart; nothing in it is verified yet."""

    msg_no: str
    xml: bytes
    mac: str


def frame_length(prefix: bytes, most: int = MAX_FRAME) -> int:
    """Return the total length that the first eight bytes announce. Raises BadFrame."""
    found = _LENGTH.fullmatch(prefix)
    if len(prefix) != PREFIX or found is None:
        raise BadFrame("the length field is not decimal digits and spaces", BadFrame.LENGTH)
    total = int(found.group(1))
    if not HEAD + MAC < total <= most:
        raise BadFrame("the announced length is out of range", BadFrame.LENGTH)
    return total


def split_frame(raw: bytes) -> Frame:
    """Take a complete frame apart. Raises BadFrame."""
    if frame_length(raw[:PREFIX]) != len(raw):
        raise BadFrame("the frame has another length than it announces", BadFrame.LENGTH)
    if raw[PREFIX:19] != f"{APP}{VER}".encode():
        raise BadFrame("not a CNNONTAX 1.0 frame")
    msg_no, mac = raw[19:HEAD], raw[-MAC:]
    if not (msg_no.isascii() and msg_no.isdigit()) or _MAC.fullmatch(mac) is None:
        raise BadFrame("message number or MAC is malformed")
    return Frame(msg_no.decode("ascii"), raw[HEAD:-MAC], mac.decode("ascii"))


def join_frame(msg_no: str, xml: bytes, mac: str) -> bytes:
    """Return the frame of an XML text and its MAC. Raises BadFrame when it would be too long."""
    total = HEAD + len(xml) + MAC
    if total > MAX_FRAME:
        raise BadFrame("the frame would be too long", BadFrame.LENGTH)
    return f"{total:<8}{APP}{VER}{msg_no}".encode("ascii") + xml + mac.encode("ascii")
