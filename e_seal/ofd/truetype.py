"""Read a TrueType font's measures and cut it down to the glyphs of some characters.

Only what an embedded font needs survives: outlines without hinting, advances, one character map.
Tables are those of ISO/IEC 14496-22; the same characters give the same bytes.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

_COMPOSITE_WORDS: Final = 0x0001
_COMPOSITE_MORE: Final = 0x0020
_COMPOSITE_INSTRUCTIONS: Final = 0x0100
# Scale, separate scales, matrix: octets that follow a component's arguments.
_SCALES: Final = ((0x0008, 2), (0x0040, 4), (0x0080, 8))
_NAMES: Final = frozenset({0, 1, 2, 4, 6})
"""Copyright, family, style, full name, PostScript name."""
_WINDOWS: Final = 3
_MAGIC: Final = 0xB1B0AFBA
_WORD: Final = 0xFFFFFFFF
_BMP: Final = 0xFFFF


_Glyph = tuple[bytes, tuple[tuple[int, int], ...]]
"""An outline, and for each part of a composite one (position of its flags, glyph number)."""


class FontError(ValueError):
    """The font lacks a table or a character map that is needed here."""


class TrueType:
    """One font file; its glyphs are prepared once and kept."""

    def __init__(self, data: bytes) -> None:
        self._tables = dict(_directory(data))
        head, maxp = self._table("head"), self._table("maxp")
        (self.units_per_em,) = struct.unpack_from(">H", head, 18)
        (count,) = struct.unpack_from(">H", maxp, 4)
        self._loca = _offsets(self._table("loca"), count, is_long=head[51] != 0)
        self._metrics = _metrics(self._table("hmtx"), self._table("hhea"), count)
        self._glyphs: dict[int, _Glyph] = {}
        self._codes = _character_map(self._table("cmap"))
        self._name = _names(self._table("name"))

    def _table(self, name: str) -> bytes:
        try:
            return self._tables[name]
        except KeyError:
            raise FontError(f"the font has no table {name}") from None

    @property
    def widths(self) -> dict[int, float]:
        """Advance width in em by character code."""
        unit = self.units_per_em
        return {code: self._metrics[glyph][0] / unit for code, glyph in self._codes.items()}

    def subset(self, characters: Iterable[str]) -> bytes:
        """A font file with .notdef and the glyphs of these characters, as far as there are any."""
        wanted = sorted({ord(char) for char in characters})
        codes = {code: self._codes[code] for code in wanted if code in self._codes}
        glyphs = self._closure({0, *codes.values()})
        numbers = {old: new for new, old in enumerate(glyphs)}
        outlines = [_renumbered(*self._glyph(glyph), numbers) for glyph in glyphs]
        starts = [0, *accumulate(map(len, outlines))]
        head, hhea = bytearray(self._table("head")), bytearray(self._table("hhea"))
        struct.pack_into(">I", head, 8, 0)
        struct.pack_into(">H", head, 50, 1)
        struct.pack_into(">H", hhea, 34, len(glyphs))
        maxp = bytearray(self._table("maxp"))
        struct.pack_into(">H", maxp, 4, len(glyphs))
        post = b"\x00\x03\x00\x00" + self._table("post")[4:32]
        metrics = [part for glyph in glyphs for part in self._metrics[glyph]]
        return _font(
            {
                "OS/2": self._table("OS/2"),
                "cmap": _cmap({code: numbers[glyph] for code, glyph in codes.items()}),
                "glyf": b"".join(outlines),
                "head": bytes(head),
                "hhea": bytes(hhea),
                "hmtx": struct.pack(f">{'Hh' * len(glyphs)}", *metrics),
                "loca": struct.pack(f">{len(starts)}I", *starts),
                "maxp": bytes(maxp),
                "name": self._name,
                "post": post,
            }
        )

    def _closure(self, glyphs: set[int]) -> list[int]:
        """All glyphs that these are drawn with, in the order of the whole font."""
        waiting, known = list(glyphs), set(glyphs)
        while waiting:
            for _, part in self._glyph(waiting.pop())[1]:
                if part not in known:
                    known.add(part)
                    waiting.append(part)
        return sorted(known)

    def _glyph(self, glyph: int) -> "_Glyph":
        found = self._glyphs.get(glyph)
        if found is None:
            start, end = self._loca[glyph], self._loca[glyph + 1]
            outline = _without_hints(self._table("glyf")[start:end])
            found = self._glyphs[glyph] = outline, tuple(_components(outline))
        return found


def _directory(data: bytes) -> Iterator[tuple[str, bytes]]:
    (count,) = struct.unpack_from(">H", data, 4)
    for index in range(count):
        tag, _, offset, length = struct.unpack_from(">4sIII", data, 12 + 16 * index)
        yield tag.decode("ascii").strip(), data[offset : offset + length]


def _offsets(loca: bytes, count: int, *, is_long: bool) -> tuple[int, ...]:
    if is_long:
        return struct.unpack_from(f">{count + 1}I", loca)
    return tuple(2 * half for half in struct.unpack_from(f">{count + 1}H", loca))


def _metrics(hmtx: bytes, hhea: bytes, count: int) -> list[tuple[int, int]]:
    """(advance, left side bearing) of every glyph; the last advance goes on for the rest."""
    (full,) = struct.unpack_from(">H", hhea, 34)
    metrics = list(struct.iter_unpack(">Hh", hmtx[: 4 * full]))
    rest = struct.unpack_from(f">{count - full}h", hmtx, 4 * full)
    return [*metrics, *((metrics[-1][0], bearing) for bearing in rest)]


def _character_map(cmap: bytes) -> dict[int, int]:
    (count,) = struct.unpack_from(">H", cmap, 2)
    found = {}
    for index in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * index)
        found[platform, encoding] = cmap[offset:]
    if (_WINDOWS, 10) in found:
        return dict(_segments_12(found[_WINDOWS, 10]))
    if (_WINDOWS, 1) in found:
        return dict(_segments_4(found[_WINDOWS, 1]))
    raise FontError("the font has no Unicode character map")


def _segments_12(table: bytes) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(">I", table, 12)
    for start, end, glyph in struct.iter_unpack(">III", table[16 : 16 + 12 * count]):
        yield from zip(range(start, end + 1), range(glyph, glyph + end - start + 1), strict=True)


def _segments_4(table: bytes) -> Iterator[tuple[int, int]]:
    length, _, double = struct.unpack_from(">HHH", table, 2)
    count = double // 2
    ends = struct.unpack_from(f">{count}H", table, 14)
    starts = struct.unpack_from(f">{count}H", table, 16 + double)
    deltas = struct.unpack_from(f">{count}H", table, 16 + 2 * double)
    place = 16 + 3 * double
    shifts = struct.unpack_from(f">{count}H", table, place)
    words = struct.unpack_from(f">{(length - place) // 2}H", table, place)
    for index, (start, end, delta, shift) in enumerate(
        zip(starts, ends, deltas, shifts, strict=True)
    ):
        for code in range(start, end + 1):
            glyph = words[index + shift // 2 + code - start] if shift else code
            if glyph and code != _BMP:
                yield code, (glyph + delta) & _BMP


def _names(name: bytes) -> bytes:
    """The few names that a viewer may show, as a table of its own."""
    _, count, storage = struct.unpack_from(">HHH", name)
    records = b""
    texts = b""
    for index in range(count):
        platform, *about, kind, length, offset = struct.unpack_from(">6H", name, 6 + 12 * index)
        if platform == _WINDOWS and kind in _NAMES:
            records += struct.pack(">6H", platform, *about, kind, length, len(texts))
            texts += name[storage + offset : storage + offset + length]
    return struct.pack(">HHH", 0, len(records) // 12, 6 + len(records)) + records + texts


def _components(glyph: bytes) -> Iterator[tuple[int, int]]:
    """(position of its flags, glyph number) of every part of a composite glyph."""
    if not glyph or glyph[0] < 0x80:
        return
    place, flags = 10, _COMPOSITE_MORE
    while flags & _COMPOSITE_MORE:
        flags, part = struct.unpack_from(">HH", glyph, place)
        yield place, part
        place += _component_size(flags)


def _component_size(flags: int) -> int:
    return 4 + (4 if flags & _COMPOSITE_WORDS else 2) + sum(n for bit, n in _SCALES if flags & bit)


def _without_hints(glyph: bytes) -> bytes:
    """The outline alone, padded to whole words."""
    if not glyph:
        return b""
    (contours,) = struct.unpack_from(">h", glyph)
    if contours >= 0:
        end = 10 + 2 * contours
        (hints,) = struct.unpack_from(">H", glyph, end)
        bare = glyph[:end] + b"\0\0" + glyph[end + 2 + hints :]
    else:
        kept = bytearray(glyph)
        end = 0
        for place, _ in _components(glyph):
            (flags,) = struct.unpack_from(">H", glyph, place)
            struct.pack_into(">H", kept, place, flags & ~_COMPOSITE_INSTRUCTIONS)
            end = place + _component_size(flags)
        bare = bytes(kept[:end])
    return bare + bytes(-len(bare) % 4)


def _renumbered(
    glyph: bytes, parts: tuple[tuple[int, int], ...], numbers: Mapping[int, int]
) -> bytes:
    if not parts:
        return glyph
    changed = bytearray(glyph)
    for place, part in parts:
        struct.pack_into(">H", changed, place + 2, numbers[part])
    return bytes(changed)


def _runs(codes: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """(first code, last code, first glyph) of stretches that count up together."""
    runs: list[tuple[int, int, int]] = []
    for code, glyph in sorted(codes.items()):
        if runs and code == runs[-1][1] + 1 and glyph == runs[-1][2] + code - runs[-1][0]:
            runs[-1] = (runs[-1][0], code, runs[-1][2])
        else:
            runs.append((code, code, glyph))
    return runs


def _cmap(codes: Mapping[int, int]) -> bytes:
    """A character map in format 4, and one in format 12 when it reaches beyond the BMP."""
    small = _format_4(_runs({code: glyph for code, glyph in codes.items() if code < _BMP}))
    if all(code < _BMP for code in codes):
        return struct.pack(">HHHHI", 0, 1, _WINDOWS, 1, 12) + small
    runs = _runs(codes)
    large = struct.pack(">HHIII", 12, 0, 16 + 12 * len(runs), 0, len(runs))
    large += b"".join(struct.pack(">III", *run) for run in runs)
    head = struct.pack(">HHHHIHHI", 0, 2, _WINDOWS, 1, 20, _WINDOWS, 10, 20 + len(small))
    return head + small + large


def _format_4(runs: list[tuple[int, int, int]]) -> bytes:
    runs = [*runs, (_BMP, _BMP, 0)]  # the last one must map U+FFFF to .notdef
    count = len(runs)
    power = count.bit_length() - 1
    reach = 2 << power
    body = b"".join(
        (
            struct.pack(f">{count}H", *(end for _, end, _ in runs)),
            b"\0\0",
            struct.pack(f">{count}H", *(start for start, _, _ in runs)),
            struct.pack(
                f">{count}H", *((glyph - start) & _BMP for start, _, glyph in runs[:-1]), 1
            ),
            bytes(2 * count),
        )
    )
    length = 14 + len(body)
    return struct.pack(">7H", 4, length, 0, 2 * count, reach, power, 2 * count - reach) + body


def _sum(data: bytes) -> int:
    padded = data + bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & _WORD


def _font(tables: Mapping[str, bytes]) -> bytes:
    count = len(tables)
    power = count.bit_length() - 1
    head = struct.pack(">IHHHH", 0x00010000, count, 16 << power, power, 16 * count - (16 << power))
    place = 12 + 16 * count
    records = b""
    body = b""
    for name, data in tables.items():
        tag = name.encode().ljust(4)
        records += struct.pack(">4sIII", tag, _sum(data), place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    whole = bytearray(head + records + body)
    adjust = (_MAGIC - _sum(bytes(whole))) & _WORD
    (start,) = (
        struct.unpack_from(">I", records, 16 * index + 8)[0]
        for index, name in enumerate(tables)
        if name == "head"
    )
    struct.pack_into(">I", whole, start + 8, adjust)
    return bytes(whole)
