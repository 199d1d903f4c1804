"""Ways to damage a file: flipped bits, truncations, spliced entries, edited lengths of TLVs."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache

from hypothesis import strategies as st

from e_seal.ofd.errors import OfdError
from e_seal.ofd.package import read_package
from tests.unit.e_seal import make, table
from tests.unit.e_seal.documents import sealed, signed_without_seal
from tests.unit.e_seal.samples import NOW, sample, world

_STORED = 2_000_000
"""Octets: what a spliced container may hold in all, so that examples stay quick."""


@cache
def documents() -> Mapping[str, bytes]:
    """All OFD samples, and some of ours."""
    found = {name: sample(name) for name in table.SAMPLES if name.endswith(".ofd")}
    found["ours"] = sealed()
    found["locked"] = sealed(lock=True)
    found["signed-a"] = signed_without_seal(lambda xml: make.dialect_a(world().signer, xml))
    found["signed-b"] = signed_without_seal(lambda xml: make.dialect_b(world().signer, xml, NOW))
    return found


@cache
def structures() -> Mapping[str, bytes]:
    """All seals, signature values, certificates, lists and tokens."""
    found = {name: sample(name) for name in table.SAMPLES if not name.endswith(".ofd")}
    found |= {f"certs/{name}": sample(f"certs/{name}") for name in table.certificates()}
    for name, data in documents().items():
        package = read_package(data)
        found |= {f"{name}/{e}": package.get(e) for e in package if e.endswith((".dat", ".esl"))}
    found["crl"] = make.crl(world().root, {5: NOW, 6: NOW}, NOW, NOW, reason=1)
    found["token"] = make.token(world().signer, b"value", NOW)
    return found


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bits flipped, octets written, parts cut out, doubled or moved."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        if not out:
            break
        at = draw(st.integers(0, len(out) - 1))
        match draw(st.sampled_from(("flip", "write", "cut", "end", "double", "insert"))):
            case "flip":
                out[at] ^= 1 << draw(st.integers(0, 7))
            case "write":
                octets = draw(st.binary(min_size=1, max_size=4))
                out[at : at + len(octets)] = octets
            case "cut":
                del out[at : at + draw(st.integers(1, 64))]
            case "end":
                del out[at:]
            case "double":
                out[at:at] = out[at : at + draw(st.integers(1, 256))]
            case _:
                out[at:at] = draw(st.binary(min_size=1, max_size=16))
    return bytes(out)


def headers(data: bytes, offset: int = 0, depth: int = 0) -> Iterator[tuple[int, int, int]]:
    """(offset, octets of the length, length) of every TLV that can be made out."""
    while offset + 2 <= len(data) and depth < 12:
        first = data[offset + 1]
        octets = 1 + (first & 0x7F if first & 0x80 else 0)
        start = offset + 1 + octets
        length = int.from_bytes(data[offset + 2 : start]) if first & 0x80 else first
        if start + length > len(data):
            return
        yield offset + 1, octets, length
        if data[offset] & 0x20 or data[offset] in {0x03, 0x04}:
            skipped = start + (data[offset] == 0x03)
            yield from headers(data[: start + length], skipped, depth + 1)
        offset = start + length


@st.composite
def relengthened(draw: st.DrawFn, data: bytes) -> bytes:
    """One TLV with another length, in any form, or another tag."""
    found = list(headers(data))
    at, octets, length = draw(st.sampled_from(found)) if found else (0, 1, 0)
    other = draw(
        st.one_of(
            st.integers(0, 2 * length + 2),
            st.sampled_from((0, 0x7F, 0x80, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)),
        )
    )
    size = draw(st.integers(0, 6))
    field = (
        bytes((0x80 | size,)) + (other % 256**size).to_bytes(size)
        if size
        else bytes((other % 256,))
    )
    out = data[:at] + field + data[at + octets :]
    if draw(st.booleans()):
        tag = draw(
            st.sampled_from((0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x24, 0x30, 0x31, 0xA0, 0x1F))
        )
        out = out[: max(at - 1, 0)] + bytes((tag,)) + out[at:]
    return out


def _archive(entries: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, data)
    return out.getvalue()


@cache
def entries_of(name: str) -> Mapping[str, bytes]:
    try:
        return dict(read_package(documents()[name]).entries)
    except OfdError:
        return {}


@st.composite
def spliced(draw: st.DrawFn) -> bytes:
    """Entries of two documents mixed, some damaged, some missing, some under another's name."""
    names = st.sampled_from(sorted(documents()))
    base, other = dict(entries_of(draw(names))), entries_of(draw(names))
    for _ in range(draw(st.integers(1, 4))):
        target = draw(st.sampled_from(sorted(base)))
        match draw(st.sampled_from(("take", "damage", "drop", "swap", "add"))):
            case "take":
                base[target] = other[draw(st.sampled_from(sorted(other)))]
            case "damage":
                base[target] = draw(damaged(base[target]))
            case "drop":
                del base[target]
            case "swap":
                twin = draw(st.sampled_from(sorted(base)))
                base[target], base[twin] = base[twin], base[target]
            case _:
                base[draw(st.text(max_size=12)) or "x"] = draw(st.binary(max_size=64))
        if not base:
            break
    kept, room = [], _STORED
    for name, data in base.items():
        room -= len(data)
        if room >= 0 and "\0" not in name and name.isprintable():
            kept.append((name, data))
    return _archive(kept)


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """Our sealed document with a damaged SignedValue.dat, Signature.xml or Seal.esl."""
    name = draw(st.sampled_from(("ours", "signed-a", "signed-b", "samples/n.ofd")))
    entries = dict(entries_of(name))
    files = sorted(e for e in entries if e.startswith("Doc_0/Signs/Sign_0/"))
    target = draw(st.sampled_from(files))
    data = entries[target]
    edit = relengthened(data) if target.endswith((".dat", ".esl")) else damaged(data)
    entries[target] = draw(edit)
    return _archive(list(entries.items()))
