"""Prepare a PDF for a remote seal and put the seal signature in, by one incremental update.

The same SES_Signature as in an OFD lies in /Contents; what is hashed is the file without it
(ISO 32000-1, 12.8.1), and dataHash is SM3 of that. Nothing of the original file is rewritten.
"""

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from PIL import Image, UnidentifiedImageError

from e_seal.pdf.errors import PdfMalformed, PdfUnsupported
from e_seal.pdf.file import PdfFile, PdfPage, open_pdf
from e_seal.pdf.objects import Dict, Name, Raw, Ref, Value, dictionary
from e_seal.ses.model import Picture, SesFormatError
from e_seal.ses.read import read_seal
from e_seal.signing import Stamp
from kernel.clock import beijing
from kernel.crypto import sm3

POINTS: Final = 72 / 25.4
_SPARE: Final = 4096
"""Octets for the signature beyond the seal that it embeds: certificate, value, time-stamp."""
_NUMBER: Final = 10
_RANGE: Final = Raw(b"[0 " + b" ".join([b"0" * _NUMBER] * 3) + b"]")
_SIGNATURES_EXIST: Final = 1
_APPEND_ONLY: Final = 2
_PRINT: Final = 4
_LOCKED: Final = 128
_NO_CHANGES: Final = 1
_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP")
_MAX_PIXELS: Final = 16_000_000


@dataclass(frozen=True)
class PdfForm:
    """How the signature is announced: each vendor's viewer looks for its own names.

    The defaults are the only pair that was seen in use.
    """

    filter: str = "Gomain.GMPkiLite"
    sub_filter: str = "GM.sm2seal"


@dataclass(frozen=True)
class PreparedPdf:
    """A PDF that lacks only its signature; can be stored and continued later.

    ``contents`` is where the hexadecimal digits of /Contents begin, ``room`` the octets they hold.
    """

    pdf: bytes
    field: str
    contents: int
    room: int
    seal: bytes
    prepared_at: datetime

    @property
    def digest(self) -> bytes:
        """SM3 of everything but /Contents, the 32 octets that the province signs."""
        return sm3.digest(self.pdf[: self.contents - 1] + self.pdf[self._end :])

    @property
    def property_info(self) -> str:
        """The signature field's name, signed along with the digest (OURS: no standard says)."""
        return self.field

    @property
    def _end(self) -> int:
        return self.contents + 2 * self.room + 1


def prepare_pdf(
    pdf: bytes,
    seal: bytes,
    stamp: Stamp,
    *,
    at: datetime,
    form: PdfForm | None = None,
) -> PreparedPdf:
    """Freeze everything but the signature value; ``at`` (aware) is the stated signing time.

    Raises PdfMalformed, PdfUnsupported for a file that is encrypted or certified against changes,
    and ValueError for a stamp on no page or a seal that cannot be read.
    """
    file = open_pdf(pdf)
    _refuse_if_certified(file)
    pages = list(file.pages())
    if not 0 <= stamp.page < len(pages) or stamp.width <= 0 or stamp.height <= 0:
        raise ValueError("a stamp needs an existing page and a size")
    try:
        picture = read_seal(seal).picture
    except SesFormatError as exc:
        raise ValueError("the seal cannot be read") from exc
    update = _Update(file)
    names = {name for name, _, _ in file.signature_fields()}
    field = next(name for n in range(1, len(names) + 2) if (name := f"Seal{n}") not in names)
    room = len(seal) + _SPARE
    value = update.add(_signature(form or PdfForm(), room, at))
    widget = _widget(update, pages[stamp.page], stamp, picture)
    widget |= {"T": field.encode(), "V": value}
    ref = update.add(widget)
    _show(file, update, pages[stamp.page], ref)
    _announce(file, update, ref)
    whole = bytearray(update.finish())
    start = whole.index(b"/Contents <", len(pdf)) + len(b"/Contents <")
    end = start + 2 * room + 1
    place = whole.index(_RANGE.text, len(pdf))
    numbers = [b"%010d" % n for n in (start - 1, end, len(whole) - end)]
    whole[place : place + len(_RANGE.text)] = b"[0 " + b" ".join(numbers) + b"]"
    return PreparedPdf(bytes(whole), field, start, room, seal, at)


