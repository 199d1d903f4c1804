"""Read the ZIP container of an OFD file defensively, holding only its small entries in memory."""

import io
import mmap
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from e_seal.ofd.archive import Packed
from e_seal.ofd.errors import OfdMalformed, OfdUnsafe
from kernel.crypto import sm3

Source: TypeAlias = bytes | mmap.mmap
"""A whole file; a mapped one is paged in as it is read."""

MAX_ENTRIES: Final = 2000
MAX_INFLATED: Final = 200 * 1024 * 1024
MAX_RATIO: Final = 100
_RATIO_FLOOR: Final = 1024 * 1024
"""Smaller entries may compress better than MAX_RATIO (OURS: blank bitmaps do)."""
_KEPT: Final = 1024 * 1024
_KEPT_IN_ALL: Final = 16 * 1024 * 1024
"""Octets (OURS): larger entries, and all beyond this sum, are inflated when they are asked for."""
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
_LOCAL_HEADER: Final = struct.Struct("<4s2xHH4x12xHH")
_LOCAL_MAGIC: Final = b"PK\x03\x04"


_SEAL: Final = ".esl"
_MAX_SEAL: Final = 64 * 1024
_digest_of_seal: Final = lru_cache(maxsize=64)(sm3.digest)
"""By the exact bytes: one seal lies in many documents."""


class Entries(Mapping[str, bytes]):
    """Entry names and contents in file order; digests of large entries are taken once."""

    def __init__(
        self, source: Source, kept: dict[str, bytes | None], infos: dict[str, zipfile.ZipInfo]
    ) -> None:
        self._source = source
        self._kept = kept
        self._infos = infos
        self._digests: dict[str, bytes] = {}
        self._room = _KEPT_IN_ALL

    def __getitem__(self, name: str) -> bytes:
        data = self._kept[name]
        if data is None:
            return b"".join(_chunks(self._source, self._infos[name]))
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def digest(self, name: str) -> bytes:
        """SM3 of an entry; raises KeyError."""
        known = self._digests.get(name)
        if known is None:
            data = self._kept[name]
            if data is not None and name.endswith(_SEAL) and len(data) <= _MAX_SEAL:
                return _digest_of_seal(data)
            chunks = _chunks(self._source, self._infos[name]) if data is None else (data,)
            known = self._digests[name] = sm3.digest_of(chunks)
        return known

    def packed(self, name: str) -> Packed | None:
        """An entry as it lies in the file; None for one that was changed or added since."""
        info = self._infos.get(name)
        if info is None:
            return None
        start, stop = _body(self._source, info)
        return Packed(info.compress_type, info.CRC, info.file_size, self._source[start:stop])

    def add(self, name: str, info: zipfile.ZipInfo) -> None:
        """Inflate one entry, which checks it, and keep it if it is small."""
        self._infos[name] = info
        if info.file_size <= min(_KEPT, self._room):
            self._room -= info.file_size
            self._kept[name] = _whole(self._source, info)
            return
        self._kept[name] = None
        self.digest(name)

    def changed(self, changes: Mapping[str, bytes]) -> "Entries":
        """A copy with entries replaced or appended."""
        infos = {name: info for name, info in self._infos.items() if name not in changes}
        found = Entries(self._source, {**self._kept, **changes}, infos)
        found._digests.update(
            (name, digest) for name, digest in self._digests.items() if name in infos
        )
        return found


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
    if info.file_size > max(_RATIO_FLOOR, info.compress_size * MAX_RATIO):
        raise OfdUnsafe("inflates beyond the limit")


def _check_overlap(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda item: item.header_offset):
        if info.header_offset < end:
            raise OfdUnsafe("overlapping entries")
        end = info.header_offset + _LOCAL_HEADER.size + info.compress_size


def _body(source: Source, info: zipfile.ZipInfo) -> tuple[int, int]:
    """Where the compressed octets lie; both headers of an entry must say the same."""
    start = info.header_offset
    header = source[start : start + _LOCAL_HEADER.size]
    magic, flags, method, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    start += _LOCAL_HEADER.size
    encoding = "utf-8" if info.flag_bits & _UTF8_NAME else "cp437"
    name = source[start : start + name_size]
    if (
        magic != _LOCAL_MAGIC
        or flags & _ENCRYPTED
        or method != info.compress_type
        or name != info.orig_filename.encode(encoding)
    ):
        raise OfdUnsafe("an entry's two headers differ")
    start += name_size + extra_size
    if start + info.compress_size > len(source):
        raise OfdMalformed("truncated entry")
    return start, start + info.compress_size


def _chunks(source: Source, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content piece by piece; what inflates to more or less than was stated is refused.

    A reader that trusts the stated size and one that inflates to the end would otherwise see
    different documents under one digest.
    """
    start, stop = _body(source, info)
    crc, left, pending = 0, info.file_size, b""
    inflater = None if info.compress_type == zipfile.ZIP_STORED else zlib.decompressobj(-15)
    while True:
        piece = b"" if pending else source[start : min(start + _CHUNK, stop)]
        start += len(piece)
        if inflater is not None:
            piece = inflater.decompress(pending or piece, min(_CHUNK, left) + 1)
            pending = inflater.unconsumed_tail
        left -= len(piece)
        if left < 0:
            raise OfdUnsafe("inflates to more than is stated")
        crc = zlib.crc32(piece, crc)
        if piece:
            yield piece
        if start >= stop and not pending:
            break
    is_whole = inflater is None or (inflater.eof and not inflater.unused_data)
    if left or not is_whole or crc != info.CRC:
        raise OfdMalformed("an entry is not what its header states")


def _whole(source: Source, info: zipfile.ZipInfo) -> bytes:
    """The same of a small entry in one piece, because a document has dozens of them."""
    start, stop = _body(source, info)
    data, is_whole = source[start:stop], True
    if info.compress_type != zipfile.ZIP_STORED:
        inflater = zlib.decompressobj(-15)
        data = inflater.decompress(data, info.file_size + 1)
        is_whole = inflater.eof and not inflater.unused_data
    if len(data) > info.file_size:
        raise OfdUnsafe("inflates to more than is stated")
    if len(data) != info.file_size or not is_whole or zlib.crc32(data) != info.CRC:
        raise OfdMalformed("an entry is not what its header states")
    return data


def _read(archive: zipfile.ZipFile, source: Source) -> Entries:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        raise OfdUnsafe("too many entries")
    _check_overlap(infos)
    if sum(info.file_size for info in infos) > MAX_INFLATED:
        raise OfdUnsafe("inflates beyond the limit")
    entries = Entries(source, {}, {})
    folded: set[str] = set()
    for info in infos:
        name = _entry_name(info)
        _check_entry(info)
        if name.casefold() in folded:
            raise OfdUnsafe("duplicate entry name")
        folded.add(name.casefold())
        if not name.endswith("/"):
            entries.add(name, info)
        elif info.file_size or any(_chunks(source, info)):
            raise OfdUnsafe("folder entry with content")
    return entries


def read_entries(source: Source) -> Entries:
    """Open a container and check every entry; raises OfdMalformed or OfdUnsafe.

    A mapped file must stay open as long as the entries are used.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        # zipfile only reads and seeks, which a mapped file can do.
        with zipfile.ZipFile(file) as archive:  # type: ignore[arg-type]
            return _read(archive, source)
    except (OfdMalformed, OfdUnsafe):
        raise
    except _BROKEN as exc:
        raise OfdMalformed("not a readable ZIP container") from exc
