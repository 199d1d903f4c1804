"""Large PDF files made by enemies: many signatures over the same octets cost neither memory nor
time.
"""

import time
import tracemalloc

from e_seal import Report, Verdict
from e_seal.findings import Code
from e_seal.pdf.verify import verify_pdf
from tests.unit.e_seal.pdfs import classic
from tests.unit.e_seal.samples import NOW, world

LARGE = 12 * 1024 * 1024
COUNT = 40


def with_signatures(count: int, size: int, *, shared: bool = False, value: str = "<00>") -> bytes:
    """A file of ``size`` octets with so many signatures, each of which claims nearly all of it."""
    first = 6
    numbers = [first] * count if shared else list(range(first, first + count))
    fields = "".join(f"<</FT/Sig/T(S{n})/V {number} 0 R>>" for n, number in enumerate(numbers))
    bodies = {
        1: f"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{fields}]>>>>",
        2: "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        4: f"<</Length {size}>>\nstream\n{'x' * size}\nendstream",
        5: value,
    }
    for number in sorted(set(numbers)):
        ranges = "[0 <<<<<<<< ======== >>>>>>>>]"
        bodies[number] = f"<</Type/Sig/ByteRange{ranges}/Contents {value}>>"
    pdf = classic(bodies)
    start = pdf.index(b"/Contents ") + len(b"/Contents ")
    stop = start + len(value)
    for mark, number in ((b"<", start), (b"=", stop), (b">", len(pdf) - stop)):
        pdf = pdf.replace(8 * mark, b"%-8d" % number)
    return pdf


def check(pdf: bytes) -> tuple[Report, int, float]:
    """The report, the most octets held, the CPU seconds."""
    tracemalloc.start()
    begun = time.process_time()
    try:
        report = verify_pdf(pdf, trust=world().trust, now=NOW)
        return report, tracemalloc.get_traced_memory()[1], time.process_time() - begun
    finally:
        tracemalloc.stop()


def test_a_large_file_is_not_copied_for_each_signature() -> None:
    report, held, seconds = check(with_signatures(COUNT, LARGE))
    assert report.verdict is Verdict.INVALID
    assert len(report.signatures) == COUNT
    assert held < 4 * 1024 * 1024
    assert seconds < 3


def test_more_than_can_be_digested_is_refused_at_once() -> None:
    report, _, seconds = check(with_signatures(64, 17 * 1024 * 1024))
    assert report.codes == {Code.PDF_MALFORMED}
    assert seconds < 1


def test_one_value_in_many_fields_is_read_once() -> None:
    report, _, _ = check(with_signatures(5, 10, shared=True))
    assert report.codes == {Code.PDF_MALFORMED}


def test_a_value_of_megabytes_is_no_value() -> None:
    report, held, _ = check(with_signatures(1, 10, value="<" + "0" * 9_000_000 + ">"))
    assert Code.BYTE_RANGE_INVALID in report.codes
    assert held < 24 * 1024 * 1024


def test_a_value_that_lies_elsewhere_is_not_followed() -> None:
    report, _, _ = check(with_signatures(1, 10, value="5 0 R"))
    assert Code.SES_FORMAT_INVALID in report.codes
