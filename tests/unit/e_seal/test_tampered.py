"""A freshly sealed document is valid; each tampered one is refused with its code."""

import pytest

from e_seal.findings import Verdict
from e_seal.verify import verify
from tests.unit.e_seal.documents import sealed
from tests.unit.e_seal.samples import NOW, world
from tests.unit.e_seal.tampered import CASES, loosely


@pytest.mark.parametrize("name", CASES)
def test_each_tampered_document_is_refused(name: str) -> None:
    case = CASES[name]
    report = verify(case.make(), trust=world().trust, now=NOW)
    assert report.verdict is Verdict.INVALID, report
    assert case.code in report.codes, report


@pytest.mark.parametrize("lock", [False, True])
def test_the_untouched_document_is_valid(lock: bool) -> None:
    assert verify(sealed(lock=lock), trust=world().trust, now=NOW).verdict is Verdict.VALID


def test_a_signature_without_ofd_xml_is_a_warning_as_in_genuine_files() -> None:
    report = verify(loosely({"OFD.xml"}), trust=world().trust, now=NOW)
    assert report.verdict is Verdict.VALID_WITH_WARNINGS
