"""The ZIP container of an OFD file: read defensively, written byte for byte the same each time."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from e_seal.ofd.errors import OfdMalformed, OfdUnsafe
from kernel.clock import beijing

MAX_ENTRIES: Final = 2000
MAX_INFLATED: Final = 200 * 1024 * 1024
MAX_RATIO: Final = 100
_RATIO_FLOOR: Final = 1024 * 1024
"""Smaller entries may compress better than MAX_RATIO (OURS: blank bitmaps do)."""
_CHUNK: Final = 256 * 1024
_ENCRYPTED: Final = 0x1
_UTF8_NAME: Final = 0x800
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
)
_EARLIEST_YEAR: Final = 1980
_LOCAL_HEADER: Final = 30


@dataclass(frozen=True)
class Package:
    """Entry names (no leading slash) and their raw bytes, in file order."""

    entries: Mapping[str, bytes]

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def get(self, name: str) -> bytes:
        """Bytes of an entry; raises OfdMalformed when it is not there."""
        try:
            return self.entries[name]
        except KeyError:
            raise OfdMalformed(f"no entry {name}") from None

    def with_entries(self, changes: Mapping[str, bytes]) -> "Package":
        """A copy with entries replaced or appended."""
        return Package(MappingProxyType({**self.entries, **changes}))

    def to_bytes(self, at: datetime) -> bytes:
        """Write the container with ``at`` (shown in Beijing time) as the time of every entry."""
        local = beijing(at)
        if local.year < _EARLIEST_YEAR:
            raise ValueError("ZIP knows no year before 1980")
        moment = (local.year, local.month, local.day, local.hour, local.minute, local.second)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in self.entries.items():
                info = zipfile.ZipInfo(name, moment)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3  # Unix, whatever machine writes
                info.external_attr = (stat.S_IFREG | 0o644) << 16
                archive.writestr(info, data)
        return out.getvalue()


def _entry_name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    if not info.flag_bits & _UTF8_NAME and not name.isascii():
        # zipfile decoded it as cp437; Chinese tools write UTF-8 or GBK without saying so.
        raw = name.encode("cp437")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("gb18030")
    unsafe = (
        not name
        or "\0" in name
        or "\\" in name
        or name.startswith("/")
        or ":" in name.split("/", 1)[0]
        or any(part in {"..", "."} for part in name.split("/"))
    )
    if unsafe:
        raise OfdUnsafe("entry name leaves the package")
    return name


def _check_entry(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise OfdUnsafe("encrypted entry")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise OfdUnsafe("entry is a link or device")
    if info.compress_type not in _METHODS:
        raise OfdMalformed("unknown compression")


def _check_overlap(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda item: item.header_offset):
        if info.header_offset < end:
            raise OfdUnsafe("overlapping entries")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: int) -> bytes:
    limit = max(_RATIO_FLOOR, info.compress_size * MAX_RATIO)
    parts: list[bytes] = []
    size = 0
    with archive.open(info) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > budget or size > limit:
                raise OfdUnsafe("inflates beyond the limit")
            parts.append(chunk)
    return b"".join(parts)


def _read(archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        raise OfdUnsafe("too many entries")
    _check_overlap(infos)
    entries: dict[str, bytes] = {}
    folded: set[str] = set()
    budget = MAX_INFLATED
    for info in infos:
        name = _entry_name(info)
        _check_entry(info)
        if name.casefold() in folded:
            raise OfdUnsafe("duplicate entry name")
        folded.add(name.casefold())
        data = _inflate(archive, info, budget)
        budget -= len(data)
        if not name.endswith("/"):
            entries[name] = data
        elif data:
            raise OfdUnsafe("folder entry with content")
    return entries


def read_package(data: bytes) -> Package:
    """Open a container; raises OfdMalformed or OfdUnsafe and nothing else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return Package(MappingProxyType(_read(archive)))
    except (OfdMalformed, OfdUnsafe):
        raise
    except _BROKEN as exc:
        raise OfdMalformed("not a readable ZIP container") from exc
