"""A PDF file: its cross-reference chain, its objects, its pages and its signature fields."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from e_seal.pdf.errors import PdfMalformed, PdfUnsupported
from e_seal.pdf.objects import Dict, Keyword, Name, Reader, Ref, Value

MAX_BYTES: Final = 200 * 1024 * 1024
MAX_OBJECTS: Final = 500_000
MAX_STREAM: Final = 32 * 1024 * 1024
"""Inflated; only cross-references and object streams are ever inflated."""
MAX_PAGES: Final = 10_000
_MAX_CHAIN: Final = 256
_TAIL: Final = 2048
_FREE: Final = -1
_START: Final = re.compile(rb"startxref\s+(\d{1,12})\s+%%EOF")
_ENTRY: Final = re.compile(rb"(\d{10})[ ](\d{5})[ ]([fn])")
_SECTION: Final = re.compile(rb"(\d{1,10})\s+(\d{1,10})\s+")
_STREAM: Final = re.compile(rb"stream(\r\n|\n)")


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page: where its object is, what it says, and its box in points with inherited values."""

    ref: Ref
    entries: Dict
    box: tuple[float, float, float, float]


@dataclass
class PdfFile:
    """An opened file; ``data`` is never changed."""

    data: bytes
    start: int = 0
    """Where the newest cross-reference section begins."""
    has_stream: bool = False
    """Whether that section is a stream."""
    trailer: Dict = field(default_factory=dict)
    _places: dict[int, tuple[int, int, bool]] = field(default_factory=dict)
    """By object number: offset and generation, or object stream and index when True."""
    _packed: dict[int, tuple[bytes, list[int]]] = field(default_factory=dict)

    def resolve(self, value: Value, depth: int = 0) -> Value:
        """What a reference leads to, or the value itself; null where there is nothing."""
        if not isinstance(value, Ref):
            return value
        if depth > _MAX_CHAIN:
            raise PdfMalformed("references go in circles")
        return self.resolve(self._object(value.number), depth + 1)

    def entries(self, value: Value) -> Dict:
        """A dictionary, directly or by reference; raises PdfMalformed for anything else."""
        found = self.resolve(value)
        if not isinstance(found, dict):
            raise PdfMalformed("a dictionary is missing")
        return found

    def items(self, value: Value) -> list[Value]:
        """An array, directly or by reference; empty where there is nothing."""
        found = self.resolve(value)
        if found is None:
            return []
        if not isinstance(found, list):
            raise PdfMalformed("an array is missing")
        return found

    @property
    def size(self) -> int:
        """One more than the highest object number."""
        stated = self.trailer.get("Size")
        return max(stated if isinstance(stated, int) else 0, max(self._places, default=0) + 1)

    @property
    def root(self) -> Ref:
        """The catalogue."""
        found = self.trailer.get("Root")
        if not isinstance(found, Ref):
            raise PdfMalformed("the file has no catalogue")
        return found

    def _object(self, number: int) -> Value:
        place = self._places.get(number)
        if place is None:
            return None
        where, index, is_packed = place
        if where == _FREE:
            return None
        return self._from_stream(where, index) if is_packed else self.indirect(where, number)[0]

    def indirect(self, offset: int, number: int | None = None) -> tuple[Value, int]:
        """The object at an offset and where it ends; raises PdfMalformed if it is another one."""
        reader = Reader(self.data, offset)
        head = reader.value(), reader.value(), reader.value()
        if not isinstance(head[0], int) or head[2] != Keyword(b"obj"):
            raise PdfMalformed(f"no object at {offset}")
        if number is not None and head[0] != number:
            raise PdfMalformed(f"another object than {number} at {offset}")
        value = reader.value()
        return value, reader.at

    def stream(self, offset: int) -> tuple[Dict, bytes]:
        """A stream object at an offset, inflated; raises PdfMalformed."""
        entries, at = self.indirect(offset)
        reader = Reader(self.data, at)
        reader.skip()
        begin = _STREAM.match(self.data, reader.at)
        if not isinstance(entries, dict) or begin is None:
            raise PdfMalformed(f"no stream at {offset}")
        length = self.resolve(entries.get("Length"))
        if not isinstance(length, int) or not 0 <= length <= len(self.data):
            raise PdfMalformed("a stream without a length")
        return entries, _inflated(entries, self.data[begin.end() : begin.end() + length])

    def _from_stream(self, number: int, index: int) -> Value:
        if number not in self._packed:
            place = self._places.get(number)
            if place is None or place[2]:
                raise PdfMalformed("an object stream is missing")
            entries, data = self.stream(place[0])
            first, count = entries.get("First"), entries.get("N")
            if not isinstance(first, int) or not isinstance(count, int) or count > MAX_OBJECTS:
                raise PdfMalformed("a broken object stream")
            head = Reader(data[:first])
            numbers = [head.value() for _ in range(2 * count)]
            offsets = [first + place for place in numbers[1::2] if isinstance(place, int)]
            self._packed[number] = data, offsets
        data, offsets = self._packed[number]
        if index >= len(offsets):
            raise PdfMalformed("an object stream is too short")
        return Reader(data, offsets[index]).value()

    # ---- what a seal needs -----------------------------------------------------------------------

    def pages(self) -> Iterator[PdfPage]:
        """All pages in order; raises PdfMalformed for a broken page tree."""
        catalogue = self.entries(self.root)
        waiting: list[tuple[Value, Dict]] = [(catalogue.get("Pages"), {})]
        seen: set[Ref] = set()
        while waiting:
            ref, inherited = waiting.pop()
            if not isinstance(ref, Ref) or ref in seen or len(seen) > 2 * MAX_PAGES:
                raise PdfMalformed("the page tree is broken")
            seen.add(ref)
            entries = self.entries(ref)
            known = {**inherited, **{k: entries[k] for k in ("MediaBox",) if k in entries}}
            if "Kids" in entries:
                waiting += [(kid, known) for kid in reversed(self.items(entries["Kids"]))]
            else:
                yield PdfPage(ref, entries, self._box(known.get("MediaBox")))

    def _box(self, value: Value) -> tuple[float, float, float, float]:
        numbers = [self.resolve(item) for item in self.items(value)]
        found = [float(item) for item in numbers if isinstance(item, int | float)]
        if len(found) != 4:
            raise PdfMalformed("a page without a size")
        (x1, x2), (y1, y2) = sorted((found[0], found[2])), sorted((found[1], found[3]))
        return x1, y1, x2, y2

    def signature_fields(self) -> Iterator[tuple[str, Ref | None, Dict]]:
        """Name, object and value of every signature field that is signed, in the fields' order."""
        form = self.resolve(self.entries(self.root).get("AcroForm"))
        if not isinstance(form, dict):
            return
        waiting: list[tuple[Value, str, Value]] = [
            (field, "", None) for field in reversed(self.items(form.get("Fields")))
        ]
        seen, values = 0, set[Ref]()
        while waiting:
            ref, prefix, kind = waiting.pop()
            seen += 1
            if seen > MAX_PAGES:
                raise PdfMalformed("too many fields")
            entries = self.entries(ref)
            title = self.resolve(entries.get("T"))
            own = title.decode("latin-1") if isinstance(title, bytes) else ""
            name = ".".join(part for part in (prefix, own) if part)
            kind = entries.get("FT", kind)
            kids = self.items(entries.get("Kids"))
            waiting += [(kid, name, kind) for kid in reversed(kids)]
            if kind == Name("Sig") and entries.get("V") is not None:
                value = entries["V"]
                if isinstance(value, Ref):
                    if value in values:
                        raise PdfMalformed("one signature stands in two fields")
                    values.add(value)
                yield name, value if isinstance(value, Ref) else None, self.entries(value)

    def offset_of(self, ref: Ref) -> int | None:
        """Where an object stands in the file; None inside an object stream or nowhere."""
        place = self._places.get(ref.number)
        return place[0] if place is not None and not place[2] and place[0] != _FREE else None


