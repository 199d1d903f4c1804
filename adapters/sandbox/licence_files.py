"""The licence files of the sandbox: the smallest OFD and PNG that readers accept."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from typing import Final
from xml.sax.saxutils import escape

_NAMESPACE: Final = 'xmlns:ofd="http://www.ofdspec.org/2016"'
_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_FIXED: Final = (2026, 1, 1, 0, 0, 0)
_SIDE: Final = 32


def ofd_file(title: str, identifier: str) -> bytes:
    """Return an OFD package (GB/T 33190) of one blank page, always the same bytes for one licence.

    The title is the licence's name; what is on its face is not in the file.
    """
    number = hashlib.md5(identifier.encode(), usedforsecurity=False).hexdigest()
    parts = {
        "OFD.xml": (
            f'<ofd:OFD {_NAMESPACE} Version="1.1" DocType="OFD"><ofd:DocBody><ofd:DocInfo>'
            f"<ofd:DocID>{number}</ofd:DocID><ofd:Title>{escape(title)}</ofd:Title>"
            "<ofd:Creator>OneWindow sandbox</ofd:Creator></ofd:DocInfo>"
            "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
        ),
        "Doc_0/Document.xml": (
            f"<ofd:Document {_NAMESPACE}><ofd:CommonData><ofd:MaxUnitID>1</ofd:MaxUnitID>"
            "<ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
            '</ofd:CommonData><ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/>'
            "</ofd:Pages></ofd:Document>"
        ),
        "Doc_0/Pages/Page_0/Content.xml": f"<ofd:Page {_NAMESPACE}/>",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(zipfile.ZipInfo(name, _FIXED), _XML + text)
    return made.getvalue()


def png_file() -> bytes:
    """Return a white picture of 32 by 32 points in grey levels."""
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    rows = (b"\x00" + b"\xff" * _SIDE) * _SIDE
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
