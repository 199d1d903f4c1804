"""Seals in PDF: prepared, embedded, verified; every change and every trick is found."""

import contextlib
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e_seal.findings import Code, Verdict
from e_seal.model import SealState
from e_seal.pdf.errors import PdfError, PdfMalformed, PdfUnsupported
from e_seal.pdf.file import open_pdf
from e_seal.pdf.objects import Name, Reader, Ref, written
from e_seal.pdf.sign import PdfForm, PreparedPdf, embed_pdf, prepare_pdf
from e_seal.pdf.verify import verify_pdf
from e_seal.report import Report
from e_seal.ses import write
from e_seal.signing import Stamp, check_response
from kernel.crypto import sm3
from tests.unit.e_seal.pdfs import BODIES, FILES, PAGE, classic
from tests.unit.e_seal.samples import NOW, SEAL_CODE, world

STAMP = Stamp(0, 120, 200, 42, 42)


def answer(frozen: PreparedPdf, **changes: object) -> bytes:
    w = world()
    parts = {
        "seal": w.seal,
        "data_hash": frozen.digest,
        "property_info": frozen.property_info,
        "signed_at": NOW,
        "signer": w.signer,
    }
    return write.make_signature(**{**parts, **changes})  # type: ignore[arg-type]


@cache
def sealed(pdf: bytes) -> bytes:
    frozen = prepare_pdf(pdf, world().seal, STAMP, at=NOW)
    return embed_pdf(frozen, answer(frozen))


def checked(pdf: bytes) -> Report:
    return verify_pdf(pdf, trust=world().trust, now=NOW)


@pytest.mark.parametrize("name", FILES)
def test_a_sealed_file_is_valid_and_its_original_is_untouched(name: str) -> None:
    original = FILES[name]
    frozen = prepare_pdf(original, world().seal, STAMP, at=NOW)
    assert frozen == prepare_pdf(original, world().seal, STAMP, at=NOW)
    arguments = {"seal_code": SEAL_CODE, "trust": world().trust, "now": NOW}
    skew = timedelta(minutes=10)
    assert check_response(frozen, answer(frozen), skew=skew, **arguments) == ()  # type: ignore[arg-type]
    pdf = embed_pdf(frozen, answer(frozen))
    assert pdf.startswith(original)
    report = checked(pdf)
    assert report.verdict is Verdict.VALID, report
    (signature,) = report.signatures
    assert (signature.id, signature.seal_code, signature.signed_at) == ("Seal1", SEAL_CODE, NOW)
    assert b"/Filter /Gomain.GMPkiLite /SubFilter /GM.sm2seal" in pdf


@pytest.mark.parametrize("name", FILES)
def test_the_stamp_stands_on_its_page(name: str) -> None:
    file = open_pdf(sealed(FILES[name]))
    (page,) = file.pages()
    (widget,) = [file.entries(item) for item in file.items(page.entries["Annots"])]
    left, bottom, right, top = (n for n in file.items(widget["Rect"]) if isinstance(n, int | float))
    assert round((right - left) * 25.4 / 72, 2) == round((top - bottom) * 25.4 / 72, 2) == 42
    assert round(left * 25.4 / 72, 2) == 120
    assert round((842 - top) * 25.4 / 72, 2) == 200
    appearance = file.entries(file.entries(widget["AP"])["N"])
    image = file.entries(file.entries(file.entries(appearance["Resources"])["XObject"])["Seal"])
    assert (image["Subtype"], image["ColorSpace"]) == (Name("Image"), Name("DeviceRGB"))
    form = file.entries(file.entries(file.root)["AcroForm"])
    assert form["SigFlags"] == 3


@pytest.mark.parametrize("name", FILES)
def test_two_seals_and_the_first_one_says_so(name: str) -> None:
    twice = sealed(sealed(FILES[name]))
    report = checked(twice)
    assert report.verdict is Verdict.VALID_WITH_WARNINGS
    first, second = report.signatures
    assert {finding.code for finding in first.findings} == {Code.W_LATER_REVISION}
    assert (first.id, second.id, second.findings) == ("Seal1", "Seal2", ())