def open_pdf(data: bytes) -> PdfFile:
    """Open a file; raises PdfMalformed or PdfUnsupported and nothing else."""
    if len(data) > MAX_BYTES or not data.startswith(b"%PDF-"):
        raise PdfMalformed("not a PDF file")
    starts = _START.findall(data, max(0, len(data) - _TAIL))
    if not starts:
        raise PdfMalformed("the end of the file is missing")
    file = PdfFile(data, int(starts[-1]))
    try:
        _read_chain(file)
    except (RecursionError, OverflowError, zlib.error) as exc:
        raise PdfMalformed("a broken cross-reference") from exc
    if "Encrypt" in file.trailer:
        raise PdfUnsupported("the file is encrypted")
    return file


def _read_chain(file: PdfFile) -> None:
    waiting, seen = [file.start], set[int]()
    while waiting:
        offset = waiting.pop(0)
        if offset in seen or len(seen) > _MAX_CHAIN:
            raise PdfMalformed("cross-references go in circles")
        seen.add(offset)
        is_table = file.data.startswith(b"xref", offset)
        trailer = _read_table(file, offset) if is_table else _read_stream(file, offset)
        if not file.trailer:
            file.trailer, file.has_stream = trailer, not is_table
        for name in ("XRefStm", "Prev"):
            earlier = trailer.get(name)
            if isinstance(earlier, int):
                waiting.append(earlier)


def _add(file: PdfFile, number: int, place: tuple[int, int, bool] | None) -> None:
    if number > MAX_OBJECTS or len(file._places) > MAX_OBJECTS:  # noqa: SLF001 - one module
        raise PdfMalformed("too many objects")
    file._places.setdefault(number, place or (_FREE, 0, False))  # noqa: SLF001


