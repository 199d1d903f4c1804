"""Tells whether a downloaded receipt is a whole PDF or OFD, and the one that was asked for."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Final

from adapters.dialects.cfx import BadFrame
from payments.receipt_model import ReceiptFile, ReceiptNumber

PDF: Final = "application/pdf"
OFD: Final = "application/ofd"
_MOST_TEXT: Final = 16 * 1024 * 1024
_MOST_PARTS: Final = 500
_STREAM: Final = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


def read_file(content: bytes, number: ReceiptNumber, *, text: bool) -> ReceiptFile:
    """Return the document. Raises BadFrame when it is of another kind, damaged, or another receipt.

    With ``text`` the code and the number must both be found inside as digits.
    """
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-1024:]:
            raise BadFrame("the receipt's PDF is cut off")
        kind, found = PDF, _pdf_text(content) if text else b""
    elif content.startswith(b"PK\x03\x04"):
        kind, found = OFD, _ofd_text(content)
    else:
        raise BadFrame("the receipt is neither PDF nor OFD")
    wanted = (number.code.encode(), number.number.encode())
    if text and not all(part in found for part in wanted):
        raise BadFrame("the file is not the receipt that was asked for")
    return ReceiptFile(content, kind)


def _pdf_text(content: bytes) -> bytes:
    """Return the file and its inflated streams, as far as the limit goes."""
    parts, size = [content], 0
    for found in list(_STREAM.finditer(content))[:_MOST_PARTS]:
        try:
            part = zlib.decompressobj().decompress(found.group(1), _MOST_TEXT - size)
        except zlib.error:
            continue
        parts.append(part)
        size += len(part)
        if size >= _MOST_TEXT:
            break
    return b"\n".join(parts)


def _ofd_text(content: bytes) -> bytes:
    """Return all XML of an OFD package; sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            entries = [e for e in package.infolist() if e.filename.lower().endswith(".xml")]
            if len(entries) > _MOST_PARTS or sum(e.file_size for e in entries) > _MOST_TEXT:
                raise BadFrame("the receipt's OFD is too large")
            return b"\n".join(package.read(entry) for entry in entries)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise BadFrame("the receipt's OFD is damaged") from None
