"""Our ZIP writer: what Python's own module writes, packed entries copied, broken files refused."""

import io
import stat
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e_seal.ofd import archive
from e_seal.ofd.errors import OfdMalformed
from e_seal.ofd.package import Package, read_package

AT = datetime(2026, 11, 24, 2, 0, 7, tzinfo=UTC)
NAMES = st.text(st.sampled_from("abc受理"), min_size=1, max_size=6)
ENTRIES = st.dictionaries(
    st.tuples(NAMES, st.sampled_from([".xml", ".esl"])).map("".join), st.binary(max_size=600)
)


def by_zipfile(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, (2026, 11, 24, 10, 0, 7))
            stored = name.endswith((".esl", ".dat"))
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            target.writestr(info, data)
    return out.getvalue()


@given(ENTRIES)
def test_a_container_is_what_the_library_writes(entries: dict[str, bytes]) -> None:
    assert Package(entries).to_bytes(AT) == by_zipfile(entries)


@given(ENTRIES)
def test_one_more_entry_is_what_writing_all_of_it_again_gives(entries: dict[str, bytes]) -> None:
    whole = by_zipfile({**entries, "z.dat": b"value"})
    assert archive.append(by_zipfile(entries), "z.dat", b"value", AT) == whole
    assert archive.find(whole, "z.dat") == b"value"
    assert archive.find(whole, "not.there") is None


def test_what_a_stranger_deflated_is_copied_and_changes_are_packed() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        target.writestr("kept.xml", b"text " * 2000)
        target.writestr("changed.xml", b"old")
    package = read_package(out.getvalue()).with_entries({"changed.xml": b"new", "more.xml": b"m"})
    with zipfile.ZipFile(io.BytesIO(package.to_bytes(AT))) as found:
        assert found.testzip() is None
        assert found.namelist() == ["kept.xml", "changed.xml", "more.xml"]
        assert [found.read(name) for name in found.namelist()] == [b"text " * 2000, b"new", b"m"]
        (original,) = (one for one in target.infolist() if one.filename == "kept.xml")
        assert found.getinfo("kept.xml").compress_size == original.compress_size
        assert found.getinfo("kept.xml").date_time == (2026, 11, 24, 10, 0, 6)


def _cut(container: bytes) -> bytes:
    """The directory states one entry more than it has."""
    return container[:-14] + b"\2\0\2\0" + container[-10:]


@pytest.mark.parametrize(
    "container",
    [
        b"",
        b"PK\x05\x06" + b"\0" * 10,
        by_zipfile({"a.xml": b"a"}) + b"\0",
        _cut(by_zipfile({"a.xml": b"a"})),
        by_zipfile({"a.xml": b"a"}).replace(b"PK\x01\x02", b"PK\x01\x03"),
    ],
)
def test_a_broken_container_takes_nothing(container: bytes) -> None:
    with pytest.raises(OfdMalformed):
        archive.append(container, "b.xml", b"b", AT)


def test_an_entry_is_neither_added_twice_nor_read_when_it_is_broken() -> None:
    container = by_zipfile({"a.xml": b"a" * 50})
    with pytest.raises(OfdMalformed):
        archive.append(container, "a.xml", b"b", AT)
    broken = container[:35] + b"\xff\xff" + container[37:]
    with pytest.raises(OfdMalformed):
        archive.find(broken, "a.xml")