def _read_table(file: PdfFile, offset: int) -> Dict:
    data, at = file.data, offset + 4
    places: dict[int, tuple[int, int, bool] | None] = {}
    while True:
        reader = Reader(data, at)
        reader.skip()
        section = _SECTION.match(data, reader.at)
        if section is None:
            break
        first, count, at = int(section[1]), int(section[2]), section.end()
        if count > MAX_OBJECTS:
            raise PdfMalformed("too many objects")
        for number in range(first, first + count):
            entry = _ENTRY.match(data, at)
            if entry is None:
                raise PdfMalformed("a broken cross-reference table")
            place = (int(entry[1]), int(entry[2]), False) if entry[3] == b"n" else None
            places[number] = place
            at = entry.end()
            reader = Reader(data, at)
            reader.skip()
            at = reader.at
    trailer = Reader(data, reader.at)
    if trailer.value() != Keyword(b"trailer"):
        raise PdfMalformed("a cross-reference table without a trailer")
    found = trailer.value()
    if not isinstance(found, dict):
        raise PdfMalformed("a trailer is no dictionary")
    for number, place in places.items():
        # A hybrid file hides from old readers, as free, what its stream then places.
        if place is not None or "XRefStm" not in found:
            _add(file, number, place)
    return found


def _read_stream(file: PdfFile, offset: int) -> Dict:
    entries, data = file.stream(offset)
    if entries.get("Type") != Name("XRef"):
        raise PdfMalformed("no cross-reference where one should be")
    widths, size = entries.get("W"), entries.get("Size")
    if not isinstance(widths, list) or len(widths) != 3 or not isinstance(size, int):
        raise PdfMalformed("a broken cross-reference stream")
    sizes = [width for width in widths if isinstance(width, int) and 0 <= width <= 8]
    index = entries.get("Index", [0, size])
    if len(sizes) != 3 or not sum(sizes) or not isinstance(index, list):
        raise PdfMalformed("a broken cross-reference stream")
    numbers = [item for item in index if isinstance(item, int)]
    at = 0
    for first, count in zip(numbers[::2], numbers[1::2], strict=False):
        for number in range(first, first + min(count, len(data))):
            row = data[at : at + sum(sizes)]
            at += sum(sizes)
            if len(row) < sum(sizes):
                raise PdfMalformed("a cross-reference stream is too short")
            kind, a, b = _row(row, sizes)
            _add(file, number, (a, b, kind == 2) if kind in {1, 2} else None)
    return entries


def _row(row: bytes, sizes: list[int]) -> tuple[int, int, int]:
    one, two, _ = sizes
    kind = int.from_bytes(row[:one]) if one else 1
    return kind, int.from_bytes(row[one : one + two]), int.from_bytes(row[one + two :])


def _inflated(entries: Dict, data: bytes) -> bytes:
    filters = entries.get("Filter")
    names = filters if isinstance(filters, list) else [] if filters is None else [filters]
    if not names:
        return data
    if names != [Name("FlateDecode")]:
        raise PdfMalformed("a filter that structure must not use")
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(data, MAX_STREAM)
    except zlib.error as exc:
        raise PdfMalformed("a broken stream") from exc
    if inflater.unconsumed_tail:
        raise PdfMalformed("a stream inflates beyond the limit")
    parameters = entries.get("DecodeParms")
    if isinstance(parameters, list):
        parameters = parameters[0] if parameters else None
    return _unpredicted(out, parameters) if isinstance(parameters, dict) else out


def _unpredicted(data: bytes, parameters: Dict) -> bytes:
    """Undo PNG prediction (ISO 32000-1, 7.4.4.4)."""
    predictor, columns = parameters.get("Predictor", 1), parameters.get("Columns", 1)
    if predictor == 1:
        return data
    colors, bits = parameters.get("Colors", 1), parameters.get("BitsPerComponent", 8)
    if not isinstance(predictor, int) or predictor < 10 or (colors, bits) != (1, 8):
        raise PdfMalformed("a prediction that structure must not use")
    if not isinstance(columns, int) or not 0 < columns <= 64:
        raise PdfMalformed("a broken prediction")
    out = bytearray()
    above = bytes(columns)
    for start in range(0, len(data) - columns, columns + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + columns])
        for index in range(columns):
            left = row[index - 1] if index else 0
            corner = above[index - 1] if index else 0
            row[index] = (row[index] + _predicted(kind, left, above[index], corner)) & 0xFF
        out += row
        above = bytes(row)
    return bytes(out)


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        distances = (abs(guess - left), abs(guess - up), abs(guess - corner))
        return (left, up, corner)[distances.index(min(distances))]
    if kind not in {0, 1, 2, 3}:
        raise PdfMalformed("a broken prediction")
    return (0, left, up, (left + up) // 2)[kind]
