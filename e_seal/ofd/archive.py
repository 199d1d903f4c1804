"""Write ZIP containers byte for byte the same each time; what is deflated already is only copied.

The layout is that of APPNOTE 6.3 without ZIP64: an OFD has at most 2 000 entries and 200 MB.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from e_seal.ofd.errors import OfdMalformed
from kernel.clock import beijing

STORED: Final = 0
DEFLATED: Final = 8
_EARLIEST_YEAR: Final = 1980
_PACKED: Final = (".esl", ".dat", ".png", ".jpg", ".jpeg")
"""Pictures, and seals that are mostly a picture: deflating them again only costs time."""
_VERSION: Final = 20
_UNIX: Final = 3 << 8 | _VERSION
_FILE_MODE: Final = 0o100644 << 16
_UTF8_NAME: Final = 0x800

_LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END: Final = struct.Struct("<4sHHHHLLH")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_CENTRAL_MAGIC: Final = b"PK\x01\x02"
_END_MAGIC: Final = b"PK\x05\x06"


class Packed(NamedTuple):
    """The content of one entry as it lies in a container."""

    method: int
    crc: int
    size: int
    """Octets when inflated."""
    body: bytes


def pack(name: str, data: bytes) -> Packed:
    """Deflate an entry's content, unless its name says that it is packed already."""
    crc = zlib.crc32(data)
    if name.endswith(_PACKED):
        return Packed(STORED, crc, len(data), data)
    deflater = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Packed(DEFLATED, crc, len(data), deflater.compress(data) + deflater.flush())


def unpack(entry: Packed) -> bytes:
    """The content of an entry that was packed here, not by strangers; raises OfdMalformed."""
    if entry.method == STORED:
        return entry.body
    try:
        return zlib.decompress(entry.body, -zlib.MAX_WBITS)
    except zlib.error as exc:
        raise OfdMalformed("an entry of the container is broken") from exc


def write(entries: Iterable[tuple[str, Packed]], at: datetime) -> bytes:
    """A container of these entries, each dated ``at`` (aware, shown in Beijing time)."""
    day, moment = _stamp(at)
    parts: list[bytes] = []
    listed: list[bytes] = []
    offset = 0
    for name, entry in entries:
        local, central = _headers(name, entry, (day, moment), offset)
        parts += (local, entry.body)
        listed.append(central)
        offset += len(local) + len(entry.body)
    return b"".join((*parts, *listed, _end(len(listed), sum(map(len, listed)), offset)))


def append(container: bytes, name: str, data: bytes, at: datetime) -> bytes:
    """A container that ``write`` made, with one more entry, the others as they are.

    Byte for byte what writing all of it again gives. Raises OfdMalformed when it is no such
    container or has this entry.
    """
    count, size, start = _directory(container)
    if any(there == name for there, *_ in _listed(container, start, count)):
        raise OfdMalformed(f"there is an entry {name}")
    entry = pack(name, data)
    local, central = _headers(name, entry, _stamp(at), start)
    end = _end(count + 1, size + len(central), start + len(local) + len(entry.body))
    listed = container[start : start + size]
    return b"".join((container[:start], local, entry.body, listed, central, end))


def find(container: bytes, name: str) -> bytes | None:
    """An entry of a container that ``write`` made; raises OfdMalformed for any other."""
    count, _, start = _directory(container)
    for there, method, body, size in _listed(container, start, count):
        if there == name:
            return unpack(Packed(method, 0, 0, container[body : body + size]))
    return None


def _directory(container: bytes) -> tuple[int, int, int]:
    """How many entries the central directory has, its size and where it lies."""
    ending = container[-_END.size :]
    if len(ending) != _END.size or ending[:4] != _END_MAGIC:
        raise OfdMalformed("not a container as it is written here")
    _, _, _, _, count, size, start, _ = _END.unpack(ending)
    if start + size + _END.size != len(container):
        raise OfdMalformed("not a container as it is written here")
    return count, size, start


def _listed(container: bytes, at: int, count: int) -> Iterator[tuple[str, int, int, int]]:
    """Name, method, where the body lies and its size, of each entry in the directory."""
    for _ in range(count):
        if at + _CENTRAL.size > len(container):
            raise OfdMalformed("the container's directory is cut")
        header = _CENTRAL.unpack_from(container, at)
        if header[0] != _CENTRAL_MAGIC:
            raise OfdMalformed("the container's directory is broken")
        method, size, name_size, offset = header[4], header[8], header[10], header[-1]
        at += _CENTRAL.size
        name = container[at : at + name_size].decode("utf-8", errors="replace")
        at += name_size
        yield name, method, offset + _LOCAL.size + name_size, size


def _headers(name: str, entry: Packed, dated: tuple[int, int], offset: int) -> tuple[bytes, bytes]:
    raw = name.encode()
    flags = 0 if name.isascii() else _UTF8_NAME
    day, moment = dated
    method, crc, size, body = entry
    common = (_VERSION, flags, method, moment, day, crc, len(body), size, len(raw), 0)
    local = _LOCAL.pack(_LOCAL_MAGIC, *common) + raw
    central = _CENTRAL.pack(_CENTRAL_MAGIC, _UNIX, *common, 0, 0, 0, _FILE_MODE, offset) + raw
    return local, central


def _end(count: int, size: int, offset: int) -> bytes:
    return _END.pack(_END_MAGIC, 0, 0, count, count, size, offset, 0)


def _stamp(at: datetime) -> tuple[int, int]:
    """Date and time as DOS counted them."""
    local = beijing(at)
    if local.year < _EARLIEST_YEAR:
        raise ValueError("ZIP knows no year before 1980")
    day = (local.year - _EARLIEST_YEAR) << 9 | local.month << 5 | local.day
    return day, local.hour << 11 | local.minute << 5 | local.second // 2
