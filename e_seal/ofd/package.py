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


def read_package(data: Source) -> Package:
    """Open a container; raises OfdMalformed or OfdUnsafe and nothing else."""
    return Package(read_entries(data))