@pytest.mark.parametrize("name", FILES)
def test_an_unsigned_update_is_never_valid(name: str) -> None:
    pdf = sealed(FILES[name])
    (page,) = open_pdf(pdf).pages()
    start = len(pdf)
    body = f"{page.ref.number} 0 obj\n{PAGE}\nendobj\n".encode()
    changed = pdf + body + f"xref\n{page.ref.number} 1\n{start:010d} 00000 n\r\n".encode()
    changed += f"trailer\n<</Root 1 0 R/Size 40/Prev {open_pdf(pdf).start}>>\n".encode()
    changed += f"startxref\n{start + len(body)}\n%%EOF\n".encode()
    report = checked(changed)
    assert report.verdict is Verdict.INVALID
    assert report.codes == {Code.COVERAGE_PARTIAL}


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_every_changed_octet_is_found(name: str, data: st.DataObject) -> None:
    pdf = bytearray(sealed(FILES[name]))
    place = data.draw(st.integers(0, len(pdf) - 1))
    old = pdf[place]
    pdf[place] = data.draw(st.integers(0, 255).filter(lambda new: new != old))
    # The letter case of a hexadecimal digit is the only change without a meaning.
    if bytes([old]).lower() != bytes([pdf[place]]).lower():
        assert checked(bytes(pdf)).verdict is Verdict.INVALID


def with_range(numbers: tuple[int, int, int, int]) -> bytes:
    pdf = sealed(FILES["classic"])
    start = pdf.index(b"/ByteRange [") + len(b"/ByteRange ")
    end = pdf.index(b"]", start) + 1
    text = "[{} {:010d} {:010d} {:010d}]".format(*numbers).encode()
    return pdf[:start] + text + pdf[end:]


def ranges(pdf: bytes) -> tuple[int, int, int, int]:
    ((_, _, value),) = open_pdf(pdf).signature_fields()
    found = value["ByteRange"]
    assert isinstance(found, list)
    a, b, c, d = (number for number in found if isinstance(number, int))
    return a, b, c, d


@pytest.mark.parametrize(
    "shift",
    [(1, 0, 0, 0), (0, -9, 0, 0), (0, 0, 9, -9), (0, 0, 0, 1), (0, 0, 0, -30), (0, -(10**4), 0, 0)],
)
def test_ranges_that_leave_out_more_are_invalid(shift: tuple[int, int, int, int]) -> None:
    good = ranges(sealed(FILES["classic"]))
    numbers = [one + by for one, by in zip(good, shift, strict=True)]
    report = checked(with_range((numbers[0], numbers[1], numbers[2], numbers[3])))
    assert Code.BYTE_RANGE_INVALID in report.codes or Code.PDF_MALFORMED in report.codes
    assert report.verdict is Verdict.INVALID


def test_what_was_signed_is_compared() -> None:
    frozen = prepare_pdf(FILES["classic"], world().seal, STAMP, at=NOW)
    other = embed_pdf(frozen, answer(frozen, data_hash=sm3.digest(b"other")))
    assert checked(other).codes == {Code.DATA_HASH_MISMATCH}
    elsewhere = embed_pdf(frozen, answer(frozen, property_info="/Doc_0/Signs/Sign_0/Signature.xml"))
    assert checked(elsewhere).codes == {Code.W_PROPERTY_PATH}


def test_the_status_system_is_heard() -> None:
    pdf = sealed(FILES["modern"])
    for state, code in [
        (SealState.REVOKED, Code.SEAL_REVOKED),
        (SealState.UNKNOWN, Code.W_STATUS_UNKNOWN),
        (SealState.REVOKED_LATER, Code.W_SEAL_REVOKED_LATER),
    ]:
        states = {SEAL_CODE: state}
        report = verify_pdf(pdf, trust=world().trust, now=NOW, seal_states=states)
        assert report.codes == {code}


def test_names_of_the_form_are_a_matter_of_the_viewer() -> None:
    form = PdfForm("Other.Vendor", "other.seal")
    frozen = prepare_pdf(FILES["classic"], world().seal, STAMP, at=NOW, form=form)
    assert b"/Filter /Other.Vendor /SubFilter /other.seal" in frozen.pdf
    assert checked(embed_pdf(frozen, answer(frozen))).verdict is Verdict.VALID


