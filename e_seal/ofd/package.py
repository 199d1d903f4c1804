"""The ZIP container of an OFD file: read defensively, written byte for byte the same each time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from e_seal.ofd import archive
from e_seal.ofd.container import Entries, Source, read_entries
from e_seal.ofd.errors import OfdMalformed
from kernel.crypto import sm3


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
        return archive.write(((name, self._packed(name)) for name in self.entries), at)

    def _packed(self, name: str) -> archive.Packed:
        if isinstance(self.entries, Entries):
            packed = self.entries.packed(name)
            if packed is not None:
                return packed
        return archive.pack(name, self.get(name))


def appended(
    container: bytes, name: str, data: bytes, at: datetime, *, beside: tuple[str, bytes]
) -> bytes:
    """A container that ``Package.to_bytes`` wrote, with one more entry, the others as they are.

    Byte for byte what writing all of it again gives. Raises OfdMalformed when the entry is there,
    or ``beside``, an entry and its content, is not.
    """
    there, content = beside
    if archive.find(container, there) != content:
        raise OfdMalformed(f"{there} is not the one that was stored")
    return archive.append(container, name, data, at)


def read_package(data: Source) -> Package:
    """Open a container; raises OfdMalformed or OfdUnsafe and nothing else."""
    return Package(read_entries(data))