def restore_pdf(pdf: bytes, field: str, seal: bytes, prepared_at: datetime) -> PreparedPdf:
    """Go on with a stored document, whose ByteRange says where the value belongs.

    Raises PdfError when the document has no such field.
    """
    file = open_pdf(pdf)
    values = (value for name, _, value in file.signature_fields() if name == field)
    value = next(values, None)
    found = [] if value is None else file.items(value.get("ByteRange"))
    numbers = [item for item in found if isinstance(item, int)]
    if len(numbers) != 4:
        raise PdfMalformed("the stored document is not the one that was prepared")
    _, start, end, _ = numbers
    return PreparedPdf(pdf, field, start + 1, (end - start - 2) // 2, seal, prepared_at)


def embed_pdf(prepared: PreparedPdf, ses_signature: bytes) -> bytes:
    """The sealed document: the value in its place, nothing else touched."""
    if len(ses_signature) > prepared.room:
        raise PdfMalformed("the signature is longer than the room that was left for it")
    digits = ses_signature.hex().encode()
    start, end = prepared.contents, prepared.contents + 2 * prepared.room
    if set(prepared.pdf[start:end]) != {ord("0")}:
        raise PdfMalformed("the stored document is not the one that was prepared")
    return prepared.pdf[:start] + digits.ljust(2 * prepared.room, b"0") + prepared.pdf[end:]


def _refuse_if_certified(file: PdfFile) -> None:
    permissions = file.resolve(file.entries(file.root).get("Perms"))
    if not isinstance(permissions, dict) or "DocMDP" not in permissions:
        return
    for reference in file.items(file.entries(permissions["DocMDP"]).get("Reference")):
        parameters = file.resolve(file.entries(reference).get("TransformParams"))
        if isinstance(parameters, dict) and parameters.get("P", 2) == _NO_CHANGES:
            raise PdfUnsupported("the file is certified against any change")


def _signature(form: PdfForm, room: int, at: datetime) -> Dict:
    local = beijing(at)
    return {
        "Type": Name("Sig"),
        "Filter": Name(form.filter),
        "SubFilter": Name(form.sub_filter),
        "ByteRange": _RANGE,
        "Contents": Raw(b"<" + b"0" * (2 * room) + b">"),
        "M": f"D:{local:%Y%m%d%H%M%S}+08'00'".encode(),
    }


def _widget(update: "_Update", page: PdfPage, stamp: Stamp, picture: Picture) -> Dict:
    left, top = page.box[0], page.box[3]
    width, height = stamp.width * POINTS, stamp.height * POINTS
    x, y = left + stamp.x * POINTS, top - (stamp.y + stamp.height) * POINTS
    flags = _PRINT | _LOCKED
    widget: Dict = {
        "Type": Name("Annot"),
        "Subtype": Name("Widget"),
        "FT": Name("Sig"),
        "F": flags,
        "P": page.ref,
        "Rect": [x, y, x + width, y + height],
    }
    image = _image(update, picture)
    if image is None:
        return widget
    drawing = f"q {width:.4f} 0 0 {height:.4f} 0 0 cm /Seal Do Q".encode()
    appearance: Dict = {
        "Type": Name("XObject"),
        "Subtype": Name("Form"),
        "BBox": [0, 0, width, height],
        "Resources": {"XObject": {"Seal": image}},
    }
    return {**widget, "AP": {"N": update.add(appearance, drawing)}}


def _image(update: "_Update", picture: Picture) -> Ref | None:
    """The seal's picture as an image with transparency; None for kinds that are not bitmaps."""
    try:
        with Image.open(io.BytesIO(picture.data), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                return None
            bitmap = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    about: Dict = {
        "Type": Name("XObject"),
        "Subtype": Name("Image"),
        "Width": bitmap.width,
        "Height": bitmap.height,
        "BitsPerComponent": 8,
        "Filter": Name("FlateDecode"),
    }
    alpha = zlib.compress(bitmap.getchannel("A").tobytes(), 9)
    mask = update.add({**about, "ColorSpace": Name("DeviceGray")}, alpha)
    colours = zlib.compress(bitmap.convert("RGB").tobytes(), 9)
    return update.add({**about, "ColorSpace": Name("DeviceRGB"), "SMask": mask}, colours)


def _show(file: PdfFile, update: "_Update", page: PdfPage, widget: Ref) -> None:
    listed = file.items(page.entries.get("Annots"))
    update.put(page.ref, {**page.entries, "Annots": [*listed, widget]})


def _announce(file: PdfFile, update: "_Update", field: Ref) -> None:
    catalogue = file.entries(file.root)
    found = file.resolve(catalogue.get("AcroForm"))
    form = found if isinstance(found, dict) else {}
    flags = file.resolve(form.get("SigFlags"))
    marks = (flags if isinstance(flags, int) else 0) | _SIGNATURES_EXIST | _APPEND_ONLY
    fields: list[Value] = [*file.items(form.get("Fields")), field]
    merged: Dict = {**form, "Fields": fields, "SigFlags": marks}
    update.put(file.root, {**catalogue, "AcroForm": merged})


class _Update:
    """An incremental update being written (ISO 32000-1, 7.5.6)."""

    def __init__(self, file: PdfFile) -> None:
        self._file = file
        self._next = file.size
        self._objects: dict[Ref, tuple[Mapping[str, Value], bytes | None]] = {}

    def add(self, entries: Dict, stream: bytes | None = None) -> Ref:
        """A new object."""
        ref = Ref(self._next)
        self._next += 1
        self.put(ref, entries, stream)
        return ref

    def put(self, ref: Ref, entries: Dict, stream: bytes | None = None) -> None:
        """A new object or a new state of an old one."""
        self._objects[ref] = entries, stream

    def finish(self) -> bytes:
        """The original file and the update behind it."""
        out = bytearray(self._file.data)
        if not out.endswith(b"\n"):
            out += b"\n"
        places: dict[int, tuple[int, int]] = {}
        for ref, (entries, stream) in sorted(self._objects.items(), key=lambda p: p[0].number):
            places[ref.number] = len(out), ref.generation
            out += f"{ref.number} {ref.generation} obj\n".encode() + _body(entries, stream)
            out += b"\nendobj\n"
        start = len(out)
        kept = ("Root", "Info", "ID")
        known = {name: self._file.trailer[name] for name in kept if name in self._file.trailer}
        trailer: Dict = {**known, "Prev": self._file.start, "Size": self._next}
        # A file with cross-reference streams must go on with them.
        out += (
            self._stream(start, places, trailer)
            if self._file.has_stream
            else (_table(places) + b"trailer\n" + dictionary(trailer) + b"\n")
        )
        out += f"startxref\n{start}\n%%EOF\n".encode()
        return bytes(out)

    def _stream(self, start: int, places: dict[int, tuple[int, int]], trailer: Dict) -> bytes:
        number = self._next
        rows = {**places, number: (start, 0)}
        index: list[Value] = []
        for first, run in _runs(sorted(rows)):
            index += [first, len(run)]
        data = b"".join(
            b"\x01" + rows[one][0].to_bytes(5) + rows[one][1].to_bytes(2) for one in sorted(rows)
        )
        entries: Dict = {
            **trailer,
            "Type": Name("XRef"),
            "Size": number + 1,
            "W": [1, 5, 2],
            "Index": index,
        }
        return f"{number} 0 obj\n".encode() + _body(entries, data) + b"\nendobj\n"


def _body(entries: Mapping[str, Value], stream: bytes | None) -> bytes:
    if stream is None:
        return dictionary(entries)
    head = dictionary({**entries, "Length": len(stream)})
    return head + b"\nstream\n" + stream + b"\nendstream"


def _runs(numbers: Sequence[int]) -> list[tuple[int, list[int]]]:
    runs: list[tuple[int, list[int]]] = []
    for number in numbers:
        if runs and number == runs[-1][1][-1] + 1:
            runs[-1][1].append(number)
        else:
            runs.append((number, [number]))
    return runs


def _table(places: Mapping[int, tuple[int, int]]) -> bytes:
    out = b"xref\n"
    for first, run in _runs(sorted(places)):
        out += f"{first} {len(run)}\n".encode()
        out += b"".join(b"%010d %05d n\r\n" % places[number] for number in run)
    return out