def test_values_that_do_not_fit_are_refused() -> None:
    frozen = prepare_pdf(FILES["classic"], world().seal, STAMP, at=NOW)
    with pytest.raises(PdfMalformed, match="longer"):
        embed_pdf(frozen, bytes(frozen.room + 1))
    done = embed_pdf(frozen, answer(frozen))
    again = PreparedPdf(done, frozen.field, frozen.contents, frozen.room, frozen.seal, NOW)
    with pytest.raises(PdfMalformed, match="prepared"):
        embed_pdf(again, answer(frozen))
    with pytest.raises(ValueError, match="stamp"):
        prepare_pdf(FILES["classic"], world().seal, Stamp(1, 0, 0, 42, 42), at=NOW)
    with pytest.raises(ValueError, match="seal"):
        prepare_pdf(FILES["classic"], b"seal", STAMP, at=NOW)
    for value in (b"", b"0", b"\x30\x82", b"\x30\x80\0\0", b"no value"):
        assert checked(embed_pdf(frozen, value)).verdict is Verdict.INVALID


def test_encrypted_and_certified_files_are_refused() -> None:
    with pytest.raises(PdfUnsupported, match="encrypted"):
        open_pdf(classic(trailer="/Encrypt<<>>"))
    certified = "<</Reference[<</TransformMethod/DocMDP/TransformParams<</P 1>>>>]>>"
    bodies = {**BODIES, 1: "<</Type/Catalog/Pages 2 0 R/Perms<</DocMDP 5 0 R>>>>", 5: certified}
    with pytest.raises(PdfUnsupported, match="certified"):
        prepare_pdf(classic(bodies), world().seal, STAMP, at=NOW)
    bodies[5] = certified.replace("/P 1", "/P 2")
    prepare_pdf(classic(bodies), world().seal, STAMP, at=NOW)


@pytest.mark.parametrize(
    "bodies",
    [
        {2: "<</Type/Pages/Kids[2 0 R]>>"},
        {2: "<</Type/Pages/Kids 2 0 R>>"},
        {2: "7"},
        {3: "<</Type/Page>>"},
        {3: "<</Type/Page/MediaBox[0 0 595]>>"},
        {3: "[" * 200},
        {3: "<</Type/Page/Type/Page>>"},
        {1: "<</Pages 1 0 R>>"},
    ],
)
def test_broken_page_trees_are_malformed(bodies: dict[int, str]) -> None:
    with pytest.raises(PdfError):
        prepare_pdf(classic({**BODIES, **bodies}), world().seal, STAMP, at=NOW)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"%PDF", b"%FDP"),
        (b"startxref", b"startxxxx"),
        (b"trailer", b"reliart"),
        (b"/Root", b"/Toor"),
    ],
)
def test_broken_files_are_malformed(old: bytes, new: bytes) -> None:
    with pytest.raises(PdfMalformed):
        prepare_pdf(FILES["classic"].replace(old, new), world().seal, STAMP, at=NOW)
    assert checked(FILES["classic"].replace(old, new)).verdict is Verdict.INVALID


def test_chains_that_go_in_circles_end() -> None:
    pdf = FILES["classic"]
    start = open_pdf(pdf).start
    with pytest.raises(PdfMalformed, match="circles"):
        open_pdf(classic(trailer=f"/Prev {start}"))
    assert checked(pdf).codes == {Code.NOT_SIGNED}


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), is_signed=st.booleans(), data=st.data())
def test_damaged_files_raise_only_the_typed_error(
    name: str, is_signed: bool, data: st.DataObject
) -> None:
    good = sealed(FILES[name]) if is_signed else FILES[name]
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(good)))] + good[-200:])
    for pdf in (bytes(damaged), cut):
        verify_pdf(pdf, trust=world().trust, now=NOW)
        with contextlib.suppress(PdfError):
            prepare_pdf(pdf, world().seal, STAMP, at=NOW)


VALUES: st.SearchStrategy[object] = st.recursive(
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.binary(max_size=20)
    | st.text(st.characters(max_codepoint=255, min_codepoint=1), max_size=9).map(Name)
    | st.builds(Ref, st.integers(0, 9999), st.integers(0, 9))
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcXYZ#/ ", min_size=1, max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_objects_are_read_as_they_were_written(value: object) -> None:
    text = written(value)  # type: ignore[arg-type]
    assert Reader(b" %x\n" + text + b" endobj").value() == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb"(a\(b\)(c)\101\n\\\q)", b"a(b)(c)A\n\\q"),
        (b"(a\\\r\nb\\\nc)", b"abc"),
        (b"<4 1 4>", b"A@"),
        (b"/A#20B", Name("A B")),
        (b"[1 0 R -.5 true null]", [Ref(1), -0.5, True, None]),
    ],
)
def test_strings_and_names_in_all_their_forms(text: bytes, value: object) -> None:
    assert Reader(text).value() == value
