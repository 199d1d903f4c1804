"""The ZIP container of an OFD file: read defensively, written byte for byte the same each time."""

import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from e_seal.ofd.container import Entries, Source, read_entries
from e_seal.ofd.errors import OfdMalformed
from kernel.clock import beijing
from kernel.crypto import sm3

_EARLIEST_YEAR: Final = 1980
_PACKED: Final = (".esl", ".dat", ".png", ".jpg", ".jpeg")
"""Pictures, and seals that are mostly a picture: deflating them again only costs time."""


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

    def digest(self, name: str) -> bytes:
        """SM3 of an entry, without holding a large one; raises OfdMalformed as get does."""
        if isinstance(self.entries, Entries) and name in self.entries:
            return self.entries.digest(name)
        return sm3.digest(self.get(name))

    def with_entries(self, changes: Mapping[str, bytes]) -> "Package":
        """A copy with entries replaced or appended."""
        if isinstance(self.entries, Entries):
            return Package(self.entries.changed(changes))
        return Package(MappingProxyType({**self.entries, **changes}))

    def to_bytes(self, at: datetime) -> bytes:
        """Write the container with ``at`` (shown in Beijing time) as the time of every entry."""
        moment = _moment(at)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in self.entries.items():
                archive.writestr(_info(name, moment), data)
        return out.getvalue()


def appended(
    container: bytes, name: str, data: bytes, at: datetime, *, beside: tuple[str, bytes]
) -> bytes:
    """A container that ``Package.to_bytes`` wrote, with one more entry, the others as they are.

    Byte for byte what writing all of it again gives. Raises OfdMalformed when the entry is there,
    or ``beside``, an entry and its content, is not.
    """
    out = io.BytesIO(container)
    with zipfile.ZipFile(out, "a") as archive:
        there, content = beside
        if there not in archive.NameToInfo or archive.read(there) != content:
            raise OfdMalformed(f"{there} is not the one that was stored")
        if name in archive.NameToInfo:
            raise OfdMalformed(f"there is an entry {name}")
        archive.writestr(_info(name, _moment(at)), data)
    return out.getvalue()


def _moment(at: datetime) -> tuple[int, int, int, int, int, int]:
    local = beijing(at)
    if local.year < _EARLIEST_YEAR:
        raise ValueError("ZIP knows no year before 1980")
    return (local.year, local.month, local.day, local.hour, local.minute, local.second)


def _info(name: str, moment: tuple[int, int, int, int, int, int]) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, moment)
    packed = name.endswith(_PACKED)
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, whatever machine writes
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def read_package(data: Source) -> Package:
    """Open a container; raises OfdMalformed or OfdUnsafe and nothing else."""
    return Package(read_entries(data))
